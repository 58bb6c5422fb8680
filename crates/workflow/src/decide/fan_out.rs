//! Fan-out: what becomes of steps that run once an item, when their list is there.

use super::context::Context;
use super::{planning, steps};
use crate::hash::Fingerprint;
use crate::input::{Failure, Outcome};
use crate::state::{Step, Unit};
use crate::vocabulary::StepStatus;

/// A list of something else, or no list where one is due.
pub(super) fn unfit(cx: &Context<'_>, unit: Unit, outcome: &Outcome) -> Option<Failure> {
    let Unit::Step(index) = unit else { return None };
    let fan = cx.plan.as_ref().and_then(|plan| plan.listed_by(index));
    let (code, message, retryable) = match (fan, outcome) {
        (Some(fan), Outcome::Listed { items, .. }) if items.len() > usize::from(fan.max_items) => {
            let message = format!("the list has {} items, max_items is {}", items.len(), fan.max_items);
            ("too_many_items", message, false)
        }
        // An older worker knows no lists; another one may.
        (Some(_), Outcome::Output(_)) => ("worker_protocol", "the worker makes no lists".to_owned(), true),
        (None, Outcome::Listed { .. }) => ("worker_protocol", "the step makes no list".to_owned(), false),
        _ => return None,
    };
    Some(Failure {
        code: code.to_owned(),
        message,
        retryable,
        ..Failure::default()
    })
}

/// The list has been made: these are the hashes of its items.
pub(super) fn listed(cx: &mut Context<'_>, index: u16, items: &[Fingerprint]) {
    if let Some(step) = cx.task.steps.get_mut(usize::from(index)) {
        step.items = Some(items.to_vec());
    }
    join(cx, index);
}

/// Where the step has made a list: its items are steps of the plan.
pub(super) fn join(cx: &mut Context<'_>, index: u16) {
    let Some(count) = length(cx, index) else { return };
    let Some(longer) = cx.plan.as_ref().and_then(|plan| plan.with_items(index, count)) else {
        return;
    };
    cx.task.steps.resize_with(longer.steps.len(), planning::fresh_step);
    let intent = cx.task.plan.as_ref().and_then(|plan| plan.intent);
    planning::keep(cx, longer, intent);
}

/// The step is of an item that the list, as it is now, does not have.
pub(super) fn is_beyond(cx: &Context<'_>, index: u16) -> bool {
    let found = cx.plan.as_ref().and_then(|plan| plan.item_at(index));
    found.is_some_and(|(fan, place)| place >= usize::from(length(cx, fan.list).unwrap_or(0)))
}

/// Leaves out what came of items that the lists, as they are now, do not have.
pub(super) fn leave_out_beyond(cx: &mut Context<'_>) {
    let items = cx
        .plan
        .iter()
        .flat_map(|plan| &plan.fan_outs)
        .flat_map(|fan| &fan.items);
    let kept = |index: &u16| {
        cx.task
            .steps
            .get(usize::from(*index))
            .is_some_and(|step| step.output.is_some())
    };
    let beyond: Vec<u16> = items
        .copied()
        .filter(|index| kept(index) && is_beyond(cx, *index))
        .collect();
    for index in beyond {
        skip_beyond(cx, index);
    }
}

pub(super) fn skip_beyond(cx: &mut Context<'_>, index: u16) {
    steps::skip(cx, index, "the list has no such item any more");
}

fn length(cx: &Context<'_>, list: u16) -> Option<u16> {
    let items = cx.task.steps.get(usize::from(list))?.items.as_ref()?;
    u16::try_from(items.len()).ok()
}

/// What an item's step takes of its list: its own item alone, so that other items may change.
pub(super) fn item_taken(cx: &Context<'_>, index: u16, input: u16) -> Option<Fingerprint> {
    let (fan, place) = cx.plan.as_ref()?.item_at(index)?;
    let list = cx.task.steps.get(usize::from(input)).filter(|_| input == fan.list)?;
    list.items.as_ref()?.get(place).copied()
}

/// The step makes a list of which an item has acted outside: another list would have it act again, or for nobody.
pub(super) fn items_acted(cx: &Context<'_>, index: u16) -> bool {
    let fan = cx.plan.as_ref().and_then(|plan| plan.listed_by(index));
    fan.is_some_and(|fan| fan.items.iter().any(|item| steps::has_acted(cx, *item)))
}

/// The step is of an item that a human skipped, or that is not in the list any more.
pub(super) fn is_left_out(cx: &Context<'_>, index: u16) -> bool {
    let skipped = |step: &Step| step.status == StepStatus::Skipped;
    cx.plan.as_ref().is_some_and(|plan| plan.item_at(index).is_some())
        && cx.task.steps.get(usize::from(index)).is_some_and(skipped)
}
