//! `POST /tasks/{id}/fork`.

use super::faults::Faults;
use super::fields::{Fields, pointer};
use super::{preferences, process};
use crate::json::kind;
use crate::refusal::Refusal;
use contracts::api::{ForkRequest, Overrides, StepOverride};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Steps of the largest plan.
const MAX_STEPS: usize = 200;
const TOOL_ID_CHARACTERS: usize = 200;

/// Reads and checks a fork.
///
/// # Errors
/// 422 with every fault.
pub fn read(body: Map<String, Value>) -> Result<ForkRequest, Refusal> {
    let mut faults = Faults::default();
    let mut fields = Fields::new(body, "", &mut faults);
    let from_step = fields.step_key("from_step");
    let document = ForkRequest {
        from_step,
        overrides: overrides(&mut fields).unwrap_or_default(),
    };
    fields.finish();
    faults.check(document)
}

fn overrides(fields: &mut Fields) -> Option<Overrides> {
    let map = fields.object("overrides")?;
    let base = fields.pointer("overrides");
    let mut inner = Fields::new(map, base, fields.faults());
    let overrides = Overrides {
        request: process::words(&mut inner),
        business_metrics: process::metrics(&mut inner),
        preferences: preferences::read(&mut inner, "preferences"),
        budget: process::budget(&mut inner, "budget"),
        quality_threshold: inner.number("quality_threshold", 0.0..=1.0),
        max_refinements: process::refinements(&mut inner),
        plan_review: inner.flag("plan_review"),
        auto_approve: inner.flag("auto_approve"),
        priority: process::priority(&mut inner),
        metadata: process::labels(&mut inner),
        steps: steps(&mut inner),
    };
    inner.finish();
    Some(overrides)
}

fn steps(fields: &mut Fields) -> BTreeMap<String, StepOverride> {
    let Some(map) = fields.object("steps") else {
        return BTreeMap::new();
    };
    if map.len() > MAX_STEPS {
        fields.fault("steps", format!("must have at most {MAX_STEPS} members"));
        return BTreeMap::new();
    }
    let base = fields.pointer("steps");
    let faults = fields.faults();
    let mut steps = BTreeMap::new();
    for (key, value) in map {
        let at = pointer(&base, &key);
        match value {
            Value::Object(members) => {
                steps.insert(key, step(members, at, faults));
            }
            other => faults.value(at, format!("must be an object, it is {}", kind(&other))),
        }
    }
    steps
}

fn step(members: Map<String, Value>, at: String, faults: &mut Faults) -> StepOverride {
    let mut fields = Fields::new(members, at, faults);
    let step = StepOverride {
        tool_id: fields.text("tool_id", 1..=TOOL_ID_CHARACTERS),
        arguments: fields.object("arguments").unwrap_or_default(),
    };
    fields.finish();
    step
}

#[cfg(test)]
mod tests {
    use super::read;
    use serde_json::{Value, json};

    fn places(body: Value) -> Vec<String> {
        let Value::Object(body) = body else {
            unreachable!("an object")
        };
        let refusal = read(body).unwrap_err();
        refusal
            .problem()
            .errors
            .iter()
            .map(|error| error.pointer.clone())
            .collect()
    }

    #[test]
    fn every_member_is_read_and_null_takes_an_argument_away() {
        let body = json!({
            "from_step": "draft",
            "overrides": {
                "request": "shorter", "preferences": {"tone": "dry", "channels": []}, "quality_threshold": 0.5,
                "budget": {"max_cost_usd": 1.0}, "metadata": {"a": "b"},
                "steps": {"draft": {"tool_id": "x.y", "arguments": {"n": 1, "gone": null}}},
            },
        });
        let Value::Object(members) = body.clone() else {
            unreachable!("an object")
        };
        assert_eq!(serde_json::to_value(read(members).unwrap()).unwrap(), body);
    }

    #[test]
    fn faults_are_told_at_their_place() {
        assert_eq!(places(json!({"overrides": {"plan": {}}})), ["/overrides/plan"]);
        let steps = json!({"overrides": {"steps": {"a": {"arguments": []}, "b": 7, "c": {"when": {}}}}});
        let expected = [
            "/overrides/steps/a/arguments",
            "/overrides/steps/b",
            "/overrides/steps/c/when",
        ];
        assert_eq!(places(steps), expected);
        assert_eq!(
            places(json!({"overrides": {"request": " "}, "from_step": ""})),
            ["/from_step", "/overrides/request"]
        );
    }
}
