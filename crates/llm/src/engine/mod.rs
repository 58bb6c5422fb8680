//! The engine over a model: plans, writes and judges by asking a [`Chat`].
//!
//! What users, tools and earlier tasks wrote goes into prompts as data between tags; what a model answers is
//! never more than a proposal that somebody else validates.

mod choosing;
mod judge;
mod patience;
mod plan;
mod prompt;
mod trail;
mod write;

#[cfg(test)]
mod tests;

pub use choosing::Choosing;
pub(crate) use write::task;

use crate::call::{Answer, Failed};
use crate::chat::Chat;
use crate::chosen;
use crate::port::{Agent, Engine, JudgeAsk, Judgement, PlanAsk, PlanDraft, WriteAsk};
use async_trait::async_trait;
use serde_json::Value;
use std::borrow::Cow;
use std::sync::Arc;

/// More tools than this in one prompt make a plan worse, and dearer.
const TOOLS_AT_ONCE: usize = 24;

/// Plans, writes and judges by asking a model.
pub struct ModelEngine {
    name: String,
    chat: Arc<dyn Chat>,
}

impl ModelEngine {
    /// An engine that results know as `name`, over the model of a role.
    pub fn new(name: impl Into<String>, chat: Arc<dyn Chat>) -> Self {
        Self {
            name: name.into(),
            chat,
        }
    }
}

#[async_trait]
impl Engine for ModelEngine {
    fn name(&self) -> Cow<'_, str> {
        match chosen::first() {
            Some(chosen) => Cow::Owned(chosen.name()),
            None => Cow::Borrowed(&self.name),
        }
    }

    fn tools_at_once(&self) -> usize {
        TOOLS_AT_ONCE
    }

    fn runs(&self, _agent: &Agent) -> bool {
        true
    }

    async fn plan(&self, ask: PlanAsk<'_>) -> Result<Answer<PlanDraft>, Failed> {
        plan::plan(&*self.chat, &ask).await
    }

    async fn write(&self, ask: WriteAsk<'_>) -> Result<Answer<Value>, Failed> {
        write::write(&*self.chat, &self.name(), &ask).await
    }

    async fn judge(&self, ask: JudgeAsk<'_>) -> Result<Answer<Judgement>, Failed> {
        judge::judge(&*self.chat, &ask).await
    }
}
