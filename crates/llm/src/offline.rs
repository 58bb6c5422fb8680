//! The embedded default: text processing, and honest about it.

use crate::call::{Answer, Failed};
use crate::port::{Agent, Engine, JudgeAsk, Judgement, PlanAsk, PlanDraft, WriteAsk};
use crate::{judge, plan, write};
use async_trait::async_trait;
use serde_json::Value;
use std::borrow::Cow;

/// The engine's name in results.
pub(crate) const NAME: &str = "offline";

/// Plans by matching, writes by text processing, judges by measuring.
#[derive(Clone, Copy, Debug, Default)]
pub struct Offline;

#[async_trait]
impl Engine for Offline {
    fn name(&self) -> Cow<'_, str> {
        NAME.into()
    }

    fn is_free(&self) -> bool {
        true
    }

    fn runs(&self, agent: &Agent) -> bool {
        write::does(agent).is_some()
    }

    async fn plan(&self, ask: PlanAsk<'_>) -> Result<Answer<PlanDraft>, Failed> {
        Ok(Answer::free(plan::plan(&ask)?, NAME))
    }

    async fn write(&self, ask: WriteAsk<'_>) -> Result<Answer<Value>, Failed> {
        Ok(Answer::free(write::write(&ask)?, NAME))
    }

    async fn judge(&self, ask: JudgeAsk<'_>) -> Result<Answer<Judgement>, Failed> {
        Ok(Answer::free(judge::judge(&ask), NAME))
    }
}
