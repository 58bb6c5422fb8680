//! One planning: ask the engine, check its plan, ask once more with the reasons.

use crate::candidates::{Deliberated, deliberate};
use crate::catalog::{KnownTools, Tools};
use crate::meaning::{Meaning, Meant};
use crate::memory::{Asker, Learner, Recalled};
use crate::search::fitting;
use crate::told;
use crate::verified::{Checked, Verifier};
use bus::worker::{CallError, Ended};
use llm::{Answer, Call, CallKind, Context, Engine, EngineError, Failed, Memory, PlanAsk, PlanDraft, ToolCard, Usage};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use workflow::plan::PlanFault;

/// Asks of one planning: the second carries why the first plan was refused.
const ASKS: usize = 2;
/// How long a tool that is not there yet is waited for: executors announce theirs when they start.
const TOOL_PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(250);

/// Why there is no plan to hand in.
#[derive(Debug)]
pub enum Unplanned {
    /// A tool is lacking that may come: what there is to report if it does not.
    ToolLacking(Result<Answer<PlanDraft>, Failed>),
    /// The engine gave no plan.
    Failed(Failed),
}

/// One planning and what it needs.
pub struct Planning<'a> {
    pub engine: &'a dyn Engine,
    pub learner: &'a Learner,
    pub known: &'a KnownTools,
    pub verifier: &'a Verifier,
    /// None: tools and patterns are found by words alone.
    pub meaning: Option<&'a Meaning>,
    pub asker: Asker<'a>,
    pub context: &'a Context,
    /// What was said of earlier plans.
    pub feedback: &'a [String],
    pub deadline: Instant,
}

impl Planning<'_> {
    /// Plans with the tools its tenant sees now, waiting a little for tools that are lacking.
    pub async fn run(self) -> Ended {
        let patience = (Instant::now() + TOOL_PATIENCE).min(self.deadline);
        // Feedback may say that the catalog has changed under the last plan.
        let mut tools = if self.feedback.is_empty() {
            self.known.current(self.asker.tenant, self.deadline).await
        } else {
            self.known.renewed(self.asker.tenant, self.deadline).await
        };
        let meant = self.meaning.map(|meaning| meaning.of(&self.context.request));
        let mut recalled = None;
        loop {
            let Ok(current) = tools else {
                // The coordinator is away; handing the job back costs no attempt.
                return Ended::released();
            };
            let recalled = match &mut recalled {
                Some(recalled) => recalled,
                none => none.insert(self.recall(&current, meant.as_ref()).await),
            };
            let asking = Asking {
                engine: self.engine,
                tools: &current,
                verifier: self.verifier,
                meant: meant.as_ref(),
                context: self.context,
                feedback: self.feedback,
            };
            let planned = |deliberated| told::ended(self.engine, recalled, deliberated);
            match llm::by(worker::give_up_at(self.deadline), deliberate(&asking, recalled)).await {
                Ok(deliberated) => return planned(deliberated),
                Err(Unplanned::Failed(failed)) => return worker::ended(failed),
                Err(Unplanned::ToolLacking(report)) => match self.changed(&current, patience).await {
                    Some(other) => tools = other,
                    None => return report.map_or_else(worker::ended, |answer| planned(Deliberated::only(answer))),
                },
            }
        }
    }

    async fn recall(&self, tools: &Tools, meant: Option<&Meant>) -> Recalled {
        if !self.engine.uses_memory() {
            return Recalled::unasked();
        }
        self.learner.recall(self.asker, self.context, &tools.cards, meant).await
    }

    /// Another catalog than `current`; none until `patience` ends. With the same one the plan would be the same, and
    /// asking a model costs.
    async fn changed(&self, current: &Arc<Tools>, patience: Instant) -> Option<Result<Arc<Tools>, CallError>> {
        while Instant::now() + PAUSE < patience {
            sleep(PAUSE).await;
            match self.known.renewed(self.asker.tenant, patience).await {
                Ok(tools) if Arc::ptr_eq(&tools, current) => {}
                other => return Some(other),
            }
        }
        None
    }
}

/// What is asked of an engine, whatever it is shown of memory.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    pub engine: &'a dyn Engine,
    pub tools: &'a Arc<Tools>,
    pub verifier: &'a Verifier,
    /// What the request means; none: tools are found by words alone.
    pub meant: Option<&'a Meant>,
    pub context: &'a Context,
    /// What was said of earlier plans.
    pub feedback: &'a [String],
}

impl Asking<'_> {
    /// What is known of a plan that would be taken.
    ///
    /// # Errors
    /// Why it would be refused.
    pub fn check(&self, plan_json: &str) -> Result<Arc<Checked>, Vec<PlanFault>> {
        self.verifier.check(plan_json, self.tools, self.context)
    }

    /// Asks the engine, and once more where its plan would be refused. One that would be refused again is handed in all
    /// the same: the coordinator says why where people see it.
    ///
    /// # Errors
    /// Why there is no plan.
    pub async fn attempt(&self, memory: &Memory) -> Result<Answer<PlanDraft>, Unplanned> {
        let mut feedback = self.feedback.to_vec();
        let (similarity, told) = near(self.engine, &self.tools.cards, self.meant).await;
        let mut cost = Cost {
            usage: Usage::default(),
            calls: told.into_iter().collect(),
        };
        let mut asked = 0;
        loop {
            asked += 1;
            let ask = PlanAsk {
                context: self.context,
                tools: &self.tools.cards,
                memory,
                feedback: &feedback,
            };
            let answer = match cost.of(shown(self.engine, ask, &similarity).await) {
                Ok(answer) => answer,
                Err(failed) if matches!(failed.error, EngineError::NoTool(_)) => {
                    return Err(Unplanned::ToolLacking(Err(failed)));
                }
                Err(failed) => return Err(Unplanned::Failed(failed)),
            };
            let Err(faults) = self.check(&answer.value.plan_json) else {
                return Ok(answer);
            };
            if asked == ASKS {
                let lacking = faults.iter().any(|fault| fault.code == "plan_tool");
                return if lacking {
                    Err(Unplanned::ToolLacking(Ok(answer)))
                } else {
                    Ok(answer)
                };
            }
            feedback.push(format!(
                "{}; the refused plan: {}",
                reasons(&faults),
                answer.value.plan_json
            ));
            cost = Cost {
                usage: answer.usage,
                calls: answer.calls,
            };
            cost.calls.push(asked_again(&faults));
        }
    }
}

/// How near the tools are to the request, where there are more than the engine takes in at once, and how that was found.
async fn near(engine: &dyn Engine, tools: &[ToolCard], meant: Option<&Meant>) -> (Vec<Option<f32>>, Option<Call>) {
    let Some(meant) = meant.filter(|_| tools.len() > engine.tools_at_once()) else {
        return (Vec::new(), None);
    };
    let started = Instant::now();
    let outcome = meant.similarity(tools).await;
    let (error, detail) = match &outcome {
        Ok(_) => (
            "",
            format!("tools are found by words, and by meaning with {}", meant.model()),
        ),
        Err(error) => (
            error.code(),
            format!("tools are found by words alone; {}: {error}", meant.model()),
        ),
    };
    let told = Call {
        kind: CallKind::Decision,
        name: "tool_search".to_owned(),
        duration: started.elapsed(),
        error: error.to_owned(),
        detail,
        ..Call::default()
    };
    (outcome.unwrap_or_default(), Some(told))
}

/// Asks with the tools the engine can take in at once.
async fn shown(engine: &dyn Engine, ask: PlanAsk<'_>, similarity: &[Option<f32>]) -> Result<Answer<PlanDraft>, Failed> {
    let most = engine.tools_at_once();
    if ask.tools.len() <= most {
        return engine.plan(ask).await;
    }
    let tools = fitting(&ask, most, similarity);
    engine.plan(PlanAsk { tools: &tools, ..ask }).await
}

/// What earlier asks of the same planning cost.
#[derive(Default)]
struct Cost {
    usage: Usage,
    calls: Vec<Call>,
}

impl Cost {
    /// Adds it to what the next ask cost, however that ended.
    #[expect(clippy::result_large_err, reason = "the engine's own result, once an ask")]
    fn of(&mut self, asked: Result<Answer<PlanDraft>, Failed>) -> Result<Answer<PlanDraft>, Failed> {
        let Self { usage, mut calls } = std::mem::take(self);
        match asked {
            Ok(answer) => {
                calls.extend(answer.calls);
                Ok(Answer {
                    value: answer.value,
                    usage: usage.plus(&answer.usage),
                    calls,
                })
            }
            Err(failed) => {
                calls.extend(failed.calls);
                Err(Failed {
                    error: failed.error,
                    usage: usage.plus(&failed.usage),
                    calls,
                })
            }
        }
    }
}

/// For the trace.
fn asked_again(faults: &[PlanFault]) -> Call {
    Call {
        kind: CallKind::Decision,
        name: "plan_again".to_owned(),
        detail: reasons(faults),
        ..Call::default()
    }
}

/// As the coordinator writes them.
pub fn reasons(faults: &[PlanFault]) -> String {
    let lines: Vec<String> = faults
        .iter()
        .map(|fault| format!("{} at {:?}: {}", fault.code, fault.pointer, fault.detail))
        .collect();
    format!("the plan is refused: {}", lines.join("; "))
}
