use super::Rollouts;
use super::rows::{model, written};
use crate::rollout::{Course, Settings};
use crate::store::StoreError;
use chrono::{DateTime, Utc};
use sqlx::Row;
use uuid::Uuid;
use workflow::rollout::Model;

/// An experiment to begin.
#[derive(Clone, Debug, PartialEq)]
pub struct NewExperiment {
    /// Its id.
    pub id: Uuid,
    /// Random, and used for nothing else.
    pub salt: Uuid,
    /// What it is tried as.
    pub role: String,
    /// What is tried.
    pub challenger: Model,
    /// How.
    pub settings: Settings,
    /// When it begins.
    pub began_at: DateTime<Utc>,
    /// Where it begins.
    pub course: Course,
}

/// What became of a beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It is under way.
    New,
    /// Another one is, for that role.
    UnderWay,
    /// The model answers that role already.
    Champion,
}

impl Rollouts {
    /// Begins an experiment, where no other is under way for the role.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn begin(&self, new: &NewExperiment) -> Result<Begun, StoreError> {
        self.begun(new).await.map_err(StoreError::query("begin an experiment"))
    }

    async fn begun(&self, new: &NewExperiment) -> Result<Begun, sqlx::Error> {
        let mut transaction = self.store.pool.begin().await?;
        // Whoever changes the table of a tenant comes after the others.
        self.changed(&mut transaction).await?;
        let champion = sqlx::query("SELECT model FROM learner.champion WHERE tenant = $1 AND role = $2")
            .bind(&self.tenant)
            .bind(&new.role)
            .fetch_optional(&mut *transaction)
            .await?;
        let champion = champion.map_or(Ok(Model::Configured), |row| model(row.try_get("model")?))?;
        if champion == new.challenger {
            return Ok(Begun::Champion);
        }
        let inserted = sqlx::query(
            "INSERT INTO learner.experiment
                (experiment_id, tenant, role, champion, challenger, salt, settings, course, began_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (tenant, role) WHERE ended_at IS NULL DO NOTHING",
        )
        .bind(new.id)
        .bind(&self.tenant)
        .bind(&new.role)
        .bind(champion.to_string())
        .bind(new.challenger.to_string())
        .bind(new.salt)
        .bind(written(&new.settings)?)
        .bind(written(&new.course)?)
        .bind(new.began_at)
        .execute(&mut *transaction)
        .await?;
        if inserted.rows_affected() == 0 {
            return Ok(Begun::UnderWay);
        }
        transaction.commit().await?;
        Ok(Begun::New)
    }
}
