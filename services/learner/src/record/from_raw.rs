//! From the raw record, as the coordinator gave it, to a training record.

use super::{Consent, SCHEMA_VERSION, Split, TrainingRecord, context, json, labels, models, plan, quality};
use serde_json::Value;

/// A raw record, or what people said of it, that is no JSON.
#[derive(Debug, thiserror::Error)]
#[error("the raw record cannot be read")]
pub struct UnreadableRecord(#[from] serde_json::Error);

/// The training record of a raw one. What a raw record lacks is null or empty; nothing is guessed. `ratings`: JSON
/// of what people said of the task.
///
/// # Errors
/// When either is not JSON.
pub fn from_raw(record_id: &str, raw: &str, ratings: Option<&str>) -> Result<TrainingRecord, UnreadableRecord> {
    let raw: Value = serde_json::from_str(raw)?;
    let ratings = ratings.map(serde_json::from_str).transpose()?;
    let request = json::text(&raw, "/submission/request").or_else(|| json::text(&raw, "/task/request"));
    let metrics = json::members(&raw, "/submission/business_metrics");
    Ok(TrainingRecord {
        schema_version: SCHEMA_VERSION,
        record_id: record_id.to_owned(),
        request: request.unwrap_or_default(),
        intent: plan::intent(&raw),
        reasoning: json::text(&raw, "/reasoning").filter(|text| !text.is_empty()),
        context: context::read(&raw),
        plan: plan::plan(&raw),
        steps: plan::steps(&raw),
        quality: quality::quality(&raw),
        blame: quality::blame(&raw),
        business_metrics: metrics
            .filter_map(|(name, value)| Some((name.clone(), value.as_f64()?)))
            .collect(),
        labels: labels::read(&raw, ratings.unwrap_or_default()),
        models: models::read(&raw),
        // Nothing in a task says so yet.
        consent: Consent::Unknown,
        split: Split::of(record_id),
    })
}
