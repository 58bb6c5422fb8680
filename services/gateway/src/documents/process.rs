//! `POST /process`.

use super::faults::Faults;
use super::fields::{Fields, pointer};
use super::names::unfit_name;
use super::{plan, preferences};
use crate::json::kind;
use crate::refusal::Refusal;
use contracts::api::{Budget, ProcessRequest};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Bounds, as the description of the document tells them.
pub const REQUEST_CHARACTERS: usize = 16_384;
pub const MAX_METRICS: usize = 64;
pub const MAX_LABELS: usize = 64;
pub const LABEL_CHARACTERS: usize = 1024;
pub const MAX_REFINEMENTS: i64 = 10;
pub const MAX_PRIORITY: i64 = 10;

/// Reads and checks a submission.
///
/// # Errors
/// 422 with every fault.
pub fn read(body: Map<String, Value>) -> Result<ProcessRequest, Refusal> {
    let mut faults = Faults::default();
    let mut fields = Fields::new(body, "", &mut faults);
    let document = ProcessRequest {
        request: request(&mut fields),
        plan: plan::read(&mut fields, "plan"),
        business_metrics: metrics(&mut fields),
        preferences: preferences::read(&mut fields, "preferences"),
        budget: budget(&mut fields, "budget"),
        quality_threshold: fields.number("quality_threshold", 0.0..=1.0),
        max_refinements: refinements(&mut fields),
        plan_review: fields.flag("plan_review"),
        auto_approve: fields.flag("auto_approve"),
        priority: priority(&mut fields),
        metadata: labels(&mut fields),
    };
    fields.finish();
    faults.check(document)
}

/// Reads the words of a request; used by `fork` too.
pub(super) fn words(fields: &mut Fields) -> Option<String> {
    let text = fields.text("request", 1..=REQUEST_CHARACTERS)?;
    if !text.is_empty() && text.trim().is_empty() {
        fields.fault("request", "must not be blank");
    }
    Some(text)
}

fn request(fields: &mut Fields) -> String {
    let what = format!("1 to {REQUEST_CHARACTERS} characters that say what is wanted");
    let before = fields.faults().len();
    words(fields).unwrap_or_else(|| {
        if fields.faults().len() == before {
            fields.required("request", &what);
        }
        String::new()
    })
}

/// Reads business metrics; used by `fork` too.
pub(super) fn metrics(fields: &mut Fields) -> BTreeMap<String, f64> {
    let Some(map) = fields.object("business_metrics") else {
        return BTreeMap::new();
    };
    let base = fields.pointer("business_metrics");
    if map.len() > MAX_METRICS {
        fields.fault("business_metrics", format!("must have at most {MAX_METRICS} members"));
        return BTreeMap::new();
    }
    let faults = fields.faults();
    let mut metrics = BTreeMap::new();
    for (name, value) in map {
        if let Some(why) = unfit_name(&name) {
            faults.value(pointer(&base, &name), format!("the name {why}"));
        }
        match value.as_f64().filter(|n| n.is_finite()) {
            Some(number) => {
                metrics.insert(name, number);
            }
            None => {
                let detail = format!("must be a finite number, it is {}", kind(&value));
                faults.value(pointer(&base, &name), detail);
            }
        }
    }
    metrics
}

/// Reads metadata; used by `fork` too.
pub(super) fn labels(fields: &mut Fields) -> BTreeMap<String, String> {
    let Some(map) = fields.object("metadata") else {
        return BTreeMap::new();
    };
    let base = fields.pointer("metadata");
    if map.len() > MAX_LABELS {
        fields.fault("metadata", format!("must have at most {MAX_LABELS} members"));
        return BTreeMap::new();
    }
    let faults = fields.faults();
    let mut labels = BTreeMap::new();
    for (name, value) in map {
        if let Some(why) = unfit_name(&name) {
            faults.value(pointer(&base, &name), format!("the name {why}"));
        }
        match value {
            Value::String(text) if text.chars().nth(LABEL_CHARACTERS).is_none() => {
                labels.insert(name, text);
            }
            Value::String(_) => {
                let detail = format!("must have at most {LABEL_CHARACTERS} characters");
                faults.value(pointer(&base, &name), detail);
            }
            other => {
                let detail = format!("must be a string, it is {}", kind(&other));
                faults.value(pointer(&base, &name), detail);
            }
        }
    }
    labels
}

/// Reads `priority`; used by `fork` too.
pub(super) fn priority(fields: &mut Fields) -> Option<i16> {
    let priority = fields.integer("priority", -MAX_PRIORITY..=MAX_PRIORITY)?;
    i16::try_from(priority).ok()
}

/// Reads `max_refinements`; used by `fork` too.
pub(super) fn refinements(fields: &mut Fields) -> Option<u32> {
    let most = fields.integer("max_refinements", 0..=MAX_REFINEMENTS)?;
    u32::try_from(most).ok()
}

/// Reads a budget; used by `retry` and `fork` too.
pub(super) fn budget(fields: &mut Fields, name: &str) -> Option<Budget> {
    let map = fields.object(name)?;
    let base = fields.pointer(name);
    let mut inner = Fields::new(map, base, fields.faults());
    let budget = Budget {
        max_cost_usd: inner.number("max_cost_usd", 0.0..=1e9),
        max_tokens: inner.integer("max_tokens", 0..=1_000_000_000_000),
        max_calls: inner.integer("max_calls", 0..=1_000_000_000_000),
        max_duration_seconds: inner.number("max_duration_seconds", 0.001..=31_536_000.0),
    };
    inner.finish();
    Some(budget)
}
