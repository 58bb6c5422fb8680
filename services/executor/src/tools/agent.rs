//! Agents: prompts with schemas, run by the configured engine.

use super::registry::{Registry, retry};
use super::shelf::Shelf;
use super::{Call, Offer, Output, Tool};
use crate::effects::Stop;
use crate::failure::RunFailure;
use async_trait::async_trait;
use llm::{Context, Engine, ToolCard, WriteAsk};
use service::config::{AgentConfig, Config};
use std::sync::Arc;
use worker::give_up_at;
use workflow::tool::{RetryPolicy, ToolSource, ToolSpecification};
use workflow::vocabulary::EffectClass;

/// An agent that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum UnusableAgent {
    /// A shipped file is none.
    #[error("a shipped agent")]
    File(#[from] toml::de::Error),
    /// The prompt is no template.
    #[error("agent {tool_id}: its prompt")]
    Prompt {
        /// The agent.
        tool_id: String,
        /// What is wrong.
        #[source]
        source: llm::TemplateError,
    },
}

/// The shipped agents and the operator's own, as far as the engine can run them; of two with one id the later
/// one is the operator's. Of what the registry has they may call what only reads and is in use.
///
/// # Errors
/// The first that cannot be served.
pub fn offers(config: &Config, engine: &Arc<dyn Engine>, registry: &Registry) -> Result<Vec<Offer>, UnusableAgent> {
    let shipped: Result<Vec<_>, _> = llm::agent_files()
        .iter()
        .map(|file| AgentConfig::from_toml(file))
        .collect();
    let mut offers = Vec::new();
    let shipped = shipped?;
    let shipped = shipped.iter().filter(|agent| {
        let id = agent.tool_id.as_str();
        config.tools.offers_shipped(id, llm::is_core(id))
    });
    for agent in shipped.chain(&config.agents) {
        offers.extend(offer(agent, engine, &config.worker.pool, registry)?);
    }
    Ok(offers)
}

/// None where the engine cannot do what the agent is there for.
fn offer(
    config: &AgentConfig,
    engine: &Arc<dyn Engine>,
    pool: &str,
    registry: &Registry,
) -> Result<Option<Offer>, UnusableAgent> {
    llm::check_prompt(&config.prompt).map_err(|source| UnusableAgent::Prompt {
        tool_id: config.tool_id.clone(),
        source,
    })?;
    let agent = definition(config);
    if !engine.runs(&agent) {
        tracing::info!(
            agent = config.tool_id,
            engine = &*engine.name(),
            "the engine cannot run this agent"
        );
        return Ok(None);
    }
    let free = engine.is_free();
    let spec = ToolSpecification {
        // An embedded engine is far quicker than a model, for which the estimate is meant.
        estimated_cost: if free { Some(0.0) } else { config.estimated_cost },
        estimated_duration: config.estimated_duration.filter(|_| !free),
        requires_approval: config.requires_approval,
        retry: retry(&config.retry),
        timeout_seconds: config.timeout_seconds,
        ..specification(agent.card.clone(), pool)
    };
    let tool = Agent {
        engine: Arc::clone(engine),
        registry: registry.clone(),
        agent,
    };
    Ok(Some(Offer {
        spec,
        tool: Arc::new(tool),
    }))
}

/// The definition of a built-in tool: reads only; what it costs is not known.
pub(super) fn specification(card: ToolCard, pool: &str) -> ToolSpecification {
    ToolSpecification {
        tool_id: card.tool_id,
        name: card.name,
        description: card.description,
        category: card.category,
        input_schema: card.input_schema,
        output_schema: card.output_schema,
        estimated_cost: None,
        estimated_duration: None,
        requires_approval: false,
        source: ToolSource::Builtin,
        effects: EffectClass::ReadOnly,
        retry: RetryPolicy::default(),
        timeout_seconds: 60.0,
        pool: pool.to_owned(),
        binding_hash: None,
        foreign: false,
    }
}

fn definition(config: &AgentConfig) -> llm::Agent {
    llm::Agent {
        card: ToolCard {
            tool_id: config.tool_id.clone(),
            name: config.display_name().to_owned(),
            description: config.description.clone(),
            category: config.category.clone(),
            input_schema: config.input_schema.clone(),
            output_schema: config.output_schema.clone(),
            source: "builtin".to_owned(),
            effects: EffectClass::ReadOnly.as_str().to_owned(),
        },
        prompt: config.prompt.clone(),
        tier: tier(config.tier),
        tools: config.tools.clone(),
        max_tool_calls: config.max_tool_calls,
    }
}

fn tier(tier: service::config::Tier) -> llm::Tier {
    match tier {
        service::config::Tier::Small => llm::Tier::Small,
        service::config::Tier::Standard => llm::Tier::Standard,
        service::config::Tier::Large => llm::Tier::Large,
    }
}

struct Agent {
    engine: Arc<dyn Engine>,
    agent: llm::Agent,
    /// Where it finds what it may call: tools come and go.
    registry: Registry,
}

#[async_trait]
impl Tool for Agent {
    fn is_agent(&self) -> bool {
        true
    }

    fn may_call(&self) -> &[String] {
        &self.agent.tools
    }

    async fn call(&self, call: Call<'_>) -> Result<Output, Stop> {
        let context: Context = serde_json::from_str(call.submission_json)
            .map_err(|error| RunFailure::permanent("internal", format!("the submission cannot be read: {error}")))?;
        let names_tools = || {
            self.agent
                .tools
                .iter()
                .any(|tool_id| self.registry.for_agents(tool_id).is_some())
        };
        if !self.registry.in_force.is_known() && names_tools() {
            // Without them it would do its work on less than it should; it is handed back.
            return Err(
                RunFailure::permanent("tool_unknown", "nobody has said yet which of its tools are in use").into(),
            );
        }
        let shelf = Shelf::of(&self.agent.tools, &self.registry, &call);
        let sized = call.tier.map(|tier| llm::Agent {
            tier,
            ..self.agent.clone()
        });
        let agent = sized.as_ref().unwrap_or(&self.agent);
        let ask = WriteAsk {
            agent,
            tools: &shelf,
            arguments: &call.arguments,
            context: &context,
            feedback: call.feedback,
        };
        let answer = llm::by(give_up_at(call.run.deadline()), self.engine.write(ask)).await;
        let mut answer = answer.map_err(|mut failed| {
            shelf.add_to(&mut failed.usage);
            Stop::Engine(Box::new(failed))
        })?;
        shelf.add_to(&mut answer.usage);
        Ok(Output {
            json: answer.value.to_string(),
            usage: worker::usage(answer.usage),
            calls: worker::calls(answer.calls),
        })
    }
}
