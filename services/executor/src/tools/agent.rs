//! Agents: prompts with schemas, run by the configured engine.

use super::{Call, Offer, Output, Tool};
use crate::effects::{Stop, give_up_at};
use crate::failure::RunFailure;
use crate::template::{Place, is_template, render, to_template};
use async_trait::async_trait;
use llm::{Context, Engine, NoTools, Tier, ToolCard, WriteAsk};
use serde_json::{Map, Value};
use service::config::AgentConfig;
use std::sync::Arc;
use tokio::time::timeout_at;
use workflow::tool::{RetryPolicy, ToolSource, ToolSpecification};
use workflow::vocabulary::EffectClass;

/// The shipped agents.
pub fn shipped(engine: &Arc<dyn Engine>, pool: &str) -> Vec<Offer> {
    let offer = |card: ToolCard| Offer {
        tool: Arc::new(Agent {
            engine: Arc::clone(engine),
            agent: definition(card.clone(), "", Tier::Standard),
        }),
        spec: specification(card, pool),
    };
    llm::agent_tools().into_iter().map(offer).collect()
}

/// An agent of the operator's own.
pub fn configured(config: &AgentConfig, engine: &Arc<dyn Engine>, pool: &str) -> Offer {
    let card = ToolCard {
        tool_id: config.tool_id.clone(),
        name: config.display_name().to_owned(),
        description: config.description.clone(),
        category: config.category.clone(),
        input_schema: config.input_schema.clone(),
        output_schema: config.output_schema.clone(),
        source: "builtin".to_owned(),
        effects: EffectClass::ReadOnly.as_str().to_owned(),
    };
    let spec = ToolSpecification {
        requires_approval: config.requires_approval,
        retry: super::registry::retry(&config.retry),
        timeout_seconds: config.timeout_seconds,
        ..specification(card.clone(), pool)
    };
    Offer {
        tool: Arc::new(Agent {
            engine: Arc::clone(engine),
            agent: definition(card.clone(), &config.prompt, tier(config.tier)),
        }),
        spec,
    }
}

/// The definition of a built-in tool: reads only, costs nothing by itself.
pub(super) fn specification(card: ToolCard, pool: &str) -> ToolSpecification {
    ToolSpecification {
        tool_id: card.tool_id,
        name: card.name,
        description: card.description,
        category: card.category,
        input_schema: card.input_schema,
        output_schema: card.output_schema,
        estimated_cost: Some(0.0),
        estimated_duration: None,
        requires_approval: false,
        source: ToolSource::Builtin,
        effects: EffectClass::ReadOnly,
        retry: RetryPolicy::default(),
        timeout_seconds: 60.0,
        pool: pool.to_owned(),
    }
}

fn definition(card: ToolCard, prompt: &str, tier: Tier) -> llm::Agent {
    llm::Agent {
        card,
        prompt: prompt.to_owned(),
        tier,
        tools: Vec::new(),
        max_tool_calls: 0,
    }
}

fn tier(tier: service::config::Tier) -> Tier {
    match tier {
        service::config::Tier::Small => Tier::Small,
        service::config::Tier::Standard => Tier::Standard,
        service::config::Tier::Large => Tier::Large,
    }
}

struct Agent {
    engine: Arc<dyn Engine>,
    agent: llm::Agent,
}

#[async_trait]
impl Tool for Agent {
    fn is_agent(&self) -> bool {
        true
    }

    async fn call(&self, call: Call<'_>) -> Result<Output, Stop> {
        let context: Context = serde_json::from_str(call.submission_json)
            .map_err(|error| RunFailure::permanent("internal", format!("the submission cannot be read: {error}")))?;
        let arguments = with_instructions(&self.agent.prompt, call.arguments)?;
        let ask = WriteAsk {
            agent: &self.agent,
            tools: &NoTools,
            arguments: &arguments,
            context: &context,
            feedback: call.feedback,
        };
        let answer = timeout_at(give_up_at(call.run.deadline()), self.engine.write(ask)).await;
        let answer = answer
            .map_err(|_| RunFailure::transient("tool_timeout", "the engine did not answer in time"))?
            .map_err(|failed| Stop::Engine(Box::new(failed)))?;
        Ok(Output {
            json: answer.value.to_string(),
            usage: worker::usage(answer.usage),
            calls: worker::calls(answer.calls),
        })
    }
}

/// The prompt becomes the argument `instructions`, unless the plan gave one.
fn with_instructions(prompt: &str, mut arguments: Map<String, Value>) -> Result<Map<String, Value>, RunFailure> {
    if prompt.is_empty() {
        return Ok(arguments);
    }
    let instructions = if is_template(prompt) {
        let context = to_template(&Value::Object(arguments.clone()));
        render(prompt, &context, Place::Text)
            .map_err(|error| RunFailure::permanent("tool_bad_arguments", error.to_string()))?
    } else {
        prompt.to_owned()
    };
    arguments
        .entry("instructions")
        .or_insert_with(|| Value::String(instructions));
    Ok(arguments)
}
