use super::Rollouts;
use super::rows::{Experiment, KeptLook, experiment, kept_look};
use crate::store::{Store, StoreError};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

/// How a tenant that ever tried something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whose.
    pub tenant: String,
    /// Version of the table.
    pub version: u64,
    /// Something is being tried.
    pub tries: bool,
}

impl Rollouts {
    /// How all tenants stand that ever tried something.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn standings(store: &Store) -> Result<Vec<Standing>, StoreError> {
        let select = sqlx::query(
            "SELECT tenant, version, EXISTS (
                 SELECT FROM learner.experiment e WHERE e.tenant = r.tenant AND e.ended_at IS NULL
             ) AS tries FROM learner.rollout r",
        );
        let read = |row: PgRow| {
            Ok(Standing {
                tenant: row.try_get("tenant")?,
                version: row.try_get::<i64, _>("version")?.unsigned_abs(),
                tries: row.try_get("tries")?,
            })
        };
        let rows = select.fetch_all(&store.pool).await;
        let found = rows.and_then(|rows| rows.into_iter().map(read).collect());
        found.map_err(StoreError::query("read who tries models"))
    }

    /// Experiments that are under way.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn under_way(&self) -> Result<Vec<Experiment>, StoreError> {
        let rows = sqlx::query("SELECT * FROM learner.experiment WHERE tenant = $1 AND ended_at IS NULL")
            .bind(&self.tenant)
            .fetch_all(&self.store.pool)
            .await;
        let found = rows.and_then(|rows| rows.iter().map(experiment).collect());
        found.map_err(StoreError::query("read experiments"))
    }

    /// The last look at an experiment; none: nobody looked yet.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn last_look(&self, id: Uuid) -> Result<Option<KeptLook>, StoreError> {
        let row = sqlx::query(
            "SELECT look, body, word FROM learner.experiment_look WHERE experiment_id = $1 ORDER BY look DESC LIMIT 1",
        )
        .bind(id)
        .fetch_optional(&self.store.pool)
        .await;
        let found = row.and_then(|row| row.as_ref().map(kept_look).transpose());
        found.map_err(StoreError::query("read the last look at an experiment"))
    }

    /// The coordinator holds a version above ours, of before something was lost here: the next one goes above it. Nothing
    /// is changed where somebody else moved ours meanwhile.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn go_above(&self, held: u64, ours: u64) -> Result<(), StoreError> {
        let number = |version: u64| i64::try_from(version).unwrap_or(i64::MAX);
        sqlx::query("UPDATE learner.rollout SET version = $3 WHERE tenant = $1 AND version = $2")
            .bind(&self.tenant)
            .bind(number(ours))
            .bind(number(held).saturating_add(1))
            .execute(&self.store.pool)
            .await
            .map_err(StoreError::query("go above the coordinator's table of rollouts"))?;
        Ok(())
    }
}
