//! Jobs that train models at providers.

use super::{Store, StoreError};
use crate::fine_tunes::{FineTune, State};
use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};
use std::collections::BTreeMap;
use std::time::Duration;
use uuid::Uuid;

/// What became of asking for a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    /// It is there.
    Kept,
    /// As many as there may be are under way.
    TooMany,
    /// The export is not there any more.
    NoExport,
}

/// Where a model comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trained {
    /// The job.
    pub by: Uuid,
    /// What was trained further.
    pub base_model: String,
}

impl Store {
    /// Notes a job, of which a tenant has so many under way at most. One whose id is there stays as it is.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn ask_for_fine_tune(&self, tune: &FineTune, most: u32) -> Result<Asked, StoreError> {
        let asked = self.asked_for_fine_tune(tune, most).await;
        asked.map_err(StoreError::query("note a fine-tuning job"))
    }

    async fn asked_for_fine_tune(&self, tune: &FineTune, most: u32) -> Result<Asked, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 20))")
            .bind(&tune.tenant)
            .execute(&mut *transaction)
            .await?;
        let under_way: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM learner.fine_tune WHERE tenant = $1 AND is_open AND ended_at IS NULL AND fine_tune_id <> $2",
        )
        .bind(&tune.tenant)
        .bind(tune.id)
        .fetch_one(&mut *transaction)
        .await?;
        if under_way >= i64::from(most) {
            return Ok(Asked::TooMany);
        }
        // With the export's row in hand: whoever deletes it withdraws this job, too.
        let insert = sqlx::query(
            "WITH taken AS (
                 SELECT finished_at FROM learner.export
                 WHERE export_id = $3 AND tenant = $2 AND state = 'completed'
                   AND NOT learner.is_to_be_dropped(export) FOR SHARE)
             INSERT INTO learner.fine_tune
                 (fine_tune_id, tenant, export_id, exported_at, provider, model_name, wanted, examples, state, course,
                  created_at, changed_at, deadline_at)
             SELECT $1, $2, $3, taken.finished_at, $4, $5, $6, $7, $8, $9, $10, $10, $11 FROM taken
             ON CONFLICT (fine_tune_id) DO UPDATE SET fine_tune_id = EXCLUDED.fine_tune_id",
        );
        let insert = insert
            .bind(tune.id)
            .bind(&tune.tenant)
            .bind(tune.export)
            .bind(&tune.provider)
            .bind(&tune.model_name)
            .bind(json(&tune.wanted)?)
            .bind(json(&tune.examples)?)
            .bind(tune.state.as_str())
            .bind(json(&tune.course)?)
            .bind(tune.created_at)
            .bind(tune.deadline_at);
        let kept = insert.execute(&mut *transaction).await?.rows_affected();
        transaction.commit().await?;
        Ok(if kept == 0 { Asked::NoExport } else { Asked::Kept })
    }

    /// A job of a tenant.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn fine_tune(&self, id: Uuid, tenant: &str) -> Result<Option<FineTune>, StoreError> {
        let select = sqlx::query("SELECT * FROM learner.fine_tune WHERE fine_tune_id = $1 AND tenant = $2");
        let row = select.bind(id).bind(tenant).fetch_optional(&self.pool).await;
        let found = row.and_then(|row| row.as_ref().map(fine_tune).transpose());
        found.map_err(StoreError::query("read a fine-tuning job"))
    }

    /// A tenant's newest jobs, `limit` at most, asked for before that one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn fine_tunes(
        &self,
        tenant: &str,
        before: Option<(DateTime<Utc>, Uuid)>,
        limit: i64,
    ) -> Result<Vec<FineTune>, StoreError> {
        let (before, id) = before.unzip();
        let select = sqlx::query(
            "SELECT * FROM learner.fine_tune
             WHERE tenant = $1 AND ($2::timestamptz IS NULL OR (created_at, fine_tune_id) < ($2, $3))
             ORDER BY created_at DESC, fine_tune_id DESC LIMIT $4",
        );
        let rows = select.bind(tenant).bind(before).bind(id).bind(limit);
        let rows = rows.fetch_all(&self.pool).await;
        let found = rows.and_then(|rows| rows.iter().map(fine_tune).collect());
        found.map_err(StoreError::query("read fine-tuning jobs"))
    }

    /// Which of the models were trained here.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn trained(&self, models: &[Uuid]) -> Result<BTreeMap<Uuid, Trained>, StoreError> {
        let select = sqlx::query("SELECT * FROM learner.fine_tune WHERE model_id = ANY($1)");
        let rows = select.bind(models).fetch_all(&self.pool).await;
        let read = |row: &PgRow| {
            let tune = fine_tune(row)?;
            let trained = Trained {
                by: tune.id,
                base_model: tune.wanted.base_model,
            };
            Ok((row.try_get("model_id")?, trained))
        };
        let found = rows.and_then(|rows| rows.iter().map(read).collect());
        found.map_err(StoreError::query("read where models come from"))
    }

    /// Somebody wants it no more. False: it had ended.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn cancel_fine_tune(&self, id: Uuid, tenant: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let update = sqlx::query(
            "UPDATE learner.fine_tune SET cancel_asked_at = coalesce(cancel_asked_at, $3), next_at = now()
             WHERE fine_tune_id = $1 AND tenant = $2 AND ended_at IS NULL",
        );
        let update = update.bind(id).bind(tenant).bind(now).execute(&self.pool).await;
        let updated = update.map_err(StoreError::query("cancel a fine-tuning job"))?;
        Ok(updated.rows_affected() > 0)
    }

    /// Takes the next turn at whatever is due and nobody else does; none: nothing is.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn take_fine_tune(&self, lease: Duration) -> Result<Option<FineTune>, StoreError> {
        let take = sqlx::query(
            "UPDATE learner.fine_tune SET turn = turn + 1, lease_until = clock_timestamp() + make_interval(secs => $1)
             WHERE fine_tune_id = (
                 SELECT fine_tune_id FROM learner.fine_tune
                 WHERE is_open AND next_at <= now() AND (lease_until IS NULL OR lease_until < now())
                 ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED)
             RETURNING *",
        );
        let row = take.bind(lease.as_secs_f64()).fetch_optional(&self.pool).await;
        let taken = row.and_then(|row| row.as_ref().map(fine_tune).transpose());
        taken.map_err(StoreError::query("take up a fine-tuning job"))
    }

    /// Stays at it. False: it is another one's turn.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn keep_fine_tune(&self, id: Uuid, turn: i64, lease: Duration) -> Result<bool, StoreError> {
        let update = sqlx::query(
            "UPDATE learner.fine_tune SET lease_until = clock_timestamp() + make_interval(secs => $3)
             WHERE fine_tune_id = $1 AND turn = $2 AND lease_until > clock_timestamp()",
        );
        let update = update.bind(id).bind(turn).bind(lease.as_secs_f64());
        let updated = update.execute(&self.pool).await;
        let updated = updated.map_err(StoreError::query("stay at a fine-tuning job"))?;
        Ok(updated.rows_affected() > 0)
    }

    /// Writes down how far it is, before something is done that must not be done twice. False: it is another one's turn.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn note_fine_tune(&self, tune: &FineTune, lease: Duration) -> Result<bool, StoreError> {
        let noted = async {
            let update = sqlx::query(
                "UPDATE learner.fine_tune SET state = $3, course = $4,
                     lease_until = clock_timestamp() + make_interval(secs => $5)
                 WHERE fine_tune_id = $1 AND turn = $2 AND lease_until > clock_timestamp()",
            );
            let update = update.bind(tune.id).bind(tune.turn);
            let update = update.bind(tune.state.as_str()).bind(json(&tune.course)?);
            update.bind(lease.as_secs_f64()).execute(&self.pool).await
        };
        let noted = noted.await.map_err(StoreError::query("write down a fine-tuning job"))?;
        Ok(noted.rows_affected() > 0)
    }

    /// Ends the turn; the next may be taken after `pause`, or at once where somebody said something meanwhile. `closes`:
    /// there is nothing to do any more. False: it was another one's turn, and nothing was written.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn leave_fine_tune(&self, tune: &FineTune, closes: bool, pause: Duration) -> Result<bool, StoreError> {
        let left = async {
            let update = sqlx::query(
                "UPDATE learner.fine_tune SET
                     state = $3, reason = $4, course = $5, model_id = $6, changed_at = $7, ended_at = $8, failures = $9,
                     is_open = NOT $10 OR withdrawn_at IS DISTINCT FROM $12,
                     next_at = CASE WHEN cancel_asked_at IS DISTINCT FROM $11 OR withdrawn_at IS DISTINCT FROM $12
                               THEN now() ELSE now() + make_interval(secs => $13) END,
                     lease_until = NULL
                 WHERE fine_tune_id = $1 AND turn = $2",
            );
            let update = update.bind(tune.id).bind(tune.turn);
            let update = update
                .bind(tune.state.as_str())
                .bind(&tune.reason)
                .bind(json(&tune.course)?);
            let update = update.bind(tune.model).bind(tune.changed_at).bind(tune.ended_at);
            let update = update
                .bind(i32::try_from(tune.failures).unwrap_or(i32::MAX))
                .bind(closes);
            let update = update.bind(tune.cancel_asked_at).bind(tune.withdrawn_at);
            update.bind(pause.as_secs_f64()).execute(&self.pool).await
        };
        let left = left.await.map_err(StoreError::query("write down a fine-tuning job"))?;
        Ok(left.rows_affected() > 0)
    }
}

/// Jobs with exports that have, or may have, something of an erased user: those under way end, and of others the provider's
/// files go. Before it is forgotten since when. Clocks differ by less than a minute.
pub(super) async fn withdraw(connection: &mut PgConnection, tenant: Option<&str>) -> Result<(), sqlx::Error> {
    let update = sqlx::query(
        "UPDATE learner.fine_tune f SET withdrawn_at = now(), is_open = true, next_at = now() FROM learner.erased_user u
         WHERE ($1::text IS NULL OR u.tenant = $1) AND f.tenant = u.tenant AND f.withdrawn_at IS NULL
           AND f.exported_at BETWEEN u.exports_from AND u.exports_until + interval '1 minute'",
    );
    update.bind(tenant).execute(connection).await.map(drop)
}

fn json(value: &impl serde::Serialize) -> Result<String, sqlx::Error> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}

fn read<T: serde::de::DeserializeOwned>(row: &PgRow, column: &str) -> Result<T, sqlx::Error> {
    let text: &str = row.try_get(column)?;
    serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

fn fine_tune(row: &PgRow) -> Result<FineTune, sqlx::Error> {
    let state: &str = row.try_get("state")?;
    let state = State::parse(state).ok_or_else(|| sqlx::Error::Decode(format!("a state {state}").into()))?;
    Ok(FineTune {
        id: row.try_get("fine_tune_id")?,
        tenant: row.try_get("tenant")?,
        export: row.try_get("export_id")?,
        provider: row.try_get("provider")?,
        model_name: row.try_get("model_name")?,
        wanted: read(row, "wanted")?,
        examples: read(row, "examples")?,
        state,
        reason: row.try_get("reason")?,
        course: read(row, "course")?,
        model: row.try_get("model_id")?,
        cancel_asked_at: row.try_get("cancel_asked_at")?,
        withdrawn_at: row.try_get("withdrawn_at")?,
        created_at: row.try_get("created_at")?,
        changed_at: row.try_get("changed_at")?,
        ended_at: row.try_get("ended_at")?,
        deadline_at: row.try_get("deadline_at")?,
        failures: row.try_get::<i32, _>("failures")?.unsigned_abs(),
        turn: row.try_get("turn")?,
    })
}

#[cfg(test)]
impl Store {
    /// As if the time of every job were over so long ago.
    pub async fn age_fine_tunes(&self, hours: i32) {
        let age = sqlx::query("UPDATE learner.fine_tune SET deadline_at = now() - make_interval(hours => $1)");
        age.bind(hours).execute(&self.pool).await.unwrap();
    }

    /// Everything of these rows, as text.
    pub async fn fine_tune_rows(&self) -> String {
        let select = sqlx::query_scalar("SELECT coalesce(string_agg(f::text, ' '), '') FROM learner.fine_tune f");
        select.fetch_one(&self.pool).await.unwrap()
    }
}
