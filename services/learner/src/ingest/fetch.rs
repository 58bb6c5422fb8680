//! From task ids to kept records.

use super::head::{self, Unusable};
use crate::coordinator::{AskError, Coordinator};
use crate::store::{NewRecord, Store, StoreError};
use service::metrics::Counter;
use workflow::ids::TaskId;

/// Ids in one question.
pub const MAX_BATCH: usize = 256;
/// Bytes of records kept with one statement; bounds what is held in memory.
const MAX_BYTES: usize = 16 << 20;
const MAX_REASON_CHARS: usize = 500;

/// Why records could not be kept now. Trying again is right.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The coordinator has a problem.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The database has one.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Asks for records and keeps them.
#[derive(Clone)]
pub struct Fetcher {
    coordinator: Coordinator,
    store: Store,
    kept: Counter,
    least: f64,
}

impl Fetcher {
    /// Counts what it keeps in `kept`. `least` is the overall quality from which a success teaches.
    pub fn new(coordinator: Coordinator, store: Store, kept: Counter, least: f64) -> Self {
        Self {
            coordinator,
            store,
            kept,
            least,
        }
    }

    /// Keeps the records of those of `tasks` that are lacking.
    ///
    /// A record that the coordinator cannot give, or that cannot be read, is set aside and does not hold up
    /// the others. A task that the coordinator does not know, or that has not ended, is left out.
    ///
    /// # Errors
    /// When the coordinator or the database is away; what was kept so far stays.
    pub async fn fetch(&self, tasks: &[TaskId]) -> Result<(), FetchError> {
        let missing = self.store.missing(tasks).await?;
        self.fetch_all(&missing).await
    }

    /// As [`Self::fetch`], for tasks that are known to be lacking, or worth another try.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    pub async fn fetch_all(&self, tasks: &[TaskId]) -> Result<(), FetchError> {
        // Halved where a batch fails for what may be one record of it, until that one is found.
        let mut parts: Vec<&[TaskId]> = tasks.chunks(MAX_BATCH).rev().collect();
        while let Some(part) = parts.pop() {
            match self.fetch_part(part).await {
                Err(FetchError::Ask(error)) if error.may_be_one_record() => match part {
                    [guilty] => self.put_aside(*guilty, &error.to_string()).await?,
                    _ => {
                        let (first, second) = part.split_at(part.len() / 2);
                        parts.push(second);
                        parts.push(first);
                    }
                },
                outcome => outcome?,
            }
        }
        Ok(())
    }

    async fn fetch_part(&self, tasks: &[TaskId]) -> Result<(), FetchError> {
        let mut stream = self.coordinator.records(tasks).await?;
        let mut batch: Vec<NewRecord> = Vec::new();
        let mut bytes = 0;
        while let Some(record) = stream.next().await? {
            let asked = record.task_id.parse().ok().filter(|task| tasks.contains(task));
            let Some(task) = asked else {
                tracing::warn!(task_id = record.task_id, "a record nobody asked for");
                continue;
            };
            match head::read(task, record, self.least) {
                Ok(record) => {
                    bytes += record.json.len();
                    batch.push(record);
                }
                Err(reason @ Unusable::NotEnded(_)) => tracing::warn!(task_id = %task, %reason, "not kept"),
                Err(reason) => self.put_aside(task, &reason.to_string()).await?,
            }
            if bytes >= MAX_BYTES {
                bytes = 0;
                self.keep(std::mem::take(&mut batch)).await?;
            }
        }
        self.keep(batch).await
    }

    /// Learns from records that were kept before there was anything to learn.
    ///
    /// # Errors
    /// When the database is away; what was learned so far stays.
    pub async fn study(&self) -> Result<(), FetchError> {
        while self.store.study(self.least).await? {}
        while self.store.read_figures().await? {}
        Ok(())
    }

    async fn keep(&self, batch: Vec<NewRecord>) -> Result<(), FetchError> {
        if !batch.is_empty() {
            let new = self.store.keep(batch).await?;
            self.kept.add(new);
        }
        Ok(())
    }

    async fn put_aside(&self, task: TaskId, reason: &str) -> Result<(), FetchError> {
        tracing::warn!(task_id = %task, reason, "record set aside");
        let reason: String = reason.chars().filter(|c| *c != '\0').take(MAX_REASON_CHARS).collect();
        Ok(self.store.set_aside(task, &reason).await?)
    }
}
