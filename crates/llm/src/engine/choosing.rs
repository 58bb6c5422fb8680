//! An engine beside which a rollout may choose a model.

use super::ModelEngine;
use crate::call::{Answer, Call, CallKind, EngineError, Failed};
use crate::chosen::{self, Chosen};
use crate::port::{Agent, Engine, JudgeAsk, Judgement, PlanAsk, PlanDraft, WriteAsk};
use async_trait::async_trait;
use serde_json::Value;
use std::borrow::Cow;
use std::sync::Arc;

/// Asks the model that was chosen for the work; where none was, or it fails, the engine that is configured.
pub struct Choosing {
    configured: Arc<dyn Engine>,
    models: ModelEngine,
}

impl Choosing {
    /// `models` asks what was chosen and nobody else.
    pub fn new(configured: Arc<dyn Engine>, models: ModelEngine) -> Self {
        Self { configured, models }
    }

    fn current(&self) -> &dyn Engine {
        match chosen::first() {
            Some(_) => &self.models,
            None => &*self.configured,
        }
    }
}

/// Whose turn it is after the chosen models'.
enum Turn<T> {
    Over(Result<Answer<T>, Failed>),
    Configured(Failed),
}

/// Time that is over is over for everybody.
fn turn<T>(result: Result<Answer<T>, Failed>, chosen: &Chosen) -> Turn<T> {
    match result {
        Err(mut failed) if !matches!(failed.error, EngineError::OutOfTime(_)) => {
            // What was wrong with an answer that came is told here; that none came, by who asked for it.
            let told = [chosen::PASSED_OVER, chosen::TURNED_BACK];
            if failed.calls.last().is_none_or(|last| !told.contains(&&*last.name)) {
                failed.calls.push(Call {
                    kind: CallKind::Decision,
                    name: chosen::PASSED_OVER.to_owned(),
                    provider: chosen.model.provider.clone(),
                    model: chosen.model.model.clone(),
                    detail: failed.error.to_string(),
                    ..Call::default()
                });
            }
            Turn::Configured(failed)
        }
        over => Turn::Over(over),
    }
}

/// With what the chosen model cost before.
#[expect(clippy::result_large_err, reason = "the engine's own result, once an ask")]
fn after<T>(before: Failed, result: Result<Answer<T>, Failed>) -> Result<Answer<T>, Failed> {
    let calls = |later: Vec<Call>| before.calls.iter().cloned().chain(later).collect();
    match result {
        Ok(answer) => Ok(Answer {
            usage: before.usage.plus(&answer.usage),
            calls: calls(answer.calls),
            value: answer.value,
        }),
        Err(failed) => Err(Failed {
            usage: before.usage.plus(&failed.usage),
            calls: calls(failed.calls),
            error: failed.error,
        }),
    }
}

#[async_trait]
impl Engine for Choosing {
    fn name(&self) -> Cow<'_, str> {
        self.current().name()
    }

    fn reads_texts(&self) -> bool {
        self.current().reads_texts()
    }

    fn uses_memory(&self) -> bool {
        self.current().uses_memory()
    }

    fn tools_at_once(&self) -> usize {
        self.current().tools_at_once()
    }

    fn is_free(&self) -> bool {
        self.current().is_free()
    }

    /// What is offered has to run where nothing was chosen.
    fn runs(&self, agent: &Agent) -> bool {
        self.configured.runs(agent)
    }

    async fn plan(&self, ask: PlanAsk<'_>) -> Result<Answer<PlanDraft>, Failed> {
        let Some(chosen) = chosen::first() else {
            return self.configured.plan(ask).await;
        };
        match turn(self.models.plan(ask).await, &chosen) {
            Turn::Over(over) => over,
            Turn::Configured(failed) => after(failed, self.configured.plan(ask).await),
        }
    }

    async fn write(&self, ask: WriteAsk<'_>) -> Result<Answer<Value>, Failed> {
        let Some(chosen) = chosen::first() else {
            return self.configured.write(ask).await;
        };
        match turn(self.models.write(ask).await, &chosen) {
            Turn::Over(over) => over,
            Turn::Configured(failed) => after(failed, self.configured.write(ask).await),
        }
    }

    async fn judge(&self, ask: JudgeAsk<'_>) -> Result<Answer<Judgement>, Failed> {
        let Some(chosen) = chosen::first() else {
            return self.configured.judge(ask).await;
        };
        match turn(self.models.judge(ask).await, &chosen) {
            Turn::Over(over) => over,
            Turn::Configured(failed) => after(failed, self.configured.judge(ask).await),
        }
    }
}
