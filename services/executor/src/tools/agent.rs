//! Agents: prompts with schemas, run by the configured engine.

use super::{Call, Offer, Output, Tool};
use crate::effects::{Stop, give_up_at};
use crate::failure::RunFailure;
use crate::template::{Place, is_template, render, to_template};
use async_trait::async_trait;
use contracts::work::Usage;
use llm::{Context, Engine, EngineError, ToolCard, WriteAsk};
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
            agent: card.tool_id.clone(),
            prompt: None,
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
        ..specification(card, pool)
    };
    Offer {
        tool: Arc::new(Agent {
            engine: Arc::clone(engine),
            agent: stand_in(&config.tool_id, &config.category).to_owned(),
            prompt: Some(config.prompt.clone()),
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

/// The embedded engine knows the shipped agents only; an operator's agent works as the one of its kind.
fn stand_in<'a>(tool_id: &'a str, category: &str) -> &'a str {
    if llm::agent_tools().iter().any(|card| card.tool_id == tool_id) {
        return tool_id;
    }
    match category {
        "research" => "research_agent",
        "outline" | "planning" => "outline_agent",
        "editing" => "editor_agent",
        "social" => "social_agent",
        "seo" => "seo_agent",
        "summary" => "summary_agent",
        _ => "writer_agent",
    }
}

struct Agent {
    engine: Arc<dyn Engine>,
    agent: String,
    prompt: Option<String>,
}

#[async_trait]
impl Tool for Agent {
    async fn call(&self, call: Call<'_>) -> Result<Output, Stop> {
        let context: Context = serde_json::from_str(call.submission_json)
            .map_err(|error| RunFailure::permanent("internal", format!("the submission cannot be read: {error}")))?;
        let arguments = match &self.prompt {
            Some(prompt) => with_instructions(prompt, call.arguments)?,
            None => call.arguments,
        };
        let ask = WriteAsk {
            agent: &self.agent,
            arguments: &arguments,
            context: &context,
            feedback: call.feedback,
        };
        let answer = timeout_at(give_up_at(call.run.deadline()), self.engine.write(ask)).await;
        let answer = answer
            .map_err(|_| RunFailure::transient("tool_timeout", "the engine did not answer in time"))?
            .map_err(failure)?;
        Ok(Output {
            json: answer.value.to_string(),
            usage: usage(answer.usage),
        })
    }
}

/// The prompt becomes the argument `instructions`, unless the plan gave one.
fn with_instructions(prompt: &str, mut arguments: Map<String, Value>) -> Result<Map<String, Value>, RunFailure> {
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

fn failure(error: EngineError) -> RunFailure {
    RunFailure {
        retryable: error.retryable(),
        ..RunFailure::permanent(error.code(), error.to_string())
    }
}

fn usage(usage: llm::Usage) -> Usage {
    Usage {
        usd_micros: usage.usd_micros,
        input_tokens: usage.input_tokens,
        output_tokens: usage.output_tokens,
        calls: usage.calls,
        model: usage.model,
        ..Usage::default()
    }
}
