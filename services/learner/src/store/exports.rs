//! Exports: what was asked for, what came out, and its bytes.

use super::records::{Counts, Page, Selection, StoredRecord, count_in, page_in};
use super::{Store, StoreError};
use chrono::{DateTime, Utc};
use sqlx::{PgTransaction, Row};
use uuid::Uuid;

/// Where an export stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportState {
    /// Being written, or to be written again after a restart.
    Running,
    /// Its file is there; JSON text of its result.
    Completed(String),
    /// It never will be; why.
    Failed(String),
}

/// An export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportRow {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub tenant: String,
    /// JSON text of what was asked for.
    pub options: String,
    /// Where it stands.
    pub state: ExportState,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it was completed or failed.
    pub finished_at: Option<DateTime<Utc>>,
}

/// An export being written: one transaction over one snapshot of the records.
pub struct ExportWriter {
    transaction: PgTransaction<'static>,
    id: Uuid,
    next_chunk: i32,
}

impl Store {
    /// Notes a new export.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn create_export(&self, id: Uuid, tenant: &str, options: &str) -> Result<(), StoreError> {
        let insert = sqlx::query("INSERT INTO learner.export (export_id, tenant, options) VALUES ($1, $2, $3)");
        let insert = insert.bind(id).bind(tenant).bind(options).execute(&self.pool).await;
        insert.map_err(StoreError::query("note the export"))?;
        Ok(())
    }

    /// An export of a tenant.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn export(&self, id: Uuid, tenant: &str) -> Result<Option<ExportRow>, StoreError> {
        let select = sqlx::query(
            "SELECT export_id, tenant, options, state, result, error, created_at, finished_at
             FROM learner.export WHERE export_id = $1 AND tenant = $2",
        );
        let row = select.bind(id).bind(tenant).fetch_optional(&self.pool).await;
        let row = row.and_then(|row| row.as_ref().map(export_row).transpose());
        row.map_err(StoreError::query("read the export"))
    }

    /// Exports not ended, the oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn running_exports(&self) -> Result<Vec<ExportRow>, StoreError> {
        let select = sqlx::query(
            "SELECT export_id, tenant, options, state, result, error, created_at, finished_at
             FROM learner.export WHERE state = 'running' ORDER BY created_at LIMIT 100",
        );
        let rows = select.fetch_all(&self.pool).await;
        let rows = rows.and_then(|rows| rows.iter().map(export_row).collect());
        rows.map_err(StoreError::query("read the exports"))
    }

    /// Notes that an export will never be completed.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn fail_export(&self, id: Uuid, error: &str) -> Result<(), StoreError> {
        let update = sqlx::query(
            "UPDATE learner.export SET state = 'failed', error = $2, finished_at = now()
             WHERE export_id = $1 AND state = 'running'",
        );
        let update = update.bind(id).bind(error).execute(&self.pool).await;
        update.map_err(StoreError::query("note the export's failure"))?;
        Ok(())
    }

    /// Begins to write an export; none when it has ended, or another learner writes it now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn write_export(&self, id: Uuid) -> Result<Option<ExportWriter>, StoreError> {
        let begin = async {
            let mut transaction = self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
            let locked = sqlx::query(
                "SELECT FROM learner.export WHERE export_id = $1 AND state = 'running' FOR UPDATE SKIP LOCKED",
            );
            let locked = locked.bind(id).fetch_optional(&mut *transaction).await?;
            Ok(locked.map(|_| ExportWriter {
                transaction,
                id,
                next_chunk: 0,
            }))
        };
        begin.await.map_err(StoreError::query("begin the export"))
    }

    /// A piece of a completed export, from 0; none after the last.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn export_chunk(&self, id: Uuid, no: i32) -> Result<Option<Vec<u8>>, StoreError> {
        let select = sqlx::query_scalar("SELECT bytes FROM learner.export_chunk WHERE export_id = $1 AND no = $2");
        let bytes = select.bind(id).bind(no).fetch_optional(&self.pool).await;
        bytes.map_err(StoreError::query("read the export's bytes"))
    }
}

impl ExportWriter {
    /// How many records the selection takes and leaves.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count(&mut self, selection: &Selection) -> Result<Counts, StoreError> {
        count_in(&mut self.transaction, selection).await
    }

    /// The next records.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn page(&mut self, selection: &Selection, page: Page) -> Result<Vec<StoredRecord>, StoreError> {
        page_in(&mut self.transaction, selection, page).await
    }

    /// Appends a piece.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let insert = sqlx::query("INSERT INTO learner.export_chunk (export_id, no, bytes) VALUES ($1, $2, $3)");
        let insert = insert.bind(self.id).bind(self.next_chunk).bind(bytes);
        insert
            .execute(&mut *self.transaction)
            .await
            .map_err(StoreError::query("store the export's bytes"))?;
        self.next_chunk = self.next_chunk.saturating_add(1);
        Ok(())
    }

    /// Completes the export; before this nothing of it is to be seen.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn complete(mut self, result: &str) -> Result<(), StoreError> {
        let update = sqlx::query(
            "UPDATE learner.export SET state = 'completed', result = $2, finished_at = clock_timestamp() WHERE export_id = $1",
        );
        let end = async {
            update
                .bind(self.id)
                .bind(result)
                .execute(&mut *self.transaction)
                .await?;
            self.transaction.commit().await
        };
        end.await.map_err(StoreError::query("complete the export"))
    }
}

fn export_row(row: &sqlx::postgres::PgRow) -> Result<ExportRow, sqlx::Error> {
    let state: String = row.try_get("state")?;
    let state = match state.as_str() {
        "completed" => ExportState::Completed(row.try_get("result")?),
        "failed" => ExportState::Failed(row.try_get::<Option<String>, _>("error")?.unwrap_or_default()),
        _ => ExportState::Running,
    };
    Ok(ExportRow {
        id: row.try_get("export_id")?,
        tenant: row.try_get("tenant")?,
        options: row.try_get("options")?,
        state,
        created_at: row.try_get("created_at")?,
        finished_at: row.try_get("finished_at")?,
    })
}
