//! Of the versions that repair rounds bring about the better one is kept.

use super::context::Context;
use super::{fan_out, steps};
use crate::blame::Blame;
use crate::state::{Made, Quality, Step, Task, Version};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Outputs of other rounds that a step remembers, the latest of them.
const MOST_OTHERS: usize = 4;

/// Goes on from the better one of the version just judged and the best before it; tells the round of the one that is
/// kept. None: it is the one just judged.
pub(super) fn keep_the_better(
    cx: &mut Context<'_>,
    quality: &Quality,
    failed_checks: usize,
    blame: &Blame,
) -> Option<u32> {
    let failed_checks = u32::try_from(failed_checks).unwrap_or(u32::MAX);
    let best = cx.task.best.take();
    if let Some(mut best) = best.filter(|best| is_better(best, quality, failed_checks)) {
        restore(cx, &mut best);
        let round = best.round;
        cx.task.best = Some(best);
        return Some(round);
    }
    let feedback = blame.blamed.iter().chain(&blame.told);
    let feedback = feedback.map(|(index, text)| (*index, cx.feedback(text))).collect();
    cx.task.best = Some(Box::new(Version {
        round: cx.task.round,
        quality: quality.clone(),
        failed_checks,
        feedback,
        steps: BTreeMap::new(),
    }));
    None
}

/// Fewer failed checks, or as many and a higher score. Of two that are as good the later one is taken.
fn is_better(best: &Version, quality: &Quality, failed_checks: u32) -> bool {
    let by_score = || best.quality.overall.total_cmp(&quality.overall);
    failed_checks.cmp(&best.failed_checks).then_with(by_score) == Ordering::Greater
}

/// Before a step gets another output: the one it has is part of the best version so far.
pub(super) fn before_change(task: &mut Task, index: u16) {
    let Some(best) = &mut task.best else { return };
    if let Some(step) = task.steps.get(usize::from(index)).filter(|step| step.status.is_done()) {
        best.steps.entry(index).or_insert_with(|| step.clone());
    }
}

/// The output it has is one of those it had, once it gets another one.
pub(super) fn remember(step: &mut Step) {
    let Some(output) = step.output else { return };
    if step.others.iter().any(|other| other.payload == output.payload) {
        return;
    }
    if step.others.len() == MOST_OTHERS {
        step.others.remove(0);
    }
    step.others.push(Made {
        round: step.round,
        payload: output.payload,
    });
}

/// What acted outside stays as it is: that cannot be taken back. Items that its lists did not have are left out.
fn restore(cx: &mut Context<'_>, best: &mut Version) {
    for (index, step) in std::mem::take(&mut best.steps) {
        if steps::has_acted(cx, index) || fan_out::items_acted(cx, index) {
            continue;
        }
        if let Some(now) = cx.task.steps.get_mut(usize::from(index)) {
            remember(now);
            let others = std::mem::take(&mut now.others);
            *now = step;
            let kept = now.output.map(|output| output.payload);
            now.others = others.into_iter().filter(|other| Some(other.payload) != kept).collect();
        }
    }
    fan_out::leave_out_beyond(cx);
    cx.task.quality = Some(best.quality.clone());
}
