use super::Rollouts;
use super::rows::{experiment, kept_look, written};
use crate::models::version::State;
use crate::rollout::{Action, Course, Override, Stage};
use crate::store::StoreError;
use chrono::{DateTime, Utc};
use sqlx::Row;
use uuid::Uuid;
use workflow::rollout::Model;
use workflow::time::Timestamp;

/// What became of taking a champion back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakenBack {
    /// Whoever was the champion before this experiment is it again.
    Done(Uuid),
    /// It serves no such role.
    NotServing,
    /// It serves several roles, and none was named.
    Several,
    /// Something is being tried beside it.
    UnderWay,
}

impl Rollouts {
    /// Takes a promoted model back: all calls, those of tasks that are under way too, go to whoever served before. The
    /// word is kept with the last evidence of the experiment that it won.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn take_back(
        &self,
        model: Model,
        role: Option<&str>,
        note: Option<String>,
        by: &str,
        at: DateTime<Utc>,
    ) -> Result<TakenBack, StoreError> {
        let taken = self.taken_back(model, role, note, by, at).await;
        taken.map_err(StoreError::query("take a model back"))
    }

    async fn taken_back(
        &self,
        model: Model,
        role: Option<&str>,
        note: Option<String>,
        by: &str,
        at: DateTime<Utc>,
    ) -> Result<TakenBack, sqlx::Error> {
        let mut transaction = self.store.pool.begin().await?;
        self.changed(&mut transaction).await?;
        let serving = sqlx::query(
            "SELECT e.*, EXISTS (
                 SELECT FROM learner.experiment t WHERE t.tenant = c.tenant AND t.role = c.role AND t.ended_at IS NULL
             ) AS beside FROM learner.champion c JOIN learner.experiment e USING (experiment_id)
             WHERE c.tenant = $1 AND c.model = $2 AND ($3::text IS NULL OR c.role = $3)",
        )
        .bind(&self.tenant)
        .bind(model.to_string())
        .bind(role)
        .fetch_all(&mut *transaction)
        .await?;
        let row = match serving.as_slice() {
            [] => return Ok(TakenBack::NotServing),
            [one] => one,
            _ => return Ok(TakenBack::Several),
        };
        if row.try_get("beside")? {
            return Ok(TakenBack::UnderWay);
        }
        let won = experiment(row)?;
        let last = sqlx::query(
            "SELECT look, body, word FROM learner.experiment_look WHERE experiment_id = $1 ORDER BY look DESC LIMIT 1",
        )
        .bind(won.id)
        .fetch_one(&mut *transaction)
        .await?;
        let evidence = kept_look(&last)?.look;
        let word = Override {
            by: by.to_owned(),
            action: Action::RollBack,
            note,
            evidence: evidence.clone(),
        };
        let course = Course {
            stage: Stage::RolledBack,
            since: Timestamp(at.timestamp_millis()),
            ..won.course
        };
        sqlx::query(
            "UPDATE learner.champion SET model = $3, since = $4, before = NULL WHERE tenant = $1 AND role = $2",
        )
        .bind(&self.tenant)
        .bind(&won.role)
        .bind(won.champion.to_string())
        .bind(at)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("UPDATE learner.experiment SET looks = looks + 1, course = $2 WHERE experiment_id = $1")
            .bind(won.id)
            .bind(written(&course)?)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "INSERT INTO learner.experiment_look (experiment_id, look, at, body, word) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(won.id)
        .bind(won.looks + 1)
        .bind(at)
        .bind(written(&evidence)?)
        .bind(written(&word)?)
        .execute(&mut *transaction)
        .await?;
        self.tell_taken_back(&mut transaction, &won, (&course, &evidence), at)
            .await?;
        self.move_on(&mut transaction, model, (&[State::Promoted], State::RolledBack), at)
            .await?;
        transaction.commit().await?;
        Ok(TakenBack::Done(won.id))
    }
}
