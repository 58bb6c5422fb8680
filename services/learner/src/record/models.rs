//! Which models took part, and what each used.

use super::json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Which models took part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Models {
    /// What planned: a provider, or `offline` for the built-in engine; null: unknown, or a client's plan.
    pub engine: Option<String>,
    /// Role to the version that served the task.
    pub versions: BTreeMap<String, String>,
    /// Hash of the policy it ran under: thresholds, weights, budgets, rules; null: unknown.
    #[serde(default)]
    pub configuration: Option<String>,
    /// What each used, by name.
    pub usage: Vec<ModelUsage>,
}

/// What a model used in one task.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelUsage {
    /// Its name.
    pub model: String,
    /// US dollars; null: at least one call has no known price.
    pub usd: Option<f64>,
    /// Prompt tokens.
    pub input_tokens: u64,
    /// Completion tokens.
    pub output_tokens: u64,
    /// Calls.
    pub calls: u64,
    /// Part of it is an estimate, for runs that were lost.
    pub estimated: bool,
}

pub(super) fn read(raw: &Value) -> Models {
    let mut by_name: BTreeMap<String, ModelUsage> = BTreeMap::new();
    for cost in json::list(raw, "/costs") {
        let model = json::text_or_empty(cost, "/model");
        if model.is_empty() {
            continue;
        }
        let first = || ModelUsage {
            model: model.clone(),
            usd: Some(0.0),
            ..ModelUsage::default()
        };
        let usage = by_name.entry(model.clone()).or_insert_with(first);
        usage.usd = usage.usd.zip(price(cost)).map(|(sum, price)| sum + price);
        usage.input_tokens = usage.input_tokens.saturating_add(json::count(cost, "/input_tokens"));
        usage.output_tokens = usage.output_tokens.saturating_add(json::count(cost, "/output_tokens"));
        usage.calls = usage.calls.saturating_add(json::count(cost, "/calls"));
        usage.estimated |= cost.get("estimated").and_then(Value::as_bool).unwrap_or_default();
    }
    Models {
        engine: json::text(raw, "/engine").or_else(|| json::text(raw, "/task/engine")),
        versions: json::text_map(raw, "/task/model_versions"),
        configuration: json::text(raw, "/configuration"),
        usage: by_name.into_values().collect(),
    }
}

fn price(cost: &Value) -> Option<f64> {
    json::number(cost, "/usd").or_else(|| Some(json::number(cost, "/usd_micros")? / 1_000_000.0))
}
