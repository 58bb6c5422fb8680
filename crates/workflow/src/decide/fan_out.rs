//! Fan-out: what becomes of steps that run once an item, when their list is there.

use super::context::Context;
use super::planning;
use crate::input::{Failure, Outcome};
use crate::state::Unit;

/// A list of something else, or no list where one is due.
pub(super) fn unfit(cx: &Context<'_>, unit: Unit, outcome: &Outcome) -> Option<Failure> {
    let Unit::Step(index) = unit else { return None };
    let fan = cx.plan.as_ref().and_then(|plan| plan.listed_by(index));
    let (code, message) = match (fan, outcome) {
        (Some(fan), Outcome::Listed { items, .. }) if *items > u32::from(fan.max_items) => {
            let message = format!("the list has {items} items, max_items is {}", fan.max_items);
            ("too_many_items", message)
        }
        (Some(_), Outcome::Output(_)) | (None, Outcome::Listed { .. }) => {
            ("worker_protocol", "the result does not fit the step".to_owned())
        }
        _ => return None,
    };
    Some(Failure {
        code: code.to_owned(),
        message,
        ..Failure::default()
    })
}

/// The list has been made: so many items are in it.
pub(super) fn listed(cx: &mut Context<'_>, index: u16, items: u32) {
    if let Some(step) = cx.task.steps.get_mut(usize::from(index)) {
        step.items = Some(u16::try_from(items).unwrap_or(u16::MAX));
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

fn length(cx: &Context<'_>, list: u16) -> Option<u16> {
    cx.task.steps.get(usize::from(list))?.items
}
