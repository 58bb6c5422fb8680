//! Which tasks the sweeper looks at.

use super::StoreError;
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use sqlx::postgres::PgConnection;
use uuid::Uuid;
use workflow::ids::TaskId;

/// Claims tasks that are due: their next look is pushed on, so that another replica takes others.
///
/// # Errors
/// When the database does not answer.
pub async fn claim(pool: &PgPool, limit: i64) -> Result<Vec<TaskId>, StoreError> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "UPDATE task SET next_at = now() + interval '10 seconds'
         WHERE id IN (
             SELECT id FROM task WHERE NOT done AND next_at IS NOT NULL AND next_at <= now()
             ORDER BY next_at LIMIT $1 FOR UPDATE SKIP LOCKED)
         RETURNING id",
    )
    .bind(limit)
    .fetch_all(pool)
    .await
    .map_err(StoreError::at("claim due tasks"))?;
    Ok(ids.into_iter().map(TaskId).collect())
}

/// Tasks that move by themselves: what may have something queued.
///
/// # Errors
/// When the database does not answer.
pub async fn moving(pool: &PgPool) -> Result<Vec<TaskId>, StoreError> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "SELECT id FROM task WHERE NOT done AND next_at IS NOT NULL AND next_at < now() + interval '60 seconds'
         ORDER BY next_at LIMIT 20000",
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::at("read moving tasks"))?;
    Ok(ids.into_iter().map(TaskId).collect())
}

/// The next look of a task that a look left at `version`.
pub struct Look {
    pub task: TaskId,
    pub version: u64,
    pub next: Option<DateTime<Utc>>,
}

/// Sets the next looks; a task that has changed since keeps what its change set.
///
/// # Errors
/// When the database does not answer.
pub async fn set_next(connection: &mut PgConnection, looks: &[Look]) -> Result<(), StoreError> {
    let tasks: Vec<Uuid> = looks.iter().map(|l| l.task.0).collect();
    let versions: Vec<i64> = looks
        .iter()
        .map(|l| i64::try_from(l.version).unwrap_or(i64::MAX))
        .collect();
    let next: Vec<Option<DateTime<Utc>>> = looks.iter().map(|l| l.next).collect();
    sqlx::query(
        "UPDATE task SET next_at = n.next FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[]) AS n (id, version, next)
         WHERE task.id = n.id AND task.version = n.version AND NOT task.done AND task.next_at IS DISTINCT FROM n.next",
    )
    .bind(&tasks)
    .bind(&versions)
    .bind(&next)
    .execute(connection)
    .await
    .map_err(StoreError::at("set next looks"))?;
    Ok(())
}
