use super::Rollouts;
use super::rows::{Experiment, model, written};
use crate::models::version::State;
use crate::rollout::{Course, Settings, Untriable, check};
use crate::store::StoreError;
use crate::store::models::Models;
use chrono::{DateTime, Utc};
use sqlx::Row;
use uuid::Uuid;
use workflow::rollout::Model;

/// What is tried again was tried before, perhaps in another role.
const TRIED_FROM: [State; 5] = [
    State::Loaded,
    State::SmokePassed,
    State::Promoted,
    State::RolledBack,
    State::Inconclusive,
];

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
    /// The model is not there, or nobody serves it.
    NotServed,
}

/// Why an experiment does not begin.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// It could not be decided, or not be run.
    #[error(transparent)]
    Untriable(#[from] Untriable),
    /// The database does not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Rollouts {
    /// Begins an experiment, where no other is under way for the role.
    ///
    /// # Errors
    /// When it could not be decided, or the database does not take it.
    pub async fn begin(&self, new: &NewExperiment) -> Result<Begun, BeginError> {
        check(&new.role, &new.settings)?;
        if let Model::Version(id) = new.challenger {
            let found = Models::of(&self.store, &self.tenant).get(id).await?;
            if found.is_none_or(|model| model.served().is_none()) {
                return Ok(Begun::NotServed);
            }
        }
        let begun = self.begun(new).await;
        Ok(begun.map_err(StoreError::query("begin an experiment"))?)
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
        let begun = Experiment {
            id: new.id,
            salt: new.salt,
            role: new.role.clone(),
            champion,
            challenger: new.challenger,
            settings: new.settings.clone(),
            course: new.course,
            looks: 0,
            began_at: new.began_at,
            ended_at: None,
        };
        self.tell_started(&mut transaction, &begun).await?;
        self.move_on(
            &mut transaction,
            new.challenger,
            (&TRIED_FROM, State::Canary),
            new.began_at,
        )
        .await?;
        transaction.commit().await?;
        Ok(Begun::New)
    }
}
