//! Exports: what was asked for, what came out, and its bytes.

use super::erasure::guard;
use super::records::{self, StoredRecord};
use super::selection::{self, Chosen, Counts, Selection};
use super::{Store, StoreError};
use chrono::{DateTime, Utc};
use sqlx::{PgTransaction, Row};
use std::collections::{BTreeMap, VecDeque};
use uuid::Uuid;

/// Records whose texts are held at once.
const TOGETHER: usize = 8;

/// Where an export stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportState {
    /// Being written, or to be written again after a restart.
    Running,
    /// Its file is there; JSON text of its result.
    Completed(String),
    /// It never will be; why.
    Failed(String),
    /// Its file was kept for a time and is there no more.
    Expired,
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
    /// While it runs: records done, and how many there are.
    pub progress: Option<(u64, u64)>,
}

/// A piece of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportPiece {
    /// It itself.
    pub bytes: Vec<u8>,
    /// The part of the data set of each line that ends in it, as [`Split::byte`](crate::record::Split::byte); none: the file
    /// has no lines, or is of before lines were told apart.
    pub parts: Option<Vec<u8>>,
}

/// An export being written: one transaction over one snapshot of the records.
pub struct ExportWriter {
    transaction: PgTransaction<'static>,
    id: Uuid,
    tenant: String,
    next_chunk: i32,
    /// Chosen, and not read yet.
    ahead: VecDeque<Chosen>,
}

impl Store {
    /// Notes a new export.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn create_export(&self, id: Uuid, tenant: &str, options: &str) -> Result<(), StoreError> {
        let insert = sqlx::query(
            "INSERT INTO learner.export (export_id, tenant, options, created_at) VALUES ($1, $2, $3, clock_timestamp())",
        );
        let create = async {
            let mut transaction = self.pool.begin().await?;
            // Before an erasure, or after it: then what it reads has nothing of that user.
            guard(&mut transaction).await?;
            let insert = insert.bind(id).bind(tenant).bind(options);
            insert.execute(&mut *transaction).await?;
            transaction.commit().await
        };
        create.await.map_err(StoreError::query("note the export"))
    }

    /// An export of a tenant; none, too, once it may have something of an erased user.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn export(&self, id: Uuid, tenant: &str) -> Result<Option<ExportRow>, StoreError> {
        let select = sqlx::query(
            "SELECT export_id, tenant, options, state, result, error, created_at, finished_at, done, total
             FROM learner.export e LEFT JOIN learner.export_progress USING (export_id)
             WHERE export_id = $1 AND tenant = $2 AND NOT learner.is_to_be_dropped(e)",
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
            "SELECT export_id, tenant, options, state, result, error, created_at, finished_at, done, total
             FROM learner.export e LEFT JOIN learner.export_progress USING (export_id)
             WHERE state = 'running' AND NOT learner.is_to_be_dropped(e) ORDER BY created_at LIMIT 100",
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
    pub async fn write_export(&self, id: Uuid, tenant: &str) -> Result<Option<ExportWriter>, StoreError> {
        let begin = async {
            let mut transaction = self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
            let locked = sqlx::query(
                "SELECT FROM learner.export e WHERE export_id = $1 AND state = 'running' AND NOT learner.is_to_be_dropped(e)
                 FOR UPDATE SKIP LOCKED",
            );
            let locked = locked.bind(id).fetch_optional(&mut *transaction).await?;
            Ok(locked.map(|_| ExportWriter {
                transaction,
                id,
                tenant: tenant.to_owned(),
                next_chunk: 0,
                ahead: VecDeque::new(),
            }))
        };
        begin.await.map_err(StoreError::query("begin the export"))
    }

    /// Forgets how far an export was that has ended. Never in its own transaction, whose snapshot is older than the row.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn forget_export_progress(&self, id: Uuid) -> Result<(), StoreError> {
        let delete = sqlx::query("DELETE FROM learner.export_progress WHERE export_id = $1").bind(id);
        let delete = delete.execute(&self.pool).await;
        delete.map_err(StoreError::query("forget how far the export was"))?;
        Ok(())
    }

    /// Most records that an export of the selection can come to, with little work: some may have no place yet.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn most_of(&self, selection: &Selection) -> Result<i64, StoreError> {
        let select = sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM learner.record
                     WHERE tenant = $1 AND ($2::bool IS NULL OR NOT $2)
                       AND ($3::timestamptz IS NULL OR finished_at >= $3) AND ($4::timestamptz IS NULL OR finished_at < $4)
                       AND ($5::float8 IS NULL OR quality >= $5) AND (NOT $6 OR passed))
                  + (SELECT count(*) FROM learner.training_case WHERE tenant = $1 AND imported AND ($2::bool IS NULL OR $2))",
        );
        let select = select
            .bind(&selection.tenant)
            .bind(selection.origin.map(|origin| origin == selection::Origin::Imported))
            .bind(selection.since)
            .bind(selection.until)
            .bind(selection.min_quality)
            .bind(selection.must_pass);
        select
            .fetch_one(&self.pool)
            .await
            .map_err(StoreError::query("count records"))
    }

    /// Tells how far an export is, to whoever asks.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn note_export_progress(&self, id: Uuid, done: u64, total: u64) -> Result<(), StoreError> {
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let upsert = sqlx::query(
            "INSERT INTO learner.export_progress (export_id, done, total) VALUES ($1, $2, $3)
             ON CONFLICT (export_id) DO UPDATE SET done = excluded.done, total = excluded.total",
        );
        let upsert = upsert
            .bind(id)
            .bind(number(done))
            .bind(number(total))
            .execute(&self.pool)
            .await;
        upsert.map_err(StoreError::query("note how far the export is"))?;
        Ok(())
    }

    /// A piece of a completed export, from 0; none after the last.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn export_chunk(&self, id: Uuid, no: i32) -> Result<Option<Vec<u8>>, StoreError> {
        let select = sqlx::query_scalar(
            "SELECT bytes FROM learner.export_chunk JOIN learner.export e USING (export_id)
             WHERE export_id = $1 AND no = $2 AND NOT learner.is_to_be_dropped(e)",
        );
        let bytes = select.bind(id).bind(no).fetch_optional(&self.pool).await;
        bytes.map_err(StoreError::query("read the export's bytes"))
    }

    /// The same, with the part that each line is of.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn export_piece(&self, id: Uuid, no: i32) -> Result<Option<ExportPiece>, StoreError> {
        let select = sqlx::query("SELECT bytes, parts FROM learner.export_chunk WHERE export_id = $1 AND no = $2");
        let row = select.bind(id).bind(no).fetch_optional(&self.pool).await;
        let piece = row.and_then(|row| {
            let read = |row: sqlx::postgres::PgRow| {
                Ok(ExportPiece {
                    bytes: row.try_get("bytes")?,
                    parts: row.try_get("parts")?,
                })
            };
            row.map(read).transpose()
        });
        piece.map_err(StoreError::query("read the export's lines"))
    }
}

impl ExportWriter {
    /// How many records the selection takes and leaves.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count(&mut self, selection: &Selection) -> Result<Counts, StoreError> {
        selection::count(&mut self.transaction, selection).await
    }

    /// Begins to read what the selection takes. `draw`: most records, and the seed by which they are drawn.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn choose(&mut self, selection: &Selection, draw: Option<(u64, u64)>) -> Result<(), StoreError> {
        selection::open(&mut self.transaction, selection, draw).await
    }

    /// The next records, few at a time since each may be large, in the order of the file; none after the last. One that
    /// is lacking has no text.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn next(&mut self) -> Result<Vec<(Chosen, Option<StoredRecord>)>, StoreError> {
        if self.ahead.is_empty() {
            self.ahead.extend(selection::next(&mut self.transaction).await?);
        }
        let few = self.ahead.len().min(TOGETHER);
        let chosen: Vec<Chosen> = self.ahead.drain(..few).collect();
        let ids = |imported: bool| {
            let of = chosen.iter().filter(|one| one.imported == imported);
            of.map(|one| one.record).collect::<Vec<Uuid>>()
        };
        let found = records::by_id(&mut self.transaction, &self.tenant, &ids(false), &ids(true)).await?;
        let mut found: BTreeMap<Uuid, StoredRecord> = found.into_iter().map(|found| (found.record, found)).collect();
        Ok(chosen.into_iter().map(|one| (one, found.remove(&one.record))).collect())
    }

    /// Appends a piece.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn append(&mut self, piece: &ExportPiece) -> Result<(), StoreError> {
        let insert =
            sqlx::query("INSERT INTO learner.export_chunk (export_id, no, bytes, parts) VALUES ($1, $2, $3, $4)");
        let insert = insert.bind(self.id).bind(self.next_chunk);
        let insert = insert.bind(&piece.bytes).bind(piece.parts.as_deref());
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
        "expired" => ExportState::Expired,
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
        progress: Option::zip(row.try_get("done")?, row.try_get("total")?)
            .map(|(done, total): (i64, i64)| (done.unsigned_abs(), total.unsigned_abs())),
    })
}
