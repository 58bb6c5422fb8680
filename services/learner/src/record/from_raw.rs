//! From the raw record, as the coordinator gave it, to a training record.

use super::{Consent, SCHEMA_VERSION, Split, TrainingRecord, context, json, labels, models, plan, quality};
use serde_json::Value;

/// A raw record, or what people said of it, that is no JSON.
#[derive(Debug, thiserror::Error)]
#[error("the raw record cannot be read")]
pub struct UnreadableRecord(#[from] serde_json::Error);

/// Under this name a request's metadata says whether its owner allows training with it.
const CONSENT: &str = "/submission/metadata/training_consent";

/// The training record of a raw one, without its place among others: it has no cluster yet. What a raw record lacks
/// is null or empty; nothing is guessed. `ratings`: JSON of what people said of the task.
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
        cluster: String::new(),
        request: request.unwrap_or_default(),
        intent: plan::intent(&raw),
        reasoning: json::text(&raw, "/reasoning").filter(|text| !text.is_empty()),
        context: context::read(&raw),
        plan: plan::plan(&raw),
        steps: plan::steps(&raw),
        quality: quality::quality(&raw),
        blame: quality::blame(&raw),
        business_metrics: metrics
            .filter_map(|(name, value)| Some((name.clone(), value.as_f64()?.into())))
            .collect(),
        labels: labels::read(&raw, ratings.unwrap_or_default()),
        models: models::read(&raw),
        consent: consent(&raw),
        split: Split::Train,
    })
}

/// What the request itself says. A word that means neither yes nor nothing is a no.
fn consent(raw: &Value) -> Consent {
    match json::text(raw, CONSENT).as_deref() {
        None | Some("unknown") => Consent::Unknown,
        Some("granted") => Consent::Granted,
        Some(_) => Consent::Denied,
    }
}
