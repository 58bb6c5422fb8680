//! Tasks that took part in an experiment, and what came of them.

use super::Rollouts;
use super::rows::{Experiment, side, written};
use crate::rollout::{Ended, Observation, Override, Side};
use crate::store::StoreError;
use crate::store::erasure::guard;
use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;
use workflow::time::Timestamp;

/// A task that takes part.
#[derive(Clone, Debug, PartialEq)]
pub struct NewUnit {
    /// The task.
    pub task: Uuid,
    /// When its id was made.
    pub made_at: DateTime<Utc>,
    /// What was drawn for.
    pub unit: String,
    /// The user that it names.
    pub user: Option<String>,
    /// Its arm.
    pub side: Side,
    /// The step then.
    pub step: u32,
    /// When it was assigned.
    pub assigned_at: DateTime<Utc>,
}

/// The record of a task that takes part and whose outcome was not read yet.
#[derive(Clone, Debug, PartialEq)]
pub struct UnreadOutcome {
    /// The task.
    pub task: Uuid,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// JSON, as the coordinator gave it.
    pub record: String,
}

impl Rollouts {
    /// The place up to which an experiment's tasks were taken from the coordinator's list; empty: none was.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn taken_to(&self, id: Uuid) -> Result<String, StoreError> {
        sqlx::query_scalar("SELECT taken_to FROM learner.experiment WHERE experiment_id = $1")
            .bind(id)
            .fetch_one(&self.store.pool)
            .await
            .map_err(StoreError::query("read where the tasks of an experiment stand"))
    }

    /// Keeps what the coordinator's list told between two places; those that are kept already stay as they are. Tells how
    /// many were new.
    ///
    /// # Errors
    /// When the database does not take it; then nothing is kept.
    pub async fn take_in(&self, id: Uuid, units: &[NewUnit], [from, to]: [&str; 2]) -> Result<u64, StoreError> {
        let taken = async {
            let mut transaction = self.store.pool.begin().await?;
            let new = match units.is_empty() {
                true => 0,
                false => self.insert(&mut transaction, id, units).await?,
            };
            // Who took the same meanwhile may be further.
            sqlx::query("UPDATE learner.experiment SET taken_to = $3 WHERE experiment_id = $1 AND taken_to = $2")
                .bind(id)
                .bind(from)
                .bind(to)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(new)
        };
        taken
            .await
            .map_err(StoreError::query("keep the tasks of an experiment"))
    }

    async fn insert(&self, connection: &mut PgConnection, id: Uuid, units: &[NewUnit]) -> Result<u64, sqlx::Error> {
        fn each<'a, R>(units: &'a [NewUnit], column: impl Fn(&'a NewUnit) -> R) -> Vec<R> {
            units.iter().map(column).collect()
        }
        guard(&mut *connection).await?;
        let insert = sqlx::query(
            "INSERT INTO learner.experiment_unit (experiment_id, task_id, unit, side, step, assigned_at)
             SELECT $1, n.task_id, CASE WHEN e.tenant IS NULL THEN n.unit ELSE 'erased:' || n.task_id END,
                    n.side, n.step, n.assigned_at
             FROM unnest($3::uuid[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::int[], $9::timestamptz[])
                 AS n(task_id, made_at, unit, user_name, side, step, assigned_at)
             LEFT JOIN learner.erased_user e ON e.tenant = $2 AND n.made_at <= e.erased_at
                 AND e.user_hash = sha256(convert_to(n.user_name, 'UTF8'))
             ON CONFLICT (experiment_id, task_id) DO NOTHING",
        );
        let insert = insert
            .bind(id)
            .bind(&self.tenant)
            .bind(each(units, |unit| unit.task))
            .bind(each(units, |unit| unit.made_at))
            .bind(each(units, |unit| unit.unit.as_str()))
            .bind(each(units, |unit| unit.user.as_deref()))
            .bind(each(units, |unit| unit.side.as_str()))
            .bind(each(units, |unit| i32::try_from(unit.step).unwrap_or(i32::MAX)))
            .bind(each(units, |unit| unit.assigned_at));
        Ok(insert.execute(connection).await?.rows_affected())
    }

    /// Records of tasks whose outcome was not read yet, `limit` at most.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn unread(&self, id: Uuid, limit: i64) -> Result<Vec<UnreadOutcome>, StoreError> {
        let select = sqlx::query(
            "SELECT u.task_id, r.finished_at, r.record FROM learner.experiment_unit u
             JOIN learner.record r ON r.task_id = u.task_id AND r.tenant = $2
             WHERE u.experiment_id = $1 AND u.ended IS NULL LIMIT $3",
        );
        let rows = select.bind(id).bind(&self.tenant).bind(limit);
        let read = |row: PgRow| {
            Ok(UnreadOutcome {
                task: row.try_get("task_id")?,
                finished_at: row.try_get("finished_at")?,
                record: row.try_get("record")?,
            })
        };
        let rows = rows.fetch_all(&self.store.pool).await;
        let found = rows.and_then(|rows| rows.into_iter().map(read).collect());
        found.map_err(StoreError::query("read what came of the tasks of an experiment"))
    }

    /// Keeps what came of tasks; what was kept first stands.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn note_outcomes(&self, id: Uuid, outcomes: &[(Uuid, Ended)]) -> Result<(), StoreError> {
        let noted = async {
            let texts: Vec<String> = outcomes
                .iter()
                .map(|(_, ended)| written(ended))
                .collect::<Result<_, _>>()?;
            let update = sqlx::query(
                "UPDATE learner.experiment_unit u SET ended = n.ended FROM unnest($2::uuid[], $3::text[]) AS n(task_id, ended)
                 WHERE u.experiment_id = $1 AND u.task_id = n.task_id AND u.ended IS NULL",
            );
            let tasks: Vec<Uuid> = outcomes.iter().map(|(task, _)| *task).collect();
            let update = update.bind(id).bind(tasks).bind(texts);
            update.execute(&self.store.pool).await.map(drop)
        };
        noted
            .await
            .map_err(StoreError::query("keep what came of the tasks of an experiment"))
    }

    /// All that is known of an experiment's tasks, in no order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn observations(&self, of: &Experiment) -> Result<Vec<Observation>, StoreError> {
        let select =
            sqlx::query("SELECT unit, side, assigned_at, ended FROM learner.experiment_unit WHERE experiment_id = $1");
        let rows = select.bind(of.id).fetch_all(&self.store.pool).await;
        let found = rows.and_then(|rows| rows.iter().map(observation).collect());
        found.map_err(StoreError::query("read the tasks of an experiment"))
    }
}

fn observation(row: &PgRow) -> Result<Observation, sqlx::Error> {
    let ended: Option<&str> = row.try_get("ended")?;
    let ended = ended.map(|_| super::rows::read(row, "ended")).transpose()?;
    let assigned_at: DateTime<Utc> = row.try_get("assigned_at")?;
    Ok(Observation {
        unit: row.try_get("unit")?,
        side: side(row.try_get("side")?)?,
        assigned_at: Timestamp(assigned_at.timestamp_millis()),
        ended,
    })
}

/// A user's units and words no longer say whose they are; units stay one unit, and its figures stay.
pub(in crate::store) async fn forget(
    connection: &mut PgConnection,
    tenant: &str,
    user: &str,
) -> Result<(), sqlx::Error> {
    let update = sqlx::query(
        "WITH new_name AS MATERIALIZED (
             SELECT experiment_id, 'erased:' || gen_random_uuid() AS unit FROM learner.experiment WHERE tenant = $1
         )
         UPDATE learner.experiment_unit u SET unit = n.unit FROM new_name n
         WHERE u.experiment_id = n.experiment_id AND u.unit = 'user:' || $2 AND u.unit LIKE 'user:%'",
    );
    update.bind(tenant).bind(user).execute(&mut *connection).await?;
    let select = sqlx::query(
        "SELECT experiment_id, look, word FROM learner.experiment_look JOIN learner.experiment USING (experiment_id)
         WHERE tenant = $1 AND word IS NOT NULL",
    );
    for row in select.bind(tenant).fetch_all(&mut *connection).await? {
        let mut word: Override = super::rows::read(&row, "word")?;
        if word.by != user {
            continue;
        }
        word.by.clear();
        let (id, look): (Uuid, i64) = (row.try_get("experiment_id")?, row.try_get("look")?);
        sqlx::query("UPDATE learner.experiment_look SET word = $3 WHERE experiment_id = $1 AND look = $2")
            .bind(id)
            .bind(look)
            .bind(written(&word)?)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
