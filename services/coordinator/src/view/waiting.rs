//! What a task waits for that only time brings, such as a model that answers.

use super::moment;
use crate::store::runs::Postponed;
use serde_json::{Value, json};
use service::clock;
use workflow::plan::FrozenPlan;
use workflow::state::{Job, JobState, Task, Unit};

/// A job waits for its turn: it may have been handed back.
pub fn may_wait(task: &Task) -> bool {
    task.jobs.iter().any(is_idle)
}

fn is_idle(job: &Job) -> bool {
    !matches!(job.state, JobState::Running { .. })
}

/// The jobs that were handed back and wait for their next run, with why; none where there is none.
pub(super) fn waiting(task: &Task, plan: Option<&FrozenPlan>, postponed: &[Postponed]) -> Option<Value> {
    let entry = |job: &Job| {
        let id = task.id.job(job.serial).0;
        let told = postponed.iter().find(|postponed| postponed.job_id == id)?;
        let until = match job.state {
            JobState::Ready { not_before } => not_before.map(moment),
            JobState::Queued { .. } | JobState::Running { .. } => None,
        };
        Some(json!({
            "what": what(task, plan, job.unit)?,
            "code": told.error,
            "message": told.message,
            "since": clock::rfc3339(told.finished_at.timestamp_millis()),
            "until": until,
        }))
    };
    let entries: Vec<Value> = task.jobs.iter().filter(|job| is_idle(job)).filter_map(entry).collect();
    (!entries.is_empty()).then(|| entries.into())
}

pub(super) fn what(task: &Task, plan: Option<&FrozenPlan>, unit: Unit) -> Option<String> {
    let channel = |at: u16| Some(&task.deliveries.get(usize::from(at))?.channel);
    Some(match unit {
        Unit::Plan => "planning".to_owned(),
        Unit::Assess => "assessment".to_owned(),
        Unit::Step(at) => plan?.plan.steps.get(usize::from(at))?.key.clone(),
        Unit::Format(at) => format!("formatting for {}", channel(at)?),
        Unit::Publish(at) => format!("publication to {}", channel(at)?),
    })
}
