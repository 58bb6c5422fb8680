//! Who may delete files of models, and who is about to name one: files are no rows, so that a lock stands between.

use super::{Store, StoreError};
use sqlx::{PgTransaction, Row};

const SHARED: &str = "SELECT pg_advisory_xact_lock_shared(hashtextextended('learner.model_files', 19))";
const ALONE: &str = "SELECT pg_try_advisory_xact_lock(hashtextextended('learner.model_files', 19)) AS held";

/// As long as it is there, no file is deleted, or no other is registered.
#[derive(Debug)]
pub struct HeldFiles(PgTransaction<'static>);

impl HeldFiles {
    /// Lets others.
    ///
    /// # Errors
    /// When the database is gone, which lets others, too.
    pub async fn release(self) -> Result<(), StoreError> {
        let ended = self.0.commit().await;
        ended.map_err(StoreError::query("let go of the files of models"))
    }
}

impl Store {
    /// No file is deleted until what is kept now is named by a version.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn hold_model_files(&self) -> Result<HeldFiles, StoreError> {
        let held = async {
            let mut transaction = self.pool.begin().await?;
            sqlx::query(SHARED).execute(&mut *transaction).await?;
            Ok(HeldFiles(transaction))
        };
        held.await.map_err(StoreError::query("hold the files of models"))
    }

    /// No file is registered meanwhile; none: one is just now, or somebody else deletes.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn hold_model_files_alone(&self) -> Result<Option<HeldFiles>, StoreError> {
        let held = async {
            let mut transaction = self.pool.begin().await?;
            let held = sqlx::query(ALONE).fetch_one(&mut *transaction).await?;
            Ok(held.try_get::<bool, _>("held")?.then_some(HeldFiles(transaction)))
        };
        held.await.map_err(StoreError::query("hold the files of models"))
    }

    /// Those of the hashes that a version names.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn named_model_files(&self, hashes: &[String]) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query("SELECT DISTINCT sha256 FROM learner.model WHERE sha256 = ANY($1)")
            .bind(hashes)
            .fetch_all(&self.pool)
            .await;
        let named = rows.and_then(|rows| rows.iter().map(|row| row.try_get("sha256")).collect());
        named.map_err(StoreError::query("read which files versions name"))
    }
}
