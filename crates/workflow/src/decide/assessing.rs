//! The judgement: passed, sent back to be repaired, or a human's matter.

use super::context::Context;
use super::{steps, versions};
use crate::blame::blame;
use crate::input::{Assessment, Body};
use crate::state::{PayloadNo, Quality};
use crate::submission::Policy;
use crate::vocabulary::{AttentionReason, EventKind, Status};
use serde_json::json;
use std::collections::BTreeMap;

pub(super) fn assessed(cx: &mut Context<'_>, assessment: &Assessment, document: &Body) {
    let Some(plan) = cx.plan.clone() else { return };
    let verdict = judge(&cx.submission.policy, assessment);
    let payload = cx.payload("assessment", document.clone());
    let found = blame(&plan, assessment, verdict.scores_pass, |index| {
        steps::repairable(cx, index)
    });
    let quality = Quality {
        payload,
        overall: verdict.overall,
        passed: verdict.passed,
        blamed: found.blamed.keys().copied().filter(|_| !verdict.passed).collect(),
        judge: assessment.judge.clone(),
        at: cx.now(),
    };
    let mut data = json!({
        "overall": verdict.overall,
        "passed": verdict.passed,
        "scores": assessment.scores,
        "blamed": found.blamed.keys().map(|&i| cx.step_key(i)).collect::<Vec<_>>(),
        "round": cx.task.round,
    });
    cx.task.quality = Some(quality.clone());
    cx.task.judged.push(cx.task.round);
    // They were made of what was judged before.
    cx.task.deliveries.clear();
    if verdict.passed {
        cx.task.best = None;
        // What steps were told and did not come to heed is of a version that is no more.
        cx.task.steps.iter_mut().for_each(|step| step.feedback = None);
        cx.set_stage(Status::Formatting);
        cx.emit(EventKind::TaskAssessed, data);
        return;
    }
    let kept = versions::keep_the_better(cx, &quality, assessment.failed_checks.len(), &found);
    if let (Some(round), Some(data)) = (kept, data.as_object_mut()) {
        data.insert("kept_round".to_owned(), round.into());
    }
    cx.emit(EventKind::TaskAssessed, data);
    if cx.task.round >= cx.submission.policy.max_refinements {
        let kept = kept.map(|round| format!("; that of round {round} was better and is kept"));
        let (reason, round) = (verdict.reason, cx.task.round);
        let detail = format!("{reason} after {round} repair rounds{}", kept.unwrap_or_default());
        cx.stall(AttentionReason::QualityBelowThreshold, detail);
    } else {
        refine_best(cx);
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

/// One more round from the version that is kept.
fn refine_best(cx: &mut Context<'_>) {
    let Some(best) = cx.task.best.clone() else { return };
    let (blamed, told) = best
        .feedback
        .into_iter()
        .partition(|(index, _)| best.quality.blamed.contains(index));
    refine(cx, blamed, told);
}

/// One more round for the blamed steps; for the last ones where nobody is blamed. `told`: what others are to heed should
/// they run again too.
pub(super) fn refine(cx: &mut Context<'_>, blamed: BTreeMap<u16, PayloadNo>, told: BTreeMap<u16, PayloadNo>) {
    let nobody = blamed.is_empty();
    let mut chosen = blamed;
    chosen.retain(|&index, _| steps::repairable(cx, index));
    if nobody {
        for index in steps::sinks(cx) {
            if steps::repairable(cx, index) {
                chosen.insert(index, cx.feedback("the result as a whole is not good enough"));
            }
        }
    }
    if chosen.is_empty() {
        cx.stall(
            AttentionReason::QualityBelowThreshold,
            "the steps to repair had outside effects",
        );
        return;
    }
    cx.task.round += 1;
    for (index, feedback) in &told {
        steps::tell(cx, *index, *feedback);
    }
    for (index, feedback) in &chosen {
        steps::rerun(cx, *index, Some(*feedback));
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
