//! What is told about an export.

use super::options::{ExportOptions, Filters};
use super::render::Format;
use crate::record::{SCHEMA_VERSION, Split};
use crate::scrub::{Kind, Scrubbed};
use crate::store::{Chosen, Counts, ExportRow, ExportState};
use contracts::learner::ExportDocument;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

const BASE: &str = "/api/orchestrator/training-data";
/// Clusters told one by one, the largest of them.
const MOST_CLUSTERS: usize = 20;
/// Clusters counted one by one; bounds what is held for a set in which every request is another one.
const MOST_COUNTED: usize = 100_000;

/// What came out of an export.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExportResult {
    /// Lines or rows of the file.
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
    /// Of the file.
    pub format: Format,
    /// As asked for; null: not filtered.
    pub filters: Filters,
    /// Records there were.
    pub considered: u64,
    /// Records left out, each for the first reason that holds.
    pub removed_by: RemovedBy,
    /// Records in the file.
    pub records: u64,
    /// Lines or rows they became.
    pub lines: u64,
    /// Records by where they come from.
    pub origins: Origins,
    /// Records by part of the data set.
    pub splits: BTreeMap<Split, u64>,
    /// How many clusters the records are of, and the largest ones.
    pub clusters: Clusters,
    /// What was taken out, by kind.
    pub scrubbed: BTreeMap<String, u64>,
    /// What the file is sorted by.
    pub order: Vec<String>,
    /// What a record's part follows from.
    pub split_rule: String,
    /// How `limit` chose; null: it did not have to.
    pub draw: Option<String>,
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
    /// Denied, or not granted while that was asked for.
    pub consent: u64,
    /// Like records of two parts of the data set, and so in none.
    pub between_splits: u64,
    /// Of another part than asked for.
    pub split: u64,
    /// Nothing in it that the format shows: no example to follow, no pair of answers.
    pub format: u64,
    /// Not readable any more.
    pub unreadable: u64,
    /// Not drawn.
    pub limit: u64,
}

/// Records by where they come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Origins {
    /// Tasks of this system.
    pub live: u64,
    /// Imports.
    pub import: u64,
}

/// The clusters of a file's records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clusters {
    /// How many; of a file with very many, those met first.
    pub count: u64,
    /// The largest ones by their records.
    pub largest: BTreeMap<String, u64>,
}

/// What is counted while a file is written.
#[derive(Debug, Default)]
pub struct Told {
    /// Records in it.
    pub records: u64,
    /// Lines they became.
    pub lines: u64,
    /// Records that could not be read.
    pub unreadable: u64,
    origins: Origins,
    splits: BTreeMap<Split, u64>,
    clusters: BTreeMap<Uuid, u64>,
    scrubbed: BTreeMap<Kind, u64>,
}

impl Told {
    /// Of a file before its first record, where so many could not even be placed.
    pub fn new(unreadable: u64) -> Self {
        Self {
            unreadable,
            ..Self::default()
        }
    }

    /// Counts a record that became so many lines.
    pub fn note(&mut self, chosen: &Chosen, lines: u64, scrubbed: &Scrubbed) {
        self.records += 1;
        self.lines += lines;
        let origin = if chosen.imported {
            &mut self.origins.import
        } else {
            &mut self.origins.live
        };
        *origin += 1;
        *self.splits.entry(chosen.split).or_default() += 1;
        if self.clusters.len() < MOST_COUNTED || self.clusters.contains_key(&chosen.cluster) {
            *self.clusters.entry(chosen.cluster).or_default() += 1;
        }
        for (kind, count) in scrubbed {
            *self.scrubbed.entry(*kind).or_default() += count;
        }
    }

    fn clusters(&self) -> Clusters {
        let mut by_size: Vec<(&Uuid, &u64)> = self.clusters.iter().collect();
        by_size.sort_by_key(|(id, size)| (std::cmp::Reverse(**size), **id));
        let largest = by_size.into_iter().take(MOST_CLUSTERS);
        Clusters {
            count: self.clusters.len() as u64,
            largest: largest.map(|(id, size)| (id.to_string(), *size)).collect(),
        }
    }
}

impl Manifest {
    /// Of a file, for which `counts` records were selected.
    pub fn new(options: &ExportOptions, counts: Counts, told: Told) -> Self {
        let limit = options.filters.limit.filter(|limit| *limit < counts.selected);
        let removed_by = RemovedBy {
            period: counts.period,
            quality_unknown: counts.quality_unknown,
            quality: counts.quality,
            consent: counts.consent,
            between_splits: counts.between_splits,
            split: counts.other_split,
            format: counts.no_use,
            unreadable: told.unreadable,
            limit: limit.map_or(0, |limit| counts.selected - limit),
        };
        let removed = removed_by.sum();
        Self {
            schema_version: SCHEMA_VERSION,
            format: options.format,
            filters: options.filters,
            considered: told.records + removed,
            removed_by,
            records: told.records,
            lines: told.lines,
            origins: told.origins,
            clusters: told.clusters(),
            splits: told.splits,
            scrubbed: told
                .scrubbed
                .iter()
                .map(|(kind, count)| (kind.name().to_owned(), *count))
                .collect(),
            order: vec!["finished_at".to_owned(), "record_id".to_owned()],
            split_rule: "a function of the cluster alone: 80 / 10 / 10 of 100 clusters".to_owned(),
            draw: limit.map(|_| "from every cluster in proportion, by the seed".to_owned()),
        }
    }
}

impl RemovedBy {
    fn sum(&self) -> u64 {
        self.period
            + self.quality_unknown
            + self.quality
            + self.consent
            + self.between_splits
            + self.split
            + self.format
            + self.unreadable
            + self.limit
    }
}

/// The document of an export.
pub fn document(export: &ExportRow) -> ExportDocument {
    let format = serde_json::from_str(&export.options).map(|options: ExportOptions| options.format);
    let state = match &export.state {
        ExportState::Running => "running",
        ExportState::Completed(_) => "completed",
        ExportState::Failed(_) => "failed",
        ExportState::Expired => "expired",
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
        ExportState::Running => {
            let progress = export
                .progress
                .map(|(done, of)| json!({ "records_done": done, "records": of }));
            set("progress", json!(progress));
        }
        ExportState::Failed(reason) => {
            set("error", json!(reason));
        }
        ExportState::Expired => {}
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
