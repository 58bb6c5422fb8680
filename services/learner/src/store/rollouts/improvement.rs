use super::rows::{Experiment, KeptLook, experiment, kept_look};
use crate::store::{Store, StoreError};
use chrono::{DateTime, Utc};
use sqlx::Row;
use uuid::Uuid;

/// Experiments that are looked through for one that has seen something.
const MOST: i64 = 20;

/// The experiment that says how much better a model of one's own is.
#[derive(Clone, Debug, PartialEq)]
pub enum Improvement {
    /// With its last look, which has units of both arms.
    Seen(Box<Experiment>, Box<KeptLook>),
    /// Something was tried, and nothing of it is counted yet.
    Unseen,
    /// Nothing was tried.
    Untried,
}

impl Store {
    /// The newest experiment that went on after `since`, of one tenant or of all: what is under way goes before what has
    /// ended, and what has seen something before what has not.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn improvement(&self, tenant: Option<&str>, since: DateTime<Utc>) -> Result<Improvement, StoreError> {
        let found = self.improved(tenant, since).await;
        found.map_err(StoreError::query("read what experiments with models say"))
    }

    async fn improved(&self, tenant: Option<&str>, since: DateTime<Utc>) -> Result<Improvement, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT * FROM learner.experiment
             WHERE ($1::text IS NULL OR tenant = $1) AND (ended_at IS NULL OR ended_at > $2)
             ORDER BY ended_at DESC NULLS FIRST, began_at DESC LIMIT $3",
        );
        let rows = rows.bind(tenant).bind(since).bind(MOST).fetch_all(&self.pool).await?;
        for row in &rows {
            let id: Uuid = row.try_get("experiment_id")?;
            let last = sqlx::query(
                "SELECT look, body, word FROM learner.experiment_look WHERE experiment_id = $1 ORDER BY look DESC LIMIT 1",
            );
            let last = last.bind(id).fetch_optional(&self.pool).await?;
            let last = last.map(|last| kept_look(&last)).transpose()?;
            if let Some(last) = last.filter(|last| last.look.effect.value.is_some()) {
                return Ok(Improvement::Seen(Box::new(experiment(row)?), Box::new(last)));
            }
        }
        Ok(match rows.is_empty() {
            true => Improvement::Untried,
            false => Improvement::Unseen,
        })
    }
}
