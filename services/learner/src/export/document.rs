//! What is told about an export.

use super::options::{ExportOptions, Filters};
use crate::record::{SCHEMA_VERSION, Split};
use crate::store::{Counts, ExportRow, ExportState};
use contracts::learner::ExportDocument;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const BASE: &str = "/api/orchestrator/training-data";

/// What came out of an export.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExportResult {
    /// Records in the file.
    pub count: u64,
    /// Lower-case hex, of the file.
    pub sha256: String,
    /// Bytes of the file.
    pub size: u64,
    /// How it came about.
    pub manifest: Manifest,
}

/// How a file came about: with the same records, the same filters give the same bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Of the records.
    pub schema_version: u32,
    /// As asked for; null: not filtered.
    pub filters: Filters,
    /// Records there were.
    pub considered: u64,
    /// Records left out, each for the first reason that holds.
    pub removed_by: RemovedBy,
    /// Records by part of the data set.
    pub splits: BTreeMap<Split, u64>,
    /// What the file is sorted by.
    pub order: Vec<String>,
}

/// Why records were left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedBy {
    /// Not between `since` and `until`.
    pub period: u64,
    /// Never judged, while quality was asked for.
    pub quality_unknown: u64,
    /// Judged, and not good enough.
    pub quality: u64,
    /// Not readable any more.
    pub unreadable: u64,
    /// Beyond `limit`.
    pub limit: u64,
}

impl Manifest {
    /// Of a file of `splits`, for which `taken` selected records were read and some were unreadable.
    pub fn new(filters: Filters, counts: Counts, taken: u64, unreadable: u64, splits: BTreeMap<Split, u64>) -> Self {
        let removed_by = RemovedBy {
            period: counts.outside_period.unsigned_abs(),
            quality_unknown: counts.quality_unknown.unsigned_abs(),
            quality: counts.quality_below.unsigned_abs(),
            unreadable,
            limit: counts.selected().unsigned_abs().saturating_sub(taken),
        };
        Self {
            schema_version: SCHEMA_VERSION,
            filters,
            considered: counts.considered.unsigned_abs(),
            removed_by,
            splits,
            order: vec!["finished_at".to_owned(), "record_id".to_owned()],
        }
    }
}

/// The document of an export.
pub fn document(export: &ExportRow) -> ExportDocument {
    let format = serde_json::from_str(&export.options).map(|options: ExportOptions| options.format);
    let state = match &export.state {
        ExportState::Running => "running",
        ExportState::Completed(_) => "completed",
        ExportState::Failed(_) => "failed",
    };
    let time = |time: chrono::DateTime<chrono::Utc>| service::clock::rfc3339(time.timestamp_millis());
    let mut members = Map::new();
    let mut set = |name: &str, value: Value| members.insert(name.to_owned(), value);
    set("export_id", json!(export.id));
    set("state", json!(state));
    set("format", json!(format.ok()));
    set("created_at", json!(time(export.created_at)));
    set("finished_at", json!(export.finished_at.map(time)));
    match &export.state {
        ExportState::Running => {}
        ExportState::Failed(reason) => {
            set("error", json!(reason));
        }
        ExportState::Completed(result) => {
            set("download_url", json!(format!("{BASE}/exports/{}/file", export.id)));
            if let Ok(Value::Object(result)) = serde_json::from_str(result) {
                members.extend(result);
            }
        }
    }
    ExportDocument {
        json: Value::Object(members).to_string(),
        running: export.state == ExportState::Running,
    }
}
