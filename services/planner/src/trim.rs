//! Orders that nothing needs: steps that only read, and take nothing of each other, run side by side.
//!
//! Of two steps of which one acts outside, asks a human or has a condition, whatever came first still comes first,
//! directly or through others. Only plans that planners make are trimmed: what clients and people write stands.

use crate::catalog::Tools;
use crate::flow::Flow;
use workflow::plan::{Plan, PlanStep};
use workflow::vocabulary::EffectClass;

/// A larger plan is left as it is: looking at every order takes steps times orders.
const MOST_STEPS: usize = 64;

/// An order that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Of the step that waited.
    pub step_key: String,
    /// Of the step it waited for.
    pub waits_for: String,
}

/// Leaves out of a valid plan the orders that nothing needs; tells which.
pub fn trim(plan: &mut Plan, tools: &Tools) -> Vec<Dropped> {
    let mut flow = Flow::of(plan);
    if plan.steps.len() > MOST_STEPS || flow.order.iter().all(|before| before.is_empty()) {
        return Vec::new();
    }
    let bound: Vec<bool> = plan.steps.iter().map(|step| is_bound(step, tools)).collect();
    let needed = needed(&flow, &bound);
    let mut dropped = Vec::new();
    for step in 0..plan.steps.len() {
        for before in flow.order.get(step).cloned().unwrap_or_default() {
            if let Some(order) = flow.order.get_mut(step) {
                order.remove(&before);
            }
            if holds(&flow, &needed) {
                dropped.push((step, before));
            } else if let Some(order) = flow.order.get_mut(step) {
                order.insert(before);
            }
        }
    }
    let key = |at: usize| plan.steps.get(at).map(|step| step.key.clone()).unwrap_or_default();
    let told: Vec<Dropped> = dropped
        .iter()
        .map(|(step, before)| Dropped {
            step_key: key(*step),
            waits_for: key(*before),
        })
        .collect();
    for gone in &told {
        for step in plan.steps.iter_mut().filter(|step| step.key == gone.step_key) {
            step.depends_on.retain(|key| *key != gone.waits_for);
        }
    }
    told
}

/// When it runs matters to others, or others to it.
fn is_bound(step: &PlanStep, tools: &Tools) -> bool {
    let tool = tools.catalog.of("").get(&step.tool_id);
    let only_reads =
        tool.is_some_and(|tool| tool.spec.effects == EffectClass::ReadOnly && !tool.spec.requires_approval);
    !only_reads || step.when.is_some()
}

/// For each step a bit for each step that must end before it, of pairs with a bound step.
fn needed(flow: &Flow, bound: &[bool]) -> Vec<u64> {
    let is_bound = |step: usize| bound.get(step).copied().unwrap_or(true);
    let bits = (0..bound.len()).filter(|step| is_bound(*step)).map(bit).sum::<u64>();
    let before = all_before(flow).into_iter().enumerate();
    before
        .map(|(step, before)| if is_bound(step) { before } else { before & bits })
        .collect()
}

fn holds(flow: &Flow, needed: &[u64]) -> bool {
    all_before(flow)
        .iter()
        .zip(needed)
        .all(|(before, needed)| needed & !before == 0)
}

/// A bit for each step that ends before, directly or through others. Plans have no cycle here.
fn all_before(flow: &Flow) -> Vec<u64> {
    let mut all = vec![0_u64; flow.data.len()];
    for step in flow.sorted().unwrap_or_default() {
        let through = flow
            .before(step)
            .map(|before| bit(before) | all.get(before).copied().unwrap_or(0));
        let through = through.fold(0, |one, other| one | other);
        if let Some(all) = all.get_mut(step) {
            *all = through;
        }
    }
    all
}

fn bit(step: usize) -> u64 {
    u32::try_from(step)
        .ok()
        .and_then(|step| 1_u64.checked_shl(step))
        .unwrap_or(0)
}
