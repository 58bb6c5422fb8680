//! Tools: what a step can call. A source makes them from the configuration; all are called the same way.

pub mod agent;
pub mod http_endpoint;
pub mod in_force;
pub mod mcp;
pub mod null;
pub mod openapi;
pub mod registered;
pub mod registry;
#[cfg(test)]
mod registry_tests;
pub mod served;
mod shelf;
#[cfg(test)]
mod shelf_tests;

use crate::effects::{EffectPort, Stop};
use async_trait::async_trait;
use contracts::work::{self, Usage};
use serde_json::{Map, Value};
use std::sync::Arc;
use workflow::tool::{ToolSource, ToolSpecification};

/// One call of a tool.
pub struct Call<'a> {
    /// Resolved and checked against the tool's input schema.
    pub arguments: Map<String, Value>,
    /// JSON text `{request, business_metrics, preferences, channels}`.
    pub submission_json: &'a str,
    /// What was wrong with earlier rounds, oldest first.
    pub feedback: &'a [String],
    /// What a human answered to this tool's last question: an object by the keys of its requests.
    pub responses: Option<&'a Value>,
    /// What the tool gave along with that question.
    pub request_state: Option<&'a str>,
    /// Size of the model to ask, instead of the tool's own.
    pub tier: Option<llm::Tier>,
    /// The run: its deadline, and the ledger for effects that are not read-only.
    pub run: &'a dyn EffectPort,
}

/// What a call gave.
#[derive(Clone, PartialEq, Debug)]
pub struct Output {
    /// JSON text.
    pub json: String,
    /// What it cost.
    pub usage: Usage,
    /// What it called by itself, for the trace of the task.
    pub calls: Vec<work::Call>,
}

impl Output {
    /// A call of somebody else's tool costs what the operator says it does, where the call does not tell.
    pub fn charge(&mut self, spec: &ToolSpecification) {
        let Some(usd) = spec
            .estimated_cost
            .filter(|usd| *usd > 0.0 && spec.source != ToolSource::Builtin)
        else {
            return;
        };
        if self.usage.calls == 0 {
            // The cast saturates and sends NaN to 0.
            self.usage.usd_micros = Some(((usd * 1e6).round() as i64).max(0));
            self.usage.calls = 1;
        }
    }
}

/// Does the work of one tool. May be called again for the same step after a crash.
#[async_trait]
pub trait Tool: Send + Sync {
    /// Calls it.
    async fn call(&self, call: Call<'_>) -> Result<Output, Stop>;

    /// It works by asking models.
    fn is_agent(&self) -> bool {
        false
    }

    /// Ids of the tools it may call by itself.
    fn may_call(&self) -> &[String] {
        &[]
    }
}

/// A tool and its definition.
pub struct Offer {
    /// As announced.
    pub spec: ToolSpecification,
    /// As called.
    pub tool: Arc<dyn Tool>,
}

impl Output {
    /// An output that cost nothing.
    pub fn free(json: String) -> Self {
        Self {
            json,
            usage: Usage {
                usd_micros: Some(0),
                ..Usage::default()
            },
            calls: Vec::new(),
        }
    }
}
