//! The JSON documents of the public contract, made from what is stored. Pure: everything comes in.

mod approval;
mod bodies;
mod calls;
mod cost;
mod deliveries;
mod forked;
mod gates;
mod judges;
mod list;
mod plan;
mod quality;
mod record;
mod status;
mod tool;
mod trace;
mod waiting;
mod window;

pub use approval::{approval, choose_gate};
pub use bodies::{Bodies, wanted};
pub use cost::usd;
pub use deliveries::edited;
pub use forked::{kept, used_by};
pub use judges::judges;
pub use list::{inbox_entry, page, task_entry};
pub use record::{Documents, Judgement, record};
pub use status::status;
pub use tool::tool;
pub use trace::{Sources, trace};
pub use waiting::may_wait;
pub use window::add_window;

use crate::store::rollouts::AssignmentLine;
use crate::store::tasks::CostTotals;
use serde_json::{Map, Value};
use workflow::plan::FrozenPlan;
use workflow::state::Task;
use workflow::submission::Submission;
use workflow::time::Timestamp;

/// What documents about a task are made from.
#[derive(Debug)]
pub struct Facts {
    pub task: Task,
    pub submission: Submission,
    /// The plan in force.
    pub plan: Option<FrozenPlan>,
    /// Payloads the document shows, as far as they were read.
    pub bodies: Bodies,
    pub costs: CostTotals,
    /// What rollouts gave it, by role.
    pub given: Vec<AssignmentLine>,
}

impl Facts {
    /// The planner's document: intent, reasoning, patterns_used, memory, engine. Null for a client's plan.
    fn planning(&self) -> Value {
        let intent = self.task.plan.as_ref().and_then(|p| p.intent);
        intent.and_then(|no| self.bodies.value(no)).unwrap_or(Value::Null)
    }
}

/// A moment as users read it.
pub fn moment(at: Timestamp) -> Value {
    service::clock::rfc3339(at.0).into()
}

/// Adds a member where there is something to tell.
fn put(document: &mut Value, name: &str, value: Option<Value>) {
    if let (Value::Object(members), Some(value)) = (document, value) {
        members.insert(name.to_owned(), value);
    }
}

/// A member of an object, else null.
fn member(document: &Value, name: &str) -> Value {
    document.get(name).cloned().unwrap_or(Value::Null)
}

fn members<'v>(document: &'v Value, name: &str) -> Option<&'v Map<String, Value>> {
    document.get(name).and_then(Value::as_object)
}

#[cfg(test)]
pub(crate) mod story;
#[cfg(test)]
mod tests;
