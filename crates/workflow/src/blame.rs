//! Which steps a judgement sends back, and with what. Pure.

use crate::input::Assessment;
use crate::plan::FrozenPlan;
use std::collections::{BTreeMap, BTreeSet};

/// Steps by index, with what should be different of each.
pub type Feedback = BTreeMap<u16, String>;

/// What a judgement wants to be different.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Blame {
    /// These run again.
    pub blamed: Feedback,
    /// What is blamed explains their fault: they are told, and run again only when what they take has changed.
    pub told: Feedback,
}

/// Of failed checks the earliest count: what stands on a step whose own check fails is not accused beside it, nor is, for
/// what a judge says, what that step took and whose own checks hold. Where the scores are good enough only failed checks
/// cost a round: nobody re-runs a step for what would have passed.
pub fn blame(plan: &FrozenPlan, assessment: &Assessment, scores_pass: bool, repairable: impl Fn(u16) -> bool) -> Blame {
    let checks = by_index(plan, &assessment.failed_checks);
    let judged = if scores_pass {
        Feedback::new()
    } else {
        by_index(plan, &assessment.blamed)
    };
    // What cannot run again cannot be waited for.
    let failing: BTreeSet<u16> = checks.keys().copied().filter(|index| repairable(*index)).collect();
    let before_failing: BTreeSet<u16> = failing.iter().flat_map(|&index| sources(plan, index)).collect();
    let stands_on_failing = |index: u16| !sources(plan, index).is_disjoint(&failing);
    let mut found = Blame::default();
    for (index, text) in checks {
        let into = if stands_on_failing(index) {
            &mut found.told
        } else {
            &mut found.blamed
        };
        into.insert(index, text);
    }
    for (index, text) in judged {
        // A check is certain, and so is one that holds; a judge may take a step's fault for one of what went into it.
        let cleared = before_failing.contains(&index) && is_checked(plan, index);
        let explained = cleared || stands_on_failing(index);
        let known = found.told.contains_key(&index) || (explained && !found.blamed.contains_key(&index));
        let into = if known { &mut found.told } else { &mut found.blamed };
        let all = into.entry(index).or_default();
        if !all.is_empty() {
            all.push('\n');
        }
        all.push_str(&text);
    }
    found
}

fn is_checked(plan: &FrozenPlan, index: u16) -> bool {
    let step = plan.plan.steps.get(usize::from(index));
    step.is_some_and(|step| !step.acceptance.is_empty())
}

fn by_index(plan: &FrozenPlan, by_key: &BTreeMap<String, String>) -> Feedback {
    let known = (0_u16..).zip(&plan.plan.steps);
    let said = known.filter_map(|(index, step)| Some((index, by_key.get(&step.key)?)));
    let mut found = Feedback::new();
    for (maker, text) in said.flat_map(|(index, text)| plan.makers(index).into_iter().map(move |maker| (maker, text))) {
        let all = found.entry(maker).or_default();
        if !all.is_empty() {
            all.push('\n');
        }
        all.push_str(text);
    }
    found
}

/// All steps whose output goes into a step's, directly or through others.
fn sources(plan: &FrozenPlan, index: u16) -> BTreeSet<u16> {
    let mut found = BTreeSet::new();
    let mut open = vec![index];
    while let Some(next) = open.pop() {
        let inputs = plan.steps.get(usize::from(next)).map_or(&[][..], |step| &step.inputs);
        open.extend(inputs.iter().copied().filter(|input| found.insert(*input)));
    }
    found
}
