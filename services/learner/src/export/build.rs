//! Writing one export: records in order, one JSON document a line.

use super::document::{ExportResult, Manifest};
use super::options::ExportOptions;
use crate::record::{Split, from_raw};
use crate::store::{ExportRow, Page, Store, StoreError, StoredRecord};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Records held at once.
const PAGE: u64 = 64;
/// Bytes in one piece, within what a gRPC message holds by default.
const CHUNK: usize = 1 << 20;

/// Why an export did not come about.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The database did not play along.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored of the export, or what came out, is no JSON.
    #[error("the export cannot be described")]
    Describe(#[from] serde_json::Error),
}

impl BuildError {
    /// Waiting may help.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_retryable())
    }
}

/// Writes an export, from one snapshot and in one transaction: it is there whole or not at all. Does nothing
/// when it has ended already, or another learner writes it.
///
/// # Errors
/// When the database is away, or the export is damaged.
pub async fn build(store: &Store, export: &ExportRow) -> Result<(), BuildError> {
    let options: ExportOptions = serde_json::from_str(&export.options)?;
    let selection = options.filters.selection(&export.tenant);
    let Some(mut writer) = store.write_export(export.id).await? else {
        return Ok(());
    };
    let counts = writer.count(&selection).await?;
    let most = options.filters.limit.unwrap_or(u64::MAX);
    let mut file = File::default();
    let mut after = None;
    while file.count < most {
        let limit = i64::try_from(PAGE.min(most - file.count)).unwrap_or(i64::MAX);
        let page = writer.page(&selection, Page { after, limit }).await?;
        let Some(last) = page.last() else { break };
        after = Some((last.finished_at, last.task));
        for record in &page {
            file.add(record);
            if let Some(chunk) = file.full_chunk() {
                writer.append(&chunk).await?;
            }
        }
        // Shaping records is work for the processor; others must have their turn.
        tokio::task::yield_now().await;
    }
    if let Some(chunk) = file.last_chunk() {
        writer.append(&chunk).await?;
    }
    let result =
        file.result(|taken, unreadable, splits| Manifest::new(options.filters, counts, taken, unreadable, splits));
    writer.complete(&serde_json::to_string(&result)?).await?;
    Ok(())
}

/// The file as far as it is written.
#[derive(Default)]
struct File {
    pending: Vec<u8>,
    hash: Sha256,
    size: u64,
    count: u64,
    unreadable: u64,
    splits: BTreeMap<Split, u64>,
}

impl File {
    fn add(&mut self, stored: &StoredRecord) {
        let record_id = stored.task.to_string();
        let start = self.pending.len();
        let record = from_raw(&record_id, &stored.json, stored.ratings.as_deref());
        let written = record.ok().and_then(|record| {
            serde_json::to_writer(&mut self.pending, &record).ok()?;
            Some(record.split)
        });
        let Some(split) = written else {
            self.pending.truncate(start);
            self.unreadable += 1;
            tracing::warn!(task_id = record_id, "a kept record cannot be read");
            return;
        };
        self.pending.push(b'\n');
        self.hash.update(self.pending.get(start..).unwrap_or_default());
        self.size += (self.pending.len() - start) as u64;
        self.count += 1;
        *self.splits.entry(split).or_default() += 1;
    }

    /// A whole piece, once there is one.
    fn full_chunk(&mut self) -> Option<Vec<u8>> {
        (self.pending.len() >= CHUNK).then(|| std::mem::take(&mut self.pending))
    }

    fn last_chunk(&mut self) -> Option<Vec<u8>> {
        (!self.pending.is_empty()).then(|| std::mem::take(&mut self.pending))
    }

    fn result(self, manifest: impl FnOnce(u64, u64, BTreeMap<Split, u64>) -> Manifest) -> ExportResult {
        let hash = self.hash.finalize();
        ExportResult {
            count: self.count,
            sha256: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
            size: self.size,
            manifest: manifest(self.count + self.unreadable, self.unreadable, self.splits),
        }
    }
}
