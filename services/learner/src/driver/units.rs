//! Which tasks take part, from the coordinator's list.

use super::{DriveError, moment};
use crate::coordinator::Coordinator;
use crate::rollout::Side;
use crate::store::rollouts::{Experiment, NewUnit, Rollouts};
use contracts::coordinator::Assigned;
use workflow::ids::TaskId;
use workflow::rollout::{Subject, Unit};
use workflow::time::Timestamp;

/// Tasks in one answer.
const PAGE: u32 = 1_000;
/// Answers in one round; the next goes on.
const PAGES: usize = 50;

/// Takes in what the list has after what was taken; tells how many were new. What takes no part is passed.
pub async fn take_in(
    coordinator: &Coordinator,
    rollouts: &Rollouts,
    experiment: &Experiment,
) -> Result<u64, DriveError> {
    let mut place = rollouts.taken_to(experiment.id).await?;
    let mut new = 0;
    for _ in 0..PAGES {
        let page = coordinator
            .assigned(rollouts.tenant(), experiment.id, &place, PAGE)
            .await?;
        let Some(last) = page.last() else { break };
        let next = last.place.clone();
        let unit = experiment.settings.patience.unit;
        let units: Vec<NewUnit> = page.iter().filter_map(|assigned| taking_part(assigned, unit)).collect();
        new += rollouts.take_in(experiment.id, &units, [&place, &next]).await?;
        place = next;
    }
    Ok(new)
}

/// None: it takes no part, or cannot be read.
fn taking_part(assigned: &Assigned, unit: Unit) -> Option<NewUnit> {
    let side = Side::parse(&assigned.arm)?;
    let task: TaskId = assigned
        .task_id
        .parse()
        .inspect_err(|_| tracing::warn!(id = assigned.task_id, "not a task id in the list of an experiment"))
        .ok()?;
    let user = assigned.user.replace('\0', "");
    let user = Some(user).filter(|user| unit == Unit::User && !user.is_empty());
    let made_ms = i64::try_from(task.0.as_u128() >> 80).unwrap_or(i64::MAX);
    Some(NewUnit {
        task: task.0,
        made_at: moment(Timestamp(made_ms)),
        unit: unit.key(&Subject {
            task,
            user: user.as_deref(),
        }),
        user,
        side,
        step: assigned.step,
        assigned_at: moment(Timestamp(assigned.at_unix_ms)),
    })
}
