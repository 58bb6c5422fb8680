//! The tools an agent may call while it works: those it names that only read, as the catalog has them in use.

use super::Call;
use super::registry::Registry;
use super::served::Served;
use crate::effects::{EffectPort, Stop};
use async_trait::async_trait;
use contracts::{gen_ai, trace, work};
use llm::{ToolBox, ToolCard, ToolOutput, Usage};
use serde_json::{Map, Value};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;
use worker::give_up_at;
use workflow::tool::{ToolSource, ToolSpecification};

/// What one run of an agent may call, within the run's own time.
pub struct Shelf<'a> {
    /// Read-only, no agents, and in use when the run began. What the model is told of them stays.
    offered: Vec<Arc<Served>>,
    /// As they are now.
    registry: &'a Registry,
    submission_json: &'a str,
    /// Its ledger stays untouched, since nothing here has effects.
    run: &'a dyn EffectPort,
    /// What was called and costs.
    used: Mutex<Usage>,
}

impl<'a> Shelf<'a> {
    /// Of the tools with these ids, for a run of the agent.
    pub fn of(named: &[String], registry: &'a Registry, call: &Call<'a>) -> Self {
        let in_use = |served: &Arc<Served>| {
            let in_use = registry.in_force.lets_agents_call(served);
            if !in_use {
                tracing::info!(
                    tool = served.spec().tool_id,
                    "an agent goes without a tool that is not in use"
                );
            }
            in_use
        };
        let named = named.iter().filter_map(|tool_id| registry.for_agents(tool_id));
        Self {
            offered: named.filter(in_use).collect(),
            registry,
            submission_json: call.submission_json,
            run: call.run,
            used: Mutex::default(),
        }
    }

    /// Adds what was called here to what the run used of models.
    pub fn add_to(&self, usage: &mut Usage) {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        *usage = usage.plus(&used);
    }

    fn count(&self, usage: &Usage) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        *used = used.plus(usage);
    }

    /// The tool as it was offered, where it is in use to this moment.
    fn in_use(&self, tool_id: &str) -> Result<Arc<Served>, String> {
        let mut offered = self.offered.iter();
        let offered = offered.find(|served| served.spec().tool_id == tool_id);
        let offered = offered.ok_or_else(|| format!("there is no tool {tool_id:?}"))?;
        let now = self.registry.for_agents(tool_id).filter(|now| {
            let same = now.spec().version_hash() == offered.spec().version_hash();
            same && self.registry.in_force.lets_agents_call(now)
        });
        now.ok_or_else(|| format!("the tool {tool_id:?} is not in use now"))
    }
}

#[async_trait]
impl ToolBox for Shelf<'_> {
    fn cards(&self) -> Vec<ToolCard> {
        self.offered.iter().map(|served| card(served)).collect()
    }

    async fn call(&self, tool_id: &str, arguments: Map<String, Value>) -> Result<ToolOutput, String> {
        let served = self.in_use(tool_id)?;
        let arguments = served.checked(arguments).map_err(|failure| failure.to_string())?;
        let call = Call {
            tier: None,
            arguments,
            submission_json: self.submission_json,
            feedback: &[],
            responses: None,
            request_state: None,
            run: self.run,
        };
        let allowed = Duration::from_secs_f64(served.spec().timeout_seconds);
        let give_up = give_up_at(self.run.deadline()).min(Instant::now() + allowed);
        let span = gen_ai::execute_tool(tool_id, "");
        let output = timeout_at(give_up, served.tool.call(call).instrument(span.clone())).await;
        let mut output = output
            .map_err(|_| "it did not answer in time".to_owned())
            .and_then(|output| output.map_err(said))
            .inspect_err(|_| trace::fail(&span, "tool_failed"))?;
        output.charge(served.spec());
        let usage = price(&output.usage, served.spec());
        self.count(&usage);
        let value = serde_json::from_str(&output.json).map_err(|error| format!("its output is no JSON: {error}"))?;
        Ok(ToolOutput { value, usage })
    }
}

/// What a call cost: of what nobody charged for, whether it is known to be free.
fn price(told: &work::Usage, spec: &ToolSpecification) -> Usage {
    let free = spec.source == ToolSource::Builtin || spec.estimated_cost == Some(0.0);
    Usage {
        usd_micros: if told.calls > 0 {
            told.usd_micros
        } else {
            free.then_some(0)
        },
        calls: told.calls.max(0),
        ..Usage::default()
    }
}

fn card(served: &Served) -> ToolCard {
    let spec = served.spec();
    ToolCard {
        tool_id: spec.tool_id.clone(),
        name: spec.name.clone(),
        description: spec.description.clone(),
        category: spec.category.clone(),
        input_schema: spec.input_schema.clone(),
        output_schema: spec.output_schema.clone(),
        source: "api".to_owned(),
        effects: spec.effects.as_str().to_owned(),
    }
}

fn said(stop: Stop) -> String {
    match stop {
        Stop::Failed(failure) => failure.to_string(),
        Stop::Engine(failed) => failed.error.to_string(),
        // Nobody reads along while an agent works.
        Stop::Asks(question) => format!("it asks a human: {}", question.message),
        Stop::Released | Stop::Dropped => "it could not be called".to_owned(),
    }
}
