//! Files on their way to be served: who is at which, and when it is looked at again. Times are the database's.

use super::{Store, StoreError};
use sqlx::Row;
use std::time::Duration;
use uuid::Uuid;

/// A file that is to be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewServing {
    /// The version it is of.
    pub model: Uuid,
    /// Whose.
    pub tenant: String,
    /// Who is to serve it; none: whoever does alone.
    pub provider: Option<String>,
    /// It is to be tried as soon as it answered.
    pub enable: bool,
}

/// A file that somebody is at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The version it is of.
    pub model: Uuid,
    /// Whose.
    pub tenant: String,
    /// Who serves it, or is to.
    pub provider: Option<String>,
    /// It is to be tried as soon as it answered.
    pub enable: bool,
    /// Tries of what it is at.
    pub tries: i32,
    /// Whoever is at it.
    by: Uuid,
}

/// What comes of a turn.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct After {
    /// When it is looked at again; none: never.
    pub again: Option<Duration>,
    /// What it waits for, or why it is not tried.
    pub waits: Option<String>,
    /// Tries of what it is at.
    pub tries: i32,
    /// It is not to be tried by itself any more.
    pub settled: bool,
}

/// Files of all tenants.
#[derive(Clone, Debug)]
pub struct Serving {
    store: Store,
}

impl Serving {
    /// Of a store.
    pub fn of(store: &Store) -> Self {
        Self { store: store.clone() }
    }

    /// Notes a file, before its version is registered: it is looked at once that is there. One that is there stays.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn expect(&self, new: &NewServing) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO learner.model_serving (model_id, tenant, provider, asked_provider, enable, asked_enable, next_at)
             VALUES ($1, $2, $3, $3, $4, $4, clock_timestamp())
             ON CONFLICT (model_id) DO NOTHING",
        )
        .bind(new.model)
        .bind(&new.tenant)
        .bind(&new.provider)
        .bind(new.enable)
        .execute(&self.store.pool)
        .await
        .map(drop)
        .map_err(StoreError::query("note a file that is to be served"))
    }

    /// What was asked for: who is to serve it, and whether it is to be tried.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn asked(&self, model: Uuid) -> Result<Option<(Option<String>, bool)>, StoreError> {
        let row = sqlx::query("SELECT asked_provider, asked_enable FROM learner.model_serving WHERE model_id = $1")
            .bind(model)
            .fetch_optional(&self.store.pool)
            .await;
        let read = row.and_then(|row| {
            row.map(|row| Ok((row.try_get("asked_provider")?, row.try_get("asked_enable")?)))
                .transpose()
        });
        read.map_err(StoreError::query("read how a file is to be served"))
    }

    /// The next file that is due, for `by` alone and so long. None: there is none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn take(&self, by: Uuid, lasts: Duration) -> Result<Option<Turn>, StoreError> {
        let row = sqlx::query(
            "UPDATE learner.model_serving SET taken_by = $1, taken_until = clock_timestamp() + $2 * interval '1 second'
             WHERE model_id = (
                 SELECT s.model_id FROM learner.model_serving s JOIN learner.model USING (model_id)
                 WHERE s.next_at <= clock_timestamp() AND (s.taken_until IS NULL OR s.taken_until < clock_timestamp())
                 ORDER BY s.next_at LIMIT 1 FOR UPDATE OF s SKIP LOCKED
             ) RETURNING *",
        )
        .bind(by)
        .bind(lasts.as_secs_f64())
        .fetch_optional(&self.store.pool)
        .await;
        let read = row.and_then(|row| {
            row.map(|row| {
                Ok(Turn {
                    model: row.try_get("model_id")?,
                    tenant: row.try_get("tenant")?,
                    provider: row.try_get("provider")?,
                    enable: row.try_get("enable")?,
                    tries: row.try_get("tries")?,
                    by,
                })
            })
            .transpose()
        });
        read.map_err(StoreError::query("take a file that is to be served"))
    }

    /// Holds on to it. False: somebody else has it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn hold(&self, turn: &Turn, lasts: Duration) -> Result<bool, StoreError> {
        let held = sqlx::query(
            "UPDATE learner.model_serving SET taken_until = clock_timestamp() + $3 * interval '1 second'
             WHERE model_id = $1 AND taken_by = $2",
        )
        .bind(turn.model)
        .bind(turn.by)
        .bind(lasts.as_secs_f64())
        .execute(&self.store.pool)
        .await;
        let held = held.map_err(StoreError::query("hold on to a file that is to be served"))?;
        Ok(held.rows_affected() > 0)
    }

    /// Who serves it, and as what. False: another file has that name there.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn name(&self, turn: &Turn, provider: &str, served_as: &str) -> Result<bool, StoreError> {
        let named = sqlx::query(
            "UPDATE learner.model_serving SET provider = $3, served_as = $4 WHERE model_id = $1 AND taken_by = $2",
        )
        .bind(turn.model)
        .bind(turn.by)
        .bind(provider)
        .bind(served_as)
        .execute(&self.store.pool)
        .await;
        match named {
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(false),
            named => named
                .map(|_| true)
                .map_err(StoreError::query("name a file that is to be served")),
        }
    }

    /// What its answers name as the model that gave them.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn answers_as(&self, turn: &Turn, name: Option<&str>) -> Result<(), StoreError> {
        sqlx::query("UPDATE learner.model_serving SET answers_as = $3 WHERE model_id = $1 AND taken_by = $2")
            .bind(turn.model)
            .bind(turn.by)
            .bind(name)
            .execute(&self.store.pool)
            .await
            .map(drop)
            .map_err(StoreError::query("note what a model answers as"))
    }

    /// The turn is over. Nothing is changed where somebody else has it.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn end(&self, turn: &Turn, after: &After) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE learner.model_serving
             SET next_at = clock_timestamp() + $3 * interval '1 second', waits = $4, tries = $5,
                 enable = enable AND NOT $6, taken_by = NULL, taken_until = NULL
             WHERE model_id = $1 AND taken_by = $2",
        )
        .bind(turn.model)
        .bind(turn.by)
        .bind(after.again.map(|again| again.as_secs_f64()))
        .bind(&after.waits)
        .bind(after.tries)
        .bind(after.settled)
        .execute(&self.store.pool)
        .await
        .map(drop)
        .map_err(StoreError::query("end a turn with a file"))
    }
}
