//! Conditions of steps.

use crate::scope::Scope;
use serde_json::Value;
use workflow::plan::When;

/// Why the step is skipped; none: the condition holds.
pub fn skip_reason(when: &When, scope: &Scope<'_>) -> Option<String> {
    let found = scope.value(when.step.as_deref(), &when.pointer);
    if holds(when, found) {
        return None;
    }
    let place = match &when.step {
        Some(step) => format!("`{}` of step `{step}`", when.pointer),
        None => format!("`{}` of the submission", when.pointer),
    };
    Some(format!("the condition on {place} does not hold"))
}

/// Every test that is given holds; what is absent fails every test but `exists: false`.
fn holds(when: &When, found: Option<&Value>) -> bool {
    let number = || found.and_then(Value::as_f64);
    when.exists.is_none_or(|wanted| wanted == found.is_some())
        && when
            .equals
            .as_ref()
            .is_none_or(|wanted| found.is_some_and(|found| same(wanted, found)))
        && when.gt.is_none_or(|bound| number().is_some_and(|n| n > bound))
        && when.lt.is_none_or(|bound| number().is_some_and(|n| n < bound))
}

/// Equality of JSON values; 1 and 1.0 are the same number.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_condition_reads_a_step_or_the_submission() {
        let submission =
            json!({"request": "r", "business_metrics": {"revenue": 50000.0}, "preferences": {"tone": "dry"}});
        let outputs = [("check".to_owned(), json!({"score": 0.7, "ok": true, "none": null}))]
            .into_iter()
            .collect();
        let submission = submission.to_string();
        let scope = Scope::new(&submission, &outputs, &[]);
        for (when, expected) in [
            (json!({"$step": "check", "pointer": "/ok", "equals": true}), true),
            (json!({"$step": "check", "pointer": "/ok", "equals": false}), false),
            (json!({"$step": "check", "pointer": "/none", "equals": null}), true),
            (json!({"$step": "check", "pointer": "/gone", "equals": null}), false),
            (json!({"$step": "check", "pointer": "/gone", "exists": false}), true),
            (json!({"$step": "check", "pointer": "/score", "gt": 0.5}), true),
            (json!({"$step": "check", "pointer": "/score", "lt": 0.5}), false),
            (json!({"$step": "check", "pointer": "/ok", "gt": 0.0}), false),
            (json!({"$step": "gone", "pointer": "", "exists": true}), false),
            (json!({"pointer": "/business_metrics/revenue", "equals": 50000}), true),
            (json!({"pointer": "/preferences/tone", "equals": "dry"}), true),
            (json!({"pointer": "/preferences/length", "exists": true}), false),
        ] {
            let parsed: When = serde_json::from_value(when.clone()).unwrap();
            assert_eq!(skip_reason(&parsed, &scope).is_none(), expected, "{when}");
        }
    }
}
