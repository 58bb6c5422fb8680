//! Finished tasks that no event told of: the stream was lost, or the learner was away.

use super::fetch::{FetchError, Fetcher};
use crate::coordinator::Coordinator;
use crate::store::Store;
use chrono::DateTime;

/// Ids in one page of the list.
const PAGE: u32 = 1000;
/// Tasks set aside that are tried again in one run.
const SECOND_TRIES: i64 = 100;

/// Walks the coordinator's list of finished tasks.
pub struct CatchUp {
    pub coordinator: Coordinator,
    pub store: Store,
    pub fetcher: Fetcher,
}

impl CatchUp {
    /// One run: from where the run before the last ended, to the end of the list.
    ///
    /// # Errors
    /// When the coordinator or the database is away. What was kept so far stays; the next run begins again
    /// at the same place and passes what is kept quickly.
    pub async fn run(&self) -> Result<(), FetchError> {
        let due = self.store.due_again(SECOND_TRIES).await?;
        self.fetcher.fetch_all(&due).await?;

        let ran_at = DateTime::from_timestamp_millis(service::clock::now_ms()).unwrap_or_default();
        let progress = self.store.progress().await?;
        let mut cursor = progress.begins_at.clone();
        loop {
            let (tasks, next) = self.coordinator.finished(&cursor, PAGE).await?;
            self.fetcher.fetch(&tasks).await?;
            if tasks.is_empty() || next.is_empty() || next == cursor {
                break;
            }
            cursor = next;
        }
        // Where nothing is new, too: rollouts ask how far records are complete.
        self.store.note_progress(&progress.advanced(cursor), ran_at).await?;
        self.fetcher.study().await
    }
}
