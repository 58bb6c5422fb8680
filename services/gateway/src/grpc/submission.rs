//! A submission as the JSON document REST takes, so that one check serves both.

use crate::json;
use crate::refusal::Refusal;
use contracts::v1::{Budget, SubmitTaskRequest};
use serde_json::{Map, Number, Value};

/// The document. Fields that are not set are absent.
///
/// # Errors
/// 400 where an embedded JSON text cannot be read.
pub fn to_json(message: SubmitTaskRequest, max_depth: usize) -> Result<Map<String, Value>, Refusal> {
    let mut body = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    };
    let present = |text: &String| !text.is_empty();
    put("request", Some(Value::String(message.request)).filter(|v| v != ""));
    if present(&message.plan_json) {
        put(
            "plan",
            Some(json::read(message.plan_json.as_bytes(), max_depth, "/plan")?),
        );
    }
    if present(&message.preferences_json) {
        let preferences = json::read(message.preferences_json.as_bytes(), max_depth, "/preferences")?;
        put("preferences", Some(preferences));
    }
    let metrics = message.business_metrics.into_iter().map(|(name, n)| (name, number(n)));
    put("business_metrics", Some(Value::Object(metrics.collect())));
    let labels = message
        .metadata
        .into_iter()
        .map(|(name, text)| (name, Value::String(text)));
    put("metadata", Some(Value::Object(labels.collect())));
    put("budget", message.budget.map(budget));
    put("quality_threshold", message.quality_threshold.map(number));
    put("max_refinements", message.max_refinements.map(Value::from));
    put("plan_review", message.plan_review.map(Value::Bool));
    put("auto_approve", message.auto_approve.map(Value::Bool));
    put("priority", message.priority.map(Value::from));
    json::refuse_nul(&body)?;
    Ok(body)
}

fn budget(budget: Budget) -> Value {
    let fields = [
        ("max_cost_usd", budget.max_cost_usd.map(number)),
        ("max_tokens", budget.max_tokens.map(Value::from)),
        ("max_calls", budget.max_calls.map(Value::from)),
        ("max_duration_seconds", budget.max_duration_seconds.map(number)),
    ];
    let set = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(set.collect())
}

/// What JSON cannot write becomes a string, which the check then refuses by its place.
fn number(number: f64) -> Value {
    Number::from_f64(number).map_or_else(|| Value::String(number.to_string()), Value::Number)
}
