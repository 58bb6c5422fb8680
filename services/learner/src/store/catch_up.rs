//! Where the catch-up stands.

use super::{Store, StoreError};
use chrono::{DateTime, Utc};
use sqlx::Row;

/// Two cursors into the coordinator's list of finished tasks.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Progress {
    /// Where the next run begins; empty: at the beginning.
    pub begins_at: String,
    /// Where the last run ended.
    pub reached: String,
}

impl Progress {
    /// After a run that ended at `reached`. The next begins where this one would have, had it not overlapped.
    pub fn advanced(self, reached: String) -> Self {
        Self {
            begins_at: self.reached,
            reached,
        }
    }
}

impl Store {
    /// The progress so far.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn progress(&self) -> Result<Progress, StoreError> {
        let read = async {
            let row = sqlx::query("SELECT begins_at, reached FROM learner.catch_up")
                .fetch_optional(&self.pool)
                .await?;
            let Some(row) = row else { return Ok(Progress::default()) };
            Ok(Progress {
                begins_at: row.try_get(0)?,
                reached: row.try_get(1)?,
            })
        };
        read.await.map_err(StoreError::query("read the catch-up's progress"))
    }

    /// The records of all tasks that had ended by then are here, but for those set aside; none: it is not known yet.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn complete_to(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let select = sqlx::query_scalar("SELECT ran_at FROM learner.catch_up");
        let found = select.fetch_optional(&self.pool).await;
        found.map_err(StoreError::query("read the catch-up's progress"))
    }

    /// Notes the progress of a run that began at `ran_at`. Of two learners the later one wins; either is right, for what is kept twice is kept once.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn note_progress(&self, progress: &Progress, ran_at: DateTime<Utc>) -> Result<(), StoreError> {
        let upsert = sqlx::query(
            "INSERT INTO learner.catch_up (begins_at, reached, ran_at) VALUES ($1, $2, $3)
             ON CONFLICT (only_row) DO UPDATE SET begins_at = $1, reached = $2, ran_at = $3",
        );
        let upsert = upsert
            .bind(&progress.begins_at)
            .bind(&progress.reached)
            .bind(ran_at)
            .execute(&self.pool)
            .await;
        upsert.map_err(StoreError::query("note the catch-up's progress"))?;
        Ok(())
    }
}
