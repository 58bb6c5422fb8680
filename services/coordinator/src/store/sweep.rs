//! Which tasks the sweeper looks at.

use super::StoreError;
use sqlx::PgPool;
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

/// Sets the next look of a task that a look left as it was.
///
/// # Errors
/// When the database does not answer.
pub async fn set_next(
    pool: &PgPool,
    task: TaskId,
    version: u64,
    next: Option<chrono::DateTime<chrono::Utc>>,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE task SET next_at = $3 WHERE id = $1 AND version = $2 AND next_at IS DISTINCT FROM $3")
        .bind(task.0)
        .bind(i64::try_from(version).unwrap_or(i64::MAX))
        .bind(next)
        .execute(pool)
        .await
        .map_err(StoreError::at("set a task's next look"))?;
    Ok(())
}
