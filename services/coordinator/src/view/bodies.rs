//! Payloads as documents show them.

use crate::store::tasks::Texts;
use crate::work::body;
use serde_json::{Value, json};
use workflow::state::{PayloadNo, SUBMISSION, Task};
use workflow::vocabulary::StepStatus;

/// Payloads of one task, by number.
#[derive(Clone, Debug, Default)]
pub struct Bodies(Texts);

impl Bodies {
    pub fn new(texts: Texts) -> Self {
        Self(texts)
    }

    /// The stored text.
    pub fn text(&self, no: PayloadNo) -> Option<&str> {
        self.0.get(&no).map(|text| &**text)
    }

    /// The value; one that is too large to be shown stands as `{"$blob": <sha-256>, "size": <bytes>}`.
    pub fn value(&self, no: PayloadNo) -> Option<Value> {
        let text = self.text(no)?;
        match body::as_blob(text) {
            Some(blob) => Some(json!({ "$blob": blob.sha256, "size": blob.size })),
            None => serde_json::from_str(text).ok(),
        }
    }
}

/// Payloads that the status and approval documents of a task are made from.
pub fn wanted(task: &Task) -> Vec<PayloadNo> {
    let mut wanted = vec![SUBMISSION];
    if let Some(plan) = &task.plan {
        wanted.push(plan.payload);
        wanted.extend(plan.intent);
    }
    wanted.extend(task.quality.as_ref().map(|q| q.payload));
    wanted.extend(task.deliveries.iter().filter_map(|d| d.content).map(|c| c.payload));
    let asked = task.steps.iter().filter_map(|step| step.asked.as_ref());
    wanted.extend(asked.filter(|a| a.approved.is_none()).map(|a| a.question.payload));
    let succeeded = |(index, _): &(usize, _)| shows_output(task, *index);
    let outputs = task.steps.iter().enumerate().filter(succeeded);
    wanted.extend(outputs.filter_map(|(_, step)| step.output).map(|o| o.payload));
    wanted
}

/// While a step runs again its old output is no longer its output.
pub(super) fn shows_output(task: &Task, index: usize) -> bool {
    u16::try_from(index).is_ok_and(|i| task.step_status(i) == StepStatus::Succeeded)
}
