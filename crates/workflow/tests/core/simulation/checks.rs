//! The invariants, checked after each step.

use super::world::{Row, World};
use std::collections::BTreeSet;
use workflow::ids::Serial;
use workflow::obligations::obligations;
use workflow::state::{Money, Unit};
use workflow::vocabulary::{EffectClass, StepStatus};

/// Everything that must hold at any moment. `Err`: what does not.
pub fn all(world: &mut World) -> Result<(), String> {
    for id in world.submitted.clone() {
        let row = world.rows.get(&id).ok_or(format!("I1: task {id} is gone"))?;
        terminal_absorbs(world.ended.get(&id).copied(), row)?;
        events_have_no_gap(row)?;
        obligations_have_one_rule(row)?;
        money_adds_up(row)?;
        one_job_a_unit(row)?;
    }
    if let Some(job) = world.unasked.first() {
        return Err(format!("job {job} may send without its human's word"));
    }
    for (id, row) in &world.rows {
        if row.task.status.is_terminal() {
            world.ended.insert(*id, row.task.status);
        }
    }
    effects_are_safe(world)
}

fn terminal_absorbs(ended: Option<workflow::vocabulary::Status>, row: &Row) -> Result<(), String> {
    match ended {
        Some(status) if status != row.task.status => Err(format!(
            "I2: task {} left {status} for {}",
            row.task.id, row.task.status
        )),
        _ if row.task.status.is_terminal() && !(row.task.jobs.is_empty() && row.task.gates.is_empty()) => {
            Err(format!("I2: ended task {} has open jobs or gates", row.task.id))
        }
        _ => Ok(()),
    }
}

fn events_have_no_gap(row: &Row) -> Result<(), String> {
    let expected: Vec<u64> = (1..=row.task.events).collect();
    if row.events == expected {
        return Ok(());
    }
    Err(format!(
        "I6: task {} has events {:?}, state says {}",
        row.task.id, row.events, row.task.events
    ))
}

fn obligations_have_one_rule(row: &Row) -> Result<(), String> {
    let open = obligations(&row.task);
    let distinct: BTreeSet<_> = open.iter().map(|(o, _, _)| *o).collect();
    if distinct.len() != open.len() {
        return Err(format!(
            "I5: an obligation of task {} matches two rules: {open:?}",
            row.task.id
        ));
    }
    if open.is_empty() != row.task.status.is_terminal() {
        return Err(format!(
            "I5: task {} is {} and owes {open:?}",
            row.task.id, row.task.status
        ));
    }
    Ok(())
}

fn money_adds_up(row: &Row) -> Result<(), String> {
    let granted = row.task.jobs.iter().fold(Money::default(), |sum, j| sum.plus(j.grant));
    if granted == row.task.reserved {
        return Ok(());
    }
    Err(format!(
        "money: task {} reserves {:?}, its jobs hold {granted:?}",
        row.task.id, row.task.reserved
    ))
}

fn one_job_a_unit(row: &Row) -> Result<(), String> {
    for job in &row.task.jobs {
        if row.task.jobs.iter().filter(|j| j.unit == job.unit).count() > 1 {
            return Err(format!("I3: task {} has two jobs for {:?}", row.task.id, job.unit));
        }
    }
    Ok(())
}

/// `once` at most once; all sendings of a key carry the same bytes.
fn effects_are_safe(world: &World) -> Result<(), String> {
    for ((job, ordinal), sendings) in &world.received {
        let Some((class, first)) = sendings.first() else {
            continue;
        };
        if *class == EffectClass::Once && sendings.len() > 1 {
            return Err(format!(
                "I4: `once` effect {job}:{ordinal} was sent {} times",
                sendings.len()
            ));
        }
        if sendings.iter().any(|(_, bytes)| bytes != first) {
            return Err(format!("I4: effect {job}:{ordinal} was sent with different bytes"));
        }
    }
    Ok(())
}

/// No step is dispatched before what it depends on is done.
pub fn inputs_are_done(row: &Row, serial: Serial) {
    let Some(Unit::Step(index)) = row.task.jobs.iter().find(|j| j.serial == serial).map(|j| j.unit) else {
        return;
    };
    let plan = row.plan.as_ref().expect("steps come from a plan");
    for dep in &plan.steps[usize::from(index)].deps {
        let status = row.task.steps[usize::from(*dep)].status;
        // What is gathered does without single items.
        let optional = plan.gathered_by(index).is_some_and(|fan| fan.items.contains(dep));
        assert!(
            status == StepStatus::Succeeded || (optional && status == StepStatus::Skipped),
            "step {index} is dispatched while step {dep} is {status}"
        );
    }
}
