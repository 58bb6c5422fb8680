//! The judgement: passed, sent back to be repaired, or a human's matter.

use super::context::Context;
use super::steps;
use crate::input::{Assessment, Body};
use crate::state::Quality;
use crate::submission::Policy;
use crate::vocabulary::{AttentionReason, EventKind, Status};
use serde_json::json;
use std::collections::BTreeMap;

pub(super) fn assessed(cx: &mut Context<'_>, assessment: &Assessment, document: &Body) {
    let verdict = judge(&cx.submission.policy, assessment);
    let payload = cx.payload("assessment", document.clone());
    let blamed = blame(cx, assessment, verdict.scores_pass);
    cx.task.quality = Some(Quality {
        payload,
        overall: verdict.overall,
        passed: verdict.passed,
        blamed: if verdict.passed {
            Vec::new()
        } else {
            blamed.keys().copied().collect()
        },
    });
    let data = json!({
        "overall": verdict.overall,
        "passed": verdict.passed,
        "scores": assessment.scores,
        "blamed": blamed.keys().map(|&i| cx.step_key(i)).collect::<Vec<_>>(),
        "round": cx.task.round,
    });
    if verdict.passed {
        cx.task.deliveries.clear();
        cx.set_stage(Status::Formatting);
        cx.emit(EventKind::TaskAssessed, data);
        return;
    }
    cx.emit(EventKind::TaskAssessed, data);
    if cx.task.round >= cx.submission.policy.max_refinements {
        let detail = format!("{} after {} repair rounds", verdict.reason, cx.task.round);
        cx.stall(AttentionReason::QualityBelowThreshold, detail);
    } else {
        refine(cx, &blamed);
    }
}

/// How a judgement stands against the policy.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Verdict {
    pub overall: f64,
    pub passed: bool,
    /// Scores alone, whatever the acceptance checks say.
    pub scores_pass: bool,
    pub reason: String,
}

/// A score passes when it is at least the threshold; a dimension without a score never passes.
pub(super) fn judge(policy: &Policy, assessment: &Assessment) -> Verdict {
    let score = |name: &str| {
        assessment
            .scores
            .get(name)
            .copied()
            .filter(|s| s.is_finite())
            .map(|s| s.clamp(0.0, 1.0))
    };
    let (mut sum, mut weights) = (0.0, 0.0);
    let mut short = Vec::new();
    for (name, dimension) in &policy.dimensions {
        match score(name) {
            None => short.push(format!("{name} was not judged")),
            Some(score) => {
                sum += score * dimension.weight;
                weights += dimension.weight;
                let floor = dimension.floor.min(policy.threshold);
                if score < floor {
                    short.push(format!("{name} {score:.2} is below its floor {floor:.2}"));
                }
            }
        }
    }
    let overall = if weights > 0.0 { sum / weights } else { 0.0 };
    if overall < policy.threshold {
        short.push(format!("quality {overall:.2} is below {:.2}", policy.threshold));
    }
    let scores_pass = short.is_empty();
    short.extend(
        assessment
            .failed_checks
            .iter()
            .map(|(step, detail)| format!("{step}: {detail}")),
    );
    Verdict {
        overall,
        passed: short.is_empty(),
        scores_pass,
        reason: short.join("; "),
    }
}

/// Steps to blame, by index, with what should be different. Where the scores are good enough only failed
/// checks cost a round: nobody re-runs a step for what would have passed.
fn blame(cx: &Context<'_>, assessment: &Assessment, scores_pass: bool) -> BTreeMap<u16, String> {
    let judged = assessment.blamed.iter().filter(|_| !scores_pass);
    let mut blamed = BTreeMap::<u16, String>::new();
    for (key, feedback) in assessment.failed_checks.iter().chain(judged) {
        let Some(index) = cx.step_index(key) else { continue };
        let text = blamed.entry(index).or_default();
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(feedback);
    }
    blamed
}

/// One more round for the blamed steps; for the last ones where nobody is blamed.
pub(super) fn refine(cx: &mut Context<'_>, blamed: &BTreeMap<u16, String>) {
    let mut chosen: BTreeMap<u16, String> = blamed
        .iter()
        .filter(|(i, _)| steps::repairable(cx, **i))
        .map(|(i, f)| (*i, f.clone()))
        .collect();
    if blamed.is_empty() {
        let sinks = steps::sinks(cx).into_iter().filter(|&i| steps::repairable(cx, i));
        chosen.extend(sinks.map(|i| (i, "the result as a whole is not good enough".to_owned())));
    }
    if chosen.is_empty() {
        cx.stall(
            AttentionReason::QualityBelowThreshold,
            "the steps to repair had outside effects",
        );
        return;
    }
    cx.task.round += 1;
    for (index, feedback) in &chosen {
        steps::rerun(cx, *index, Some(feedback));
    }
    cx.set_stage(Status::Refining);
    let keys: Vec<String> = chosen.keys().map(|&i| cx.step_key(i)).collect();
    cx.emit(
        EventKind::TaskRefining,
        json!({ "round": cx.task.round, "steps": keys }),
    );
}

/// The steps a human's round is about: those the last judgement blames, else the last ones.
pub(super) fn to_repair(cx: &Context<'_>) -> Vec<u16> {
    let blamed = cx.task.quality.iter().flat_map(|q| q.blamed.iter().copied());
    let blamed: Vec<u16> = blamed.filter(|&i| steps::repairable(cx, i)).collect();
    if blamed.is_empty() { steps::sinks(cx) } else { blamed }
}
