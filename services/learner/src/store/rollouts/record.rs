use super::Rollouts;
use super::rows::{Experiment, written};
use crate::rollout::{Course, Look, Override, Stage};
use crate::store::StoreError;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

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
        if new.course.stage == Stage::Promoted {
            self.crown(&mut transaction, seen, new.at).await?;
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
        sqlx::query(
            "INSERT INTO learner.champion (tenant, role, model, experiment_id, since) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (tenant, role) DO UPDATE
                 SET model = EXCLUDED.model, experiment_id = EXCLUDED.experiment_id, since = EXCLUDED.since",
        )
        .bind(&self.tenant)
        .bind(&won.role)
        .bind(won.challenger.to_string())
        .bind(won.id)
        .bind(at)
        .execute(connection)
        .await?;
        Ok(())
    }
}
