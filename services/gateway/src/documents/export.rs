//! `POST /training-data/export`.

use super::faults::Faults;
use super::fields::Fields;
use crate::refusal::Refusal;
use chrono::DateTime;
use serde::Serialize;
use serde_json::{Map, Value};

const FORMATS: [&str; 5] = ["jsonl", "openai-chat", "dpo", "sharegpt", "parquet"];
const MAX_RECORDS: i64 = 10_000_000;
/// JSON numbers above are not whole everywhere.
const MAX_SEED: i64 = (1 << 53) - 1;
/// Values of closed lists, by option.
const CONSENTS: [&str; 2] = ["granted", "unknown"];
const SPLITS: [&str; 3] = ["train", "validation", "test"];
const ORIGINS: [&str; 3] = ["live", "import", "all"];

/// What is exported, as the learner reads it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ExportRequest {
    /// One of the contract's formats.
    pub format: String,
    /// Only records of at least this quality, 0-1. True is the default threshold's meaning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_by_quality: Option<Value>,
    /// Most records, drawn from every kind of request in proportion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// What the draw follows from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// RFC 3339: ended at or after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// RFC 3339: ended before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// `granted`: only where the owners of the data allow it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent: Option<String>,
    /// One part of the data set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
    /// Tasks of this system, imports, or all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
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
        seed: fields.integer("seed", 0..=MAX_SEED),
        since: time(&mut fields, "since"),
        until: time(&mut fields, "until"),
        consent: one_of(&mut fields, "consent", &CONSENTS),
        split: one_of(&mut fields, "split", &SPLITS),
        origin: one_of(&mut fields, "origin", &ORIGINS),
    };
    fields.finish();
    faults.check(document)
}

fn format(fields: &mut Fields) -> String {
    one_of(fields, "format", &FORMATS).unwrap_or_else(|| "jsonl".to_owned())
}

fn one_of(fields: &mut Fields, name: &str, known: &[&str]) -> Option<String> {
    let text = fields.text(name, 0..=64)?;
    if !known.contains(&text.as_str()) {
        fields.fault(name, format!("must be one of {}", known.join(", ")));
    }
    Some(text)
}

/// Whether there is such a format.
pub fn is_format(name: &str) -> bool {
    FORMATS.contains(&name)
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
        fields.fault(name, "must be an RFC 3339 time such as 2026-01-31T12:00:00Z");
    }
    Some(text)
}
