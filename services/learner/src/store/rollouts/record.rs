use super::Rollouts;
use super::rows::{Experiment, written};
use crate::models::version::State;
use crate::rollout::{Course, Look, Override, Stage};
use crate::store::StoreError;
use crate::store::models::Models;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use workflow::rollout::{Before, Model};

/// A look to add, with the course after it.
#[derive(Clone, Copy, Debug)]
pub struct NewLook<'a> {
    /// What was known.
    pub look: &'a Look,
    /// A person's word on it.
    pub word: Option<&'a Override>,
    /// Where the experiment stands afterwards.
    pub course: Course,
    /// When.
    pub at: DateTime<Utc>,
}

impl Rollouts {
    /// Adds a look to `seen`, and moves the experiment to the course after it. False: somebody else looked meanwhile, and
    /// nothing is changed.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn record(&self, seen: &Experiment, new: NewLook<'_>) -> Result<bool, StoreError> {
        self.recorded(seen, new)
            .await
            .map_err(StoreError::query("record a look at an experiment"))
    }

    async fn recorded(&self, seen: &Experiment, new: NewLook<'_>) -> Result<bool, sqlx::Error> {
        let mut transaction = self.store.pool.begin().await?;
        if new.course != seen.course {
            self.changed(&mut transaction).await?;
        }
        let ended_at = new.course.is_over().then_some(new.at);
        let moved = sqlx::query(
            "UPDATE learner.experiment SET looks = looks + 1, course = $4, ended_at = $5
             WHERE experiment_id = $1 AND tenant = $2 AND looks = $3 AND ended_at IS NULL",
        )
        .bind(seen.id)
        .bind(&self.tenant)
        .bind(seen.looks)
        .bind(written(&new.course)?)
        .bind(ended_at)
        .execute(&mut *transaction)
        .await?;
        if moved.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO learner.experiment_look (experiment_id, look, at, body, word) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(seen.id)
        .bind(seen.looks + 1)
        .bind(new.at)
        .bind(written(new.look)?)
        .bind(new.word.map(written).transpose()?)
        .execute(&mut *transaction)
        .await?;
        self.tell(&mut transaction, seen, &new).await?;
        if new.course.stage == Stage::Promoted {
            self.crown(&mut transaction, seen, new.at).await?;
        }
        if let Some(state) = state_after(new.course.stage) {
            self.move_on(&mut transaction, seen.challenger, (&[State::Canary], state), new.at)
                .await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    async fn crown(
        &self,
        connection: &mut PgConnection,
        won: &Experiment,
        at: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        let before = Before {
            until_unix_ms: u64::try_from(at.timestamp_millis()).unwrap_or(0),
            champion: won.champion,
            experiment: won.course.experiment(won.id, won.salt, won.challenger, &won.settings),
        };
        sqlx::query(
            "INSERT INTO learner.champion (tenant, role, model, experiment_id, since, before)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (tenant, role) DO UPDATE
                 SET model = EXCLUDED.model, experiment_id = EXCLUDED.experiment_id, since = EXCLUDED.since,
                     before = EXCLUDED.before",
        )
        .bind(&self.tenant)
        .bind(&won.role)
        .bind(won.challenger.to_string())
        .bind(won.id)
        .bind(at)
        .bind(written(&before)?)
        .execute(connection)
        .await?;
        Ok(())
    }

    /// Moves a version of a model on, where it is in one of the first states, and tells it.
    pub(super) async fn move_on(
        &self,
        connection: &mut PgConnection,
        model: Model,
        (from, to): (&[State], State),
        at: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        let Model::Version(id) = model else { return Ok(()) };
        let models = Models::of(&self.store, &self.tenant);
        models.move_on(connection, id, (from, to), None, at).await.map(drop)
    }
}

/// How far a model is whose experiment came there; none: it goes on.
fn state_after(stage: Stage) -> Option<State> {
    match stage {
        Stage::Shadow | Stage::Step(_) => None,
        Stage::Promoted => Some(State::Promoted),
        Stage::RolledBack => Some(State::RolledBack),
        Stage::Inconclusive => Some(State::Inconclusive),
    }
}
