//! What people say of tasks.

use super::learning::{lock, reconsider};
use super::preference_uses::rate_once;
use super::{Store, StoreError};
use chrono::{DateTime, Utc};
use sqlx::Row;
use uuid::Uuid;
use workflow::ids::TaskId;

/// Most that is noted of one task, whoever says it: an export reads all of it at once.
pub const MOST: i64 = 1_000;

/// What somebody says of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFeedback {
    pub id: Uuid,
    pub tenant: String,
    pub task: TaskId,
    /// 1-5.
    pub rating: Option<i16>,
    pub comment: Option<String>,
    /// The quality dimension it is about.
    pub dimension: Option<String>,
    /// The step it is about.
    pub step_id: Option<String>,
    pub actor: String,
    pub idempotency_key: Option<String>,
    /// Of what is said.
    pub body_hash: String,
}

/// What is noted under an idempotency key, or was just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    pub id: Uuid,
    pub created_at: DateTime<Utc>,
    pub body_hash: String,
    /// By an earlier request.
    pub replayed: bool,
}

impl Store {
    /// Notes feedback, once for an idempotency key, and what it changes of what was learned. None: enough was said of
    /// the task already.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn note_feedback(&self, feedback: &NewFeedback) -> Result<Option<Noted>, StoreError> {
        let note = async {
            let mut transaction = self.pool.begin().await?;
            lock(&mut transaction).await?;
            let insert = sqlx::query(
                "INSERT INTO learner.feedback (feedback_id, tenant, task_id, rating, comment, dimension, step_id, actor,
                                               created_at, idempotency_key, body_hash)
                 SELECT $1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp(), $9, $10
                 WHERE (SELECT count(*) FROM learner.feedback WHERE task_id = $3 AND tenant = $2) < $11
                 ON CONFLICT (tenant, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
                 RETURNING created_at",
            );
            let insert = insert
                .bind(feedback.id)
                .bind(&feedback.tenant)
                .bind(feedback.task.0)
                .bind(feedback.rating)
                .bind(&feedback.comment)
                .bind(&feedback.dimension)
                .bind(&feedback.step_id)
                .bind(&feedback.actor)
                .bind(&feedback.idempotency_key)
                .bind(&feedback.body_hash)
                .bind(MOST);
            let Some(new) = insert.fetch_optional(&mut *transaction).await? else {
                let select = sqlx::query(
                    "SELECT feedback_id, created_at, body_hash FROM learner.feedback
                     WHERE tenant = $1 AND idempotency_key = $2",
                );
                let select = select.bind(&feedback.tenant).bind(&feedback.idempotency_key);
                let Some(known) = select.fetch_optional(&mut *transaction).await? else {
                    return Ok(None);
                };
                return Ok(Some(Noted {
                    id: known.try_get("feedback_id")?,
                    created_at: known.try_get("created_at")?,
                    body_hash: known.try_get("body_hash")?,
                    replayed: true,
                }));
            };
            reconsider(&mut transaction, feedback.task.0, &feedback.tenant, &self.rules).await?;
            rate_once(&mut transaction, feedback.task.0, feedback.id).await?;
            transaction.commit().await?;
            Ok(Some(Noted {
                id: feedback.id,
                created_at: new.try_get("created_at")?,
                body_hash: feedback.body_hash.clone(),
                replayed: false,
            }))
        };
        note.await.map_err(StoreError::query("note feedback"))
    }
}
