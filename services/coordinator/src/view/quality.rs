//! The latest judgement.

use super::{Facts, member, members};
use serde_json::{Map, Value, json};

/// `{overall, threshold, passed, dimensions, blamed_steps, …}`; null before the first judgement.
pub(super) fn quality(facts: &Facts) -> Value {
    let Some(quality) = &facts.task.quality else {
        return Value::Null;
    };
    let document = facts.bodies.value(quality.payload).unwrap_or(Value::Null);
    json!({
        "overall": quality.overall,
        "threshold": facts.submission.policy.threshold,
        "passed": quality.passed,
        "dimensions": dimensions(facts, &document),
        "blamed_steps": blamed(facts),
        "blame": members(&document, "blamed").cloned().unwrap_or_default(),
        "failed_checks": document.get("failed_checks").and_then(Value::as_array).cloned().unwrap_or_default(),
        "engine": member(&document, "engine"),
        "judge": member(&document, "judge"),
    })
}

/// The dimensions policy asks for; one that could not be judged has a null score.
fn dimensions(facts: &Facts, document: &Value) -> Map<String, Value> {
    let judged = members(document, "dimensions");
    let policy = &facts.submission.policy;
    let dimension = |(name, rule): (&String, &workflow::submission::Dimension)| {
        let found = judged.and_then(|d| d.get(name)).unwrap_or(&Value::Null);
        let shown = json!({
            "score": found.get("score").and_then(Value::as_f64),
            "weight": rule.weight,
            "floor": rule.floor.min(policy.threshold),
            "evidence": member(found, "evidence"),
            "feedback": member(found, "feedback"),
        });
        (name.clone(), shown)
    };
    policy.dimensions.iter().map(dimension).collect()
}

/// Keys of the steps that were sent back for what the judge or a failed check says.
fn blamed(facts: &Facts) -> Vec<&str> {
    let blamed = facts.task.quality.iter().flat_map(|quality| &quality.blamed);
    let steps = facts.plan.as_ref().map_or(&[][..], |plan| &plan.plan.steps);
    blamed
        .filter_map(|index| Some(steps.get(usize::from(*index))?.key.as_str()))
        .collect()
}
