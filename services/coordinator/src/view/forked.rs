//! What was taken over instead of being done again, and what that saved.

use super::{Facts, usd};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use workflow::plan::{FrozenPlan, PlanStep};
use workflow::state::{Step, Task};
use workflow::submission::{Submission, Used};
use workflow::vocabulary::StepStatus;

/// `{task_id, from_step, reused, saved}` of a fork. A step that ran again since is not in it any more.
pub(super) fn from(facts: &Facts) -> Option<Value> {
    let forked = facts.submission.forked.as_ref()?;
    let reused = facts
        .plan
        .as_ref()
        .map(|plan| keys(&facts.task, plan, |step| step.reused));
    let reused = reused.unwrap_or_default();
    Some(json!({
        "task_id": forked.task,
        "from_step": forked.from_step,
        "saved": saved(&reused, &forked.used),
        "reused": reused,
    }))
}

/// `{reused, saved}` of a retry: steps whose output stands.
pub fn kept(task: &Task, plan: &FrozenPlan, used: &BTreeMap<String, Used>) -> Value {
    let reused = keys(task, plan, |step| step.status == StepStatus::Succeeded);
    json!({ "saved": saved(&reused, used), "reused": reused })
}

/// `{usd, input_tokens, output_tokens, calls, seconds}`: what these steps used. `usd` is null where they used
/// something and none of it had a known price.
fn saved(steps: &[&str], used: &BTreeMap<String, Used>) -> Value {
    let used: Vec<&Used> = steps.iter().filter_map(|key| used.get(*key)).collect();
    let told = used
        .iter()
        .any(|u| u.calls + u.input_tokens + u.output_tokens > 0 || u.usd_micros.is_some());
    let priced = used.iter().any(|u| u.usd_micros.is_some());
    let sum = |of: fn(&Used) -> i64| used.iter().map(|u| of(u)).fold(0_i64, i64::saturating_add);
    json!({
        "usd": (priced || !told).then(|| usd(sum(|u| u.usd_micros.unwrap_or(0)))),
        "input_tokens": sum(|u| u.input_tokens),
        "output_tokens": sum(|u| u.output_tokens),
        "calls": sum(|u| u.calls),
        // Not `sum`, which is -0 of nothing.
        "seconds": used.iter().fold(0.0, |sum, u| sum + u.seconds),
    })
}

/// What each step that is done used: by its runs, or there where its output was taken from.
pub fn used_by(
    task: &Task,
    plan: &FrozenPlan,
    submission: &Submission,
    mut runs: BTreeMap<String, Used>,
) -> BTreeMap<String, Used> {
    let there = submission.forked.as_ref().map(|forked| &forked.used);
    let done = plan.plan.steps.iter().zip(&task.steps);
    let used = |(definition, step): (&PlanStep, &Step)| {
        let key = &definition.key;
        let used = match step.reused {
            true => there.and_then(|used| used.get(key)).copied().unwrap_or_default(),
            false => Used {
                seconds: seconds(step),
                ..runs.remove(key).unwrap_or_default()
            },
        };
        (step.status == StepStatus::Succeeded).then(|| (key.clone(), used))
    };
    done.filter_map(used).collect()
}

fn seconds(step: &Step) -> f64 {
    let times = step.started_at.zip(step.finished_at);
    times.map_or(0.0, |(from, to)| to.0.saturating_sub(from.0).max(0) as f64 / 1e3)
}

fn keys<'p>(task: &Task, plan: &'p FrozenPlan, wanted: impl Fn(&Step) -> bool) -> Vec<&'p str> {
    let steps = plan.plan.steps.iter().zip(&task.steps);
    steps
        .filter(|(_, step)| wanted(step))
        .map(|(step, _)| step.key.as_str())
        .collect()
}
