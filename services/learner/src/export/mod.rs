//! Exports: small ones at once, large ones in the background, all of them across restarts.

mod build;
mod document;
pub mod expiry;
mod options;
mod place;
mod progress;
pub mod render;

pub use build::Rules;
pub use document::document;
pub use options::{ExportOptions, parse};
pub use place::case;

use crate::backoff::Backoff;
use crate::store::{ExportRow, ExportState, Store, StoreError};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// Up to so many records an export is complete in the answer.
const AT_ONCE: i64 = 10_000;
/// An answer waits this long for a small export; a slow one goes on in the background.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// Exports written at the same time; each holds a connection.
const WRITERS: usize = 2;
/// Exports written or waiting to be.
const MOST_RUNNING: usize = 16;
/// Tries of one process to write an export, some minutes of them; then it has failed.
const MOST_TRIES: u32 = 30;

/// Why no export was started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Enough are running.
    #[error("{MOST_RUNNING} exports are running")]
    TooMany,
    /// The database did not play along.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The options cannot be stored.
    #[error("the options cannot be stored")]
    Options(#[from] serde_json::Error),
}

/// Starts, finds and finishes exports. Clones are the same.
#[derive(Clone)]
pub struct Exports {
    store: Store,
    rules: Arc<Rules>,
    /// Up to so many records an export is complete in the answer.
    at_once: i64,
    writers: Arc<Semaphore>,
    /// Those this process writes or will write.
    mine: Arc<Mutex<BTreeSet<Uuid>>>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

impl Exports {
    /// Writes until `shutdown`; what is not complete then is written by the next process.
    pub fn new(store: Store, rules: Rules, shutdown: CancellationToken) -> Self {
        Self {
            store,
            rules: Arc::new(rules),
            at_once: AT_ONCE,
            writers: Arc::new(Semaphore::new(WRITERS)),
            mine: Arc::default(),
            tasks: TaskTracker::new(),
            shutdown,
        }
    }

    /// With fewer records complete in the answer: making ten thousand takes a test too long.
    #[cfg(test)]
    pub fn at_once(self, records: i64) -> Self {
        Self {
            at_once: records,
            ..self
        }
    }

    /// Starts an export `id` of a tenant's records. Small ones are complete in the answer, as a rule.
    ///
    /// # Errors
    /// When too many run, or the database is away.
    pub async fn start(
        &self,
        id: Uuid,
        tenant: &str,
        options: &ExportOptions,
    ) -> Result<Option<ExportRow>, StartError> {
        if self.mine().len() >= MOST_RUNNING {
            return Err(StartError::TooMany);
        }
        let most = self
            .store
            .most_of(&options.selection(tenant, self.rules.consent))
            .await?;
        let limit = options
            .filters
            .limit
            .and_then(|limit| i64::try_from(limit).ok())
            .unwrap_or(i64::MAX);
        self.store
            .create_export(id, tenant, &serde_json::to_string(options)?)
            .await?;
        let Some(export) = self.store.export(id, tenant).await? else {
            return Ok(None);
        };
        let written = self.write(export);
        if most.min(limit) <= self.at_once {
            // Dropping the handle of a slow one does not stop it.
            drop(timeout(ANSWER_WITHIN, written).await);
        }
        Ok(self.store.export(id, tenant).await?)
    }

    /// An export of a tenant. One that nobody writes, because its process ended, is taken up.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn find(&self, id: Uuid, tenant: &str) -> Result<Option<ExportRow>, StoreError> {
        let export = self.store.export(id, tenant).await?;
        if let Some(export) = &export
            && export.state == ExportState::Running
            && self.mine().len() < MOST_RUNNING
        {
            drop(self.write(export.clone()));
        }
        Ok(export)
    }

    /// A piece of a completed export's bytes.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn chunk(&self, id: Uuid, no: i32) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.export_chunk(id, no).await
    }

    /// Takes up what an earlier process left.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn resume(&self) -> Result<(), StoreError> {
        for export in self.store.running_exports().await?.into_iter().take(MOST_RUNNING) {
            drop(self.write(export));
        }
        Ok(())
    }

    /// Returns once nothing is being written any more.
    pub async fn ended(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn mine(&self) -> std::sync::MutexGuard<'_, BTreeSet<Uuid>> {
        self.mine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes in the background, unless this process does already.
    fn write(&self, export: ExportRow) -> impl Future<Output = ()> + use<> {
        let task = self.mine().insert(export.id).then(|| {
            let exports = self.clone();
            self.tasks.spawn(async move {
                tokio::select! {
                    () = exports.shutdown.cancelled() => {}
                    () = exports.write_until_ended(&export) => {}
                }
                exports.mine().remove(&export.id);
            })
        });
        async move {
            if let Some(task) = task {
                drop(task.await);
            }
        }
    }

    async fn write_until_ended(&self, export: &ExportRow) {
        let Ok(_permit) = self.writers.acquire().await else {
            return;
        };
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));
        let mut tries = 0_u32;
        loop {
            let error = match build::build(&self.store, &self.rules, export).await {
                Ok(()) => return,
                Err(error) => error,
            };
            tries = tries.saturating_add(1);
            tracing::warn!(export_id = %export.id, error = crate::chain(&error), tries, "an export was not completed");
            let is_over = !error.is_retryable() || tries >= MOST_TRIES;
            if is_over && self.store.fail_export(export.id, &error.for_people()).await.is_ok() {
                return;
            }
            sleep(backoff.pause()).await;
        }
    }
}
