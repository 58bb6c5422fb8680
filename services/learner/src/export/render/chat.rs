//! OpenAI's lines for supervised fine-tuning: a request, and the plan that did well.

use super::{lines, prompt};
use crate::record::{Decision, TrainingRecord};
use serde_json::{Value, json};

/// One line for an example to follow.
pub fn lines(record: &TrainingRecord, to: &mut Vec<u8>) -> Result<u64, serde_json::Error> {
    let document = turns(record).map(|[system, user, assistant]| {
        let message = |role: &str, content: String| json!({ "role": role, "content": content });
        json!({ "messages": [message("system", system), message("user", user), message("assistant", assistant)] })
    });
    lines::documents(&document.into_iter().collect::<Vec<Value>>(), to)
}

/// Whether others should do the same: it was completed, nobody turned it down, and there is a plan.
pub fn is_example(record: &TrainingRecord) -> bool {
    let turned_down = matches!(record.labels.decision, Some(Decision::Rejected | Decision::Revised));
    record.labels.outcome == "completed"
        && !turned_down
        && !record.request.trim().is_empty()
        && record.plan.as_ref().is_some_and(|plan| !plan.steps.is_empty())
}

/// What the system says, the user asks and the assistant answers.
pub fn turns(record: &TrainingRecord) -> Option<[String; 3]> {
    let plan = record.plan.as_ref().filter(|_| is_example(record))?;
    Some([prompt::PLANNER.to_owned(), prompt::request(record), prompt::plan(plan)])
}
