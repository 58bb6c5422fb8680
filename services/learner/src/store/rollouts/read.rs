use super::Rollouts;
use super::rows::{Experiment, KeptLook, experiment, kept_look, model};
use crate::store::StoreError;
use chrono::{DateTime, Utc};
use sqlx::Row;
use uuid::Uuid;
use workflow::rollout::{RoleRollout, RolloutTable};

impl Rollouts {
    /// The table as it is now; of version 0 where nothing was ever tried.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn table(&self) -> Result<RolloutTable, StoreError> {
        let table = self.derived().await;
        table.map_err(StoreError::query("read the table of rollouts"))
    }

    async fn derived(&self) -> Result<RolloutTable, sqlx::Error> {
        let mut transaction = self.store.pool.begin().await?;
        // Held, so that nobody changes what the version stands for while the rest is read.
        let version = sqlx::query("SELECT version FROM learner.rollout WHERE tenant = $1 FOR SHARE")
            .bind(&self.tenant)
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(version) = version else {
            return Ok(RolloutTable::default());
        };
        let mut table = RolloutTable {
            version: version.try_get::<i64, _>("version")?.unsigned_abs(),
            ..RolloutTable::default()
        };
        let champions = sqlx::query("SELECT role, model FROM learner.champion WHERE tenant = $1")
            .bind(&self.tenant)
            .fetch_all(&mut *transaction)
            .await?;
        for row in champions {
            let rollout = RoleRollout {
                champion: model(row.try_get("model")?)?,
                experiment: None,
                before: None,
            };
            table.roles.insert(row.try_get("role")?, rollout);
        }
        let tried = sqlx::query("SELECT * FROM learner.experiment WHERE tenant = $1 AND ended_at IS NULL")
            .bind(&self.tenant)
            .fetch_all(&mut *transaction)
            .await?;
        for row in tried {
            let tried = experiment(&row)?;
            table.roles.insert(tried.role.clone(), tried.rollout());
        }
        transaction.commit().await?;
        Ok(table)
    }

    /// One experiment, under way or over.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn get(&self, id: Uuid) -> Result<Option<Experiment>, StoreError> {
        let row = sqlx::query("SELECT * FROM learner.experiment WHERE tenant = $1 AND experiment_id = $2")
            .bind(&self.tenant)
            .bind(id)
            .fetch_optional(&self.store.pool)
            .await;
        let found = row.and_then(|row| row.as_ref().map(experiment).transpose());
        found.map_err(StoreError::query("read an experiment"))
    }

    /// The newest experiments, `limit` at most, begun before `before`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list(&self, before: Option<DateTime<Utc>>, limit: i64) -> Result<Vec<Experiment>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM learner.experiment WHERE tenant = $1 AND ($2::timestamptz IS NULL OR began_at < $2)
             ORDER BY began_at DESC LIMIT $3",
        )
        .bind(&self.tenant)
        .bind(before)
        .bind(limit)
        .fetch_all(&self.store.pool)
        .await;
        let found = rows.and_then(|rows| rows.iter().map(experiment).collect());
        found.map_err(StoreError::query("read experiments"))
    }

    /// Looks at an experiment after the `after`th, in their order, `limit` at most; with the word of whom it was.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn looks(&self, id: Uuid, after: i64, limit: i64) -> Result<Vec<KeptLook>, StoreError> {
        let rows = sqlx::query(
            "SELECT look, body, word FROM learner.experiment_look JOIN learner.experiment USING (experiment_id)
             WHERE tenant = $1 AND experiment_id = $2 AND look > $3 ORDER BY look LIMIT $4",
        )
        .bind(&self.tenant)
        .bind(id)
        .bind(after)
        .bind(limit)
        .fetch_all(&self.store.pool)
        .await;
        let found = rows.and_then(|rows| rows.iter().map(kept_look).collect());
        found.map_err(StoreError::query("read the looks at an experiment"))
    }
}

impl Experiment {
    fn rollout(&self) -> RoleRollout {
        RoleRollout {
            champion: self.champion,
            experiment: self
                .course
                .experiment(self.id, self.salt, self.challenger, &self.settings),
            before: None,
        }
    }
}
