//! `POST /training-data/export`.

use super::faults::Faults;
use super::fields::Fields;
use crate::refusal::Refusal;
use chrono::DateTime;
use serde::Serialize;
use serde_json::{Map, Value};

const FORMATS: [&str; 5] = ["jsonl", "openai-chat", "dpo", "sharegpt", "parquet"];
const MAX_RECORDS: i64 = 10_000_000;

/// What is exported, as the learner reads it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ExportRequest {
    /// One of the contract's formats; the learner says which it can write.
    pub format: String,
    /// Only records of at least this quality, 0-1. True is the default threshold's meaning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_by_quality: Option<Value>,
    /// Most records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// RFC 3339: ended at or after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// RFC 3339: ended before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// Reads and checks an export's options.
///
/// # Errors
/// 422 with every fault.
pub fn read(body: Map<String, Value>) -> Result<ExportRequest, Refusal> {
    let mut faults = Faults::default();
    let mut fields = Fields::new(body, "", &mut faults);
    let document = ExportRequest {
        format: format(&mut fields),
        filter_by_quality: quality(&mut fields),
        limit: fields.integer("limit", 1..=MAX_RECORDS),
        since: time(&mut fields, "since"),
        until: time(&mut fields, "until"),
    };
    fields.finish();
    faults.check(document)
}

fn format(fields: &mut Fields) -> String {
    let format = fields.text("format", 0..=64).unwrap_or_else(|| "jsonl".to_owned());
    if !FORMATS.contains(&format.as_str()) {
        fields.fault("format", format!("must be one of {}", FORMATS.join(", ")));
    }
    format
}

fn quality(fields: &mut Fields) -> Option<Value> {
    let name = "filter_by_quality";
    match fields.take(name)? {
        flag @ Value::Bool(_) => Some(flag),
        number if number.as_f64().is_some_and(|n| (0.0..=1.0).contains(&n)) => Some(number),
        Value::Number(_) => {
            fields.fault(name, "must be from 0 to 1");
            None
        }
        other => fields.wrong(name, "a number from 0 to 1 or a boolean", &other),
    }
}

fn time(fields: &mut Fields, name: &str) -> Option<String> {
    let text = fields.text(name, 0..=64)?;
    if DateTime::parse_from_rfc3339(&text).is_err() {
        fields.fault(name, "must be an RFC 3339 time such as 2030-01-31T12:00:00Z");
    }
    Some(text)
}
