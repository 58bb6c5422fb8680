use super::Rollouts;
use super::rows::{Experiment, KeptLook, experiment, kept_look, model, read};
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
        let champions = sqlx::query("SELECT role, model, before FROM learner.champion WHERE tenant = $1")
            .bind(&self.tenant)
            .fetch_all(&mut *transaction)
            .await?;
        for row in champions {
            let before: Option<&str> = row.try_get("before")?;
            let rollout = RoleRollout {
                champion: model(row.try_get("model")?)?,
                experiment: None,
                before: before.map(|_| read(&row, "before")).transpose()?,
            };
            table.roles.insert(row.try_get("role")?, rollout);
        }
        let tried = sqlx::query("SELECT * FROM learner.experiment WHERE tenant = $1 AND ended_at IS NULL")
            .bind(&self.tenant)
            .fetch_all(&mut *transaction)
            .await?;
        for row in tried {
            let tried = experiment(&row)?;
            let untried = RoleRollout {
                champion: tried.champion,
                experiment: None,
                before: None,
            };
            let role = table.roles.entry(tried.role).or_insert(untried);
            role.experiment = tried
                .course
                .experiment(tried.id, tried.salt, tried.challenger, &tried.settings);
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

    /// The newest experiments, `limit` at most, begun before that one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list(&self, before: Option<(DateTime<Utc>, Uuid)>, limit: i64) -> Result<Vec<Experiment>, StoreError> {
        let (before, id) = before.unzip();
        let rows = sqlx::query(
            "SELECT * FROM learner.experiment
             WHERE tenant = $1 AND ($2::timestamptz IS NULL OR (began_at, experiment_id) < ($2, $4))
             ORDER BY began_at DESC, experiment_id DESC LIMIT $3",
        )
        .bind(&self.tenant)
        .bind(before)
        .bind(limit)
        .bind(id)
        .fetch_all(&self.store.pool)
        .await;
        let found = rows.and_then(|rows| rows.iter().map(experiment).collect());
        found.map_err(StoreError::query("read experiments"))
    }

    /// Looks at an experiment over time: about `most` of them evenly, and all that decided something or were somebody's.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn points(&self, of: &Experiment, most: i64) -> Result<Vec<KeptLook>, StoreError> {
        let stride = of.looks / most.max(1) + 1;
        let rows = sqlx::query(
            r#"SELECT look, body, word FROM learner.experiment_look
             WHERE experiment_id = $1 AND (look % $2 = 0 OR look = $3 OR word IS NOT NULL
                 OR body ~ '"decision":\{"kind":"(advance|roll_back|promote|inconclusive)"')
             ORDER BY look LIMIT 2 * $4"#,
        )
        .bind(of.id)
        .bind(stride)
        .bind(of.looks)
        .bind(most)
        .fetch_all(&self.store.pool)
        .await;
        let found = rows.and_then(|rows| rows.iter().map(kept_look).collect());
        found.map_err(StoreError::query("read the looks at an experiment"))
    }
}
