//! Writing one export: records in order, in the format that was asked for.

use super::document::{ExportResult, Manifest, Told};
use super::options::ExportOptions;
use super::place::place_all;
use super::progress::Progress;
use super::render::{Render, RenderError};
use crate::record::{Consent, TrainingRecord, UnreadableRecord, from_raw};
use crate::scrub::Scrubber;
use crate::store::{Chosen, ExportPiece, ExportRow, Origin, Store, StoreError, StoredRecord};
use service::config::TrainingConsent;
use sha2::{Digest, Sha256};

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
    /// The format's writer gave up.
    #[error("the file cannot be written")]
    Render(#[from] RenderError),
}

impl BuildError {
    /// Waiting may help.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_retryable())
    }

    /// What whoever asked is told.
    pub fn for_people(&self) -> String {
        match self {
            Self::Store(error) if error.is_full() => "the database has no room left for the file".to_owned(),
            other => other.to_string(),
        }
    }
}

/// How records become training data.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What is taken out of them.
    pub scrubber: Scrubber,
    /// Of those that say nothing of consent themselves.
    pub consent: TrainingConsent,
}

/// Writes an export, from one snapshot and in one transaction: it is there whole or not at all. Does nothing
/// when it has ended already, or another learner writes it.
///
/// # Errors
/// When the database is away, or the export is damaged.
pub async fn build(store: &Store, rules: &Rules, export: &ExportRow) -> Result<(), BuildError> {
    let options: ExportOptions = serde_json::from_str(&export.options)?;
    let selection = options.selection(&export.tenant, rules.consent);
    let mut progress = Progress::new(store, export.id);
    let mut unreadable = 0;
    if selection.origin != Some(Origin::Imported) {
        let total = store.most_of(&selection).await?.unsigned_abs();
        progress.of(total);
        unreadable = place_all(store, &rules.scrubber, &export.tenant, &mut progress).await?;
    }
    let Some(mut writer) = store.write_export(export.id, &export.tenant).await? else {
        return Ok(());
    };
    let counts = writer.count(&selection).await?;
    let limit = options.filters.limit.filter(|limit| *limit < counts.selected);
    progress.of(limit.unwrap_or(counts.selected));
    writer
        .choose(&selection, limit.map(|limit| (limit, options.filters.seed)))
        .await?;
    let mut file = File::new(options.format.begin()?, options.format.is_of_lines(), unreadable);
    let mut done = 0;
    loop {
        let page = writer.next().await?;
        if page.is_empty() {
            break;
        }
        for (chosen, stored) in &page {
            file.add(rules, chosen, stored.as_ref());
            while let Some(piece) = file.full_piece() {
                writer.append(&piece).await?;
            }
        }
        done += page.len() as u64;
        progress.tell(done).await?;
        // Shaping records is work for the processor; others must have their turn.
        tokio::task::yield_now().await;
    }
    file.render.finish()?;
    while let Some(piece) = file.full_piece() {
        writer.append(&piece).await?;
    }
    if let Some(piece) = file.last_piece() {
        writer.append(&piece).await?;
    }
    let (told, sha256, size) = file.told();
    let result = ExportResult {
        count: told.lines,
        sha256,
        size,
        manifest: Manifest::new(&options, counts, told),
    };
    writer.complete(&serde_json::to_string(&result)?).await?;
    Ok(store.forget_export_progress(export.id).await?)
}

/// Why a kept record is not in the file.
#[derive(Debug, thiserror::Error)]
enum NotWritten {
    #[error("it is not there any more")]
    Gone,
    #[error(transparent)]
    Unreadable(#[from] UnreadableRecord),
    #[error("it is no training record")]
    Shape(#[from] serde_json::Error),
    #[error(transparent)]
    Render(#[from] RenderError),
}

/// The file as far as it is written.
struct File {
    render: Box<dyn Render>,
    pending: Vec<u8>,
    /// Of each line that did not end in an earlier piece; none: it has no lines.
    parts: Option<Vec<u8>>,
    hash: Sha256,
    size: u64,
    told: Told,
}

impl File {
    fn new(render: Box<dyn Render>, is_of_lines: bool, unreadable: u64) -> Self {
        Self {
            render,
            pending: Vec::new(),
            parts: is_of_lines.then(Vec::new),
            hash: Sha256::new(),
            size: 0,
            told: Told::new(unreadable),
        }
    }

    fn add(&mut self, rules: &Rules, chosen: &Chosen, stored: Option<&StoredRecord>) {
        if let Err(reason) = self.write(rules, chosen, stored) {
            self.told.unreadable += 1;
            tracing::warn!(record_id = %chosen.record, reason = crate::chain(&reason), "a kept record cannot be exported");
        }
    }

    fn write(&mut self, rules: &Rules, chosen: &Chosen, stored: Option<&StoredRecord>) -> Result<(), NotWritten> {
        let record = shaped(rules, chosen, stored.ok_or(NotWritten::Gone)?)?;
        let (record, scrubbed) = rules.scrubber.record(record)?;
        let lines = self.render.add(&record)?;
        if let Some(parts) = &mut self.parts {
            parts.extend((0..lines).map(|_| chosen.split.byte()));
        }
        self.told.note(chosen, lines, &scrubbed);
        Ok(())
    }

    /// A whole piece, once there is one.
    fn full_piece(&mut self) -> Option<ExportPiece> {
        self.gather();
        if self.pending.len() < CHUNK {
            return None;
        }
        let rest = self.pending.split_off(CHUNK);
        let bytes = std::mem::replace(&mut self.pending, rest);
        Some(self.piece(bytes))
    }

    fn last_piece(&mut self) -> Option<ExportPiece> {
        self.gather();
        let bytes = std::mem::take(&mut self.pending);
        (!bytes.is_empty()).then(|| self.piece(bytes))
    }

    fn piece(&mut self, bytes: Vec<u8>) -> ExportPiece {
        let parts = self.parts.as_mut().map(|parts| {
            let ended = bytes.iter().filter(|byte| **byte == b'\n').count();
            parts.drain(..ended.min(parts.len())).collect()
        });
        ExportPiece { bytes, parts }
    }

    fn gather(&mut self) {
        let bytes = self.render.take();
        self.hash.update(&bytes);
        self.size += bytes.len() as u64;
        if self.pending.is_empty() {
            self.pending = bytes;
        } else {
            self.pending.extend_from_slice(&bytes);
        }
    }

    fn told(self) -> (Told, String, u64) {
        let hash = self.hash.finalize();
        let hex = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        (self.told, hex, self.size)
    }
}

fn shaped(rules: &Rules, chosen: &Chosen, stored: &StoredRecord) -> Result<TrainingRecord, NotWritten> {
    let mut record: TrainingRecord = if chosen.imported {
        TrainingRecord::parse(&stored.json)?
    } else {
        let mut record = from_raw(&stored.record.to_string(), &stored.json, stored.ratings.as_deref())?;
        if let Some(levels) = &stored.levels {
            record.settled(levels)?;
        }
        if record.consent == Consent::Unknown {
            record.consent = Consent::from(rules.consent);
        }
        record
    };
    record.cluster = chosen.cluster.to_string();
    record.split = chosen.split;
    Ok(record)
}
