//! Importing training records: line by line, each for itself, repeatable.

mod bounds;
mod lines;
mod reading;

use crate::scrub::Scrubber;
use crate::store::{Imported, NewImport, Store, StoreError};
use futures::{Stream, StreamExt};
use lines::{Line, Lines, MOST_BYTES};
use reading::{Fault, Reader};
use serde::Serialize;
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Records and bytes imported with one transaction; bounds what is held.
const MOST_RECORDS: usize = 64;
const MOST_BATCH: usize = 8 << 20;
/// Bytes of which lines are read at once, beside one that began before.
const PART: usize = 256 << 10;
/// Imports at the same time.
const MOST_RUNNING: usize = 2;
/// Faults told one by one.
const MOST_ERRORS: usize = 100;

/// What became of the lines.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// Records that are there now and were not before.
    pub imported: u64,
    /// Records that were there already, imported or of this system's own.
    pub duplicates: u64,
    /// Lines that were refused.
    pub rejected: u64,
    /// Of the imported: like records of two parts of the data set, and so exported in none.
    pub between_splits: u64,
    /// Why lines were refused, the first ones.
    pub errors: Vec<LineError>,
    /// Refused lines that are not told of one by one.
    pub errors_omitted: u64,
}

/// Why a line was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LineError {
    /// From 1.
    pub line: u64,
    /// Where in its document (JSON pointer).
    pub pointer: String,
    /// What is wrong.
    pub detail: String,
}

impl Report {
    fn refuse(&mut self, line: u64, fault: Fault) {
        self.rejected += 1;
        if self.errors.len() < MOST_ERRORS {
            self.errors.push(LineError {
                line,
                pointer: fault.pointer,
                detail: fault.detail,
            });
        } else {
            self.errors_omitted += 1;
        }
    }
}

/// Why an import broke off. What was imported before stays; the same again imports the rest.
#[derive(Debug, thiserror::Error)]
pub enum ImportError<E> {
    /// The lines stopped coming.
    #[error("the lines stopped coming")]
    Source(E),
    /// The database did not play along.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// This process ends, or reading failed in a way that a line cannot bring about.
    #[error("the lines could not be read")]
    Reading(#[from] tokio::task::JoinError),
}

/// Imports records. Clones are the same.
#[derive(Clone)]
pub struct Imports {
    store: Store,
    reader: Arc<Reader>,
    running: Arc<Semaphore>,
}

impl Imports {
    /// Into a store; what is imported is scrubbed first.
    ///
    /// # Errors
    /// When the schema of records cannot be used.
    pub fn new(store: Store, scrubber: Scrubber) -> anyhow::Result<Self> {
        Ok(Self {
            store,
            reader: Arc::new(Reader::new(scrubber)?),
            running: Arc::new(Semaphore::new(MOST_RUNNING)),
        })
    }

    /// Leave to import; none while enough others do.
    pub fn begin(&self) -> Option<SemaphorePermit<'_>> {
        self.running.try_acquire().ok()
    }

    /// Imports the lines of the pieces.
    ///
    /// # Errors
    /// When the pieces or the database fail.
    pub async fn run<E>(
        &self,
        tenant: &str,
        pieces: impl Stream<Item = Result<Vec<u8>, E>>,
    ) -> Result<Report, ImportError<E>> {
        let mut pieces = pin!(pieces);
        let mut lines = Lines::new(MOST_BYTES);
        let mut batch = Batch::default();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(ImportError::Source)?;
            // However large a piece is, few of its lines are held beside it.
            for part in piece.chunks(PART) {
                self.take(tenant, &mut batch, lines.push(part)).await?;
            }
        }
        let last = lines.finish().into_iter().collect();
        self.take(tenant, &mut batch, last).await?;
        self.write(tenant, &mut batch).await?;
        Ok(batch.report)
    }

    /// Reads lines beside whoever else is served: it is work for the processor.
    async fn take<E>(&self, tenant: &str, batch: &mut Batch, lines: Vec<(u64, Line)>) -> Result<(), ImportError<E>> {
        if lines.is_empty() {
            return Ok(());
        }
        let reader = Arc::clone(&self.reader);
        let read = move || -> Vec<_> {
            let read = lines.into_iter().map(|(number, line)| (number, reader.read(&line)));
            read.collect()
        };
        for (number, read) in tokio::task::spawn_blocking(read).await? {
            match read {
                Ok(None) => continue,
                Ok(Some(record)) => {
                    batch.bytes += record.json.len();
                    batch.records.push(record);
                    batch.numbers.push(number);
                }
                Err(fault) => batch.report.refuse(number, fault),
            }
            if batch.records.len() >= MOST_RECORDS || batch.bytes >= MOST_BATCH {
                self.write(tenant, batch).await?;
            }
        }
        Ok(())
    }

    async fn write(&self, tenant: &str, batch: &mut Batch) -> Result<(), StoreError> {
        let records = std::mem::take(&mut batch.records);
        let numbers = std::mem::take(&mut batch.numbers);
        batch.bytes = 0;
        if records.is_empty() {
            return Ok(());
        }
        let (outcomes, apart) = self.store.import(tenant, &records).await?;
        batch.report.between_splits += apart;
        for (number, outcome) in numbers.into_iter().zip(outcomes) {
            match outcome {
                Imported::New => batch.report.imported += 1,
                Imported::Duplicate => batch.report.duplicates += 1,
                Imported::Conflict => batch.report.refuse(
                    number,
                    Fault {
                        pointer: "/record_id".to_owned(),
                        detail: "another record of this id was imported before".to_owned(),
                    },
                ),
            }
        }
        Ok(())
    }
}

/// Records read and not yet written.
#[derive(Default)]
struct Batch {
    records: Vec<NewImport>,
    /// Their lines.
    numbers: Vec<u64>,
    bytes: usize,
    report: Report,
}
