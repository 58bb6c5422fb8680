//! The embedded default: text processing, and honest about it.

use crate::port::{Answer, Engine, EngineError, JudgeAsk, Judgement, PlanAsk, PlanDraft, Usage, WriteAsk};
use crate::{judge, plan, write};
use async_trait::async_trait;
use serde_json::Value;

/// The engine's name in results.
pub(crate) const NAME: &str = "offline";

/// Plans by matching, writes by text processing, judges by measuring.
#[derive(Clone, Copy, Debug, Default)]
pub struct Offline;

#[async_trait]
impl Engine for Offline {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn plan(&self, ask: PlanAsk<'_>) -> Result<Answer<PlanDraft>, EngineError> {
        plan::plan(&ask).map(free)
    }

    async fn write(&self, ask: WriteAsk<'_>) -> Result<Answer<Value>, EngineError> {
        write::write(&ask).map(free)
    }

    async fn judge(&self, ask: JudgeAsk<'_>) -> Result<Answer<Judgement>, EngineError> {
        Ok(free(judge::judge(&ask)))
    }
}

fn free<T>(value: T) -> Answer<T> {
    Answer {
        value,
        usage: Usage::free(NAME),
    }
}
