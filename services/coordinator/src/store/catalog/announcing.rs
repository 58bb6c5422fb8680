//! What each executor serves, as it said last.

use crate::store::StoreError;
use sqlx::PgPool;

/// Announcements of executors that are gone are forgotten after this; one that lives announces every minute.
const FORGOTTEN_SECONDS: f64 = 600.0;

/// An executor says what it serves, looked up for discovery `discover`.
///
/// # Errors
/// When the database does not answer.
pub async fn note(pool: &PgPool, worker_id: &str, tool_ids: &[String], discover: i64) -> Result<(), StoreError> {
    sqlx::query(
        "WITH gone AS (
             DELETE FROM tool_announcement WHERE at < now() - make_interval(secs => $4) AND worker_id <> $1)
         INSERT INTO tool_announcement (worker_id, tool_ids, discover, at) VALUES ($1, $2, $3, now())
         ON CONFLICT (worker_id) DO UPDATE SET tool_ids = excluded.tool_ids, at = now(),
             discover = greatest(tool_announcement.discover, excluded.discover)",
    )
    .bind(worker_id)
    .bind(tool_ids)
    .bind(discover)
    .bind(FORGOTTEN_SECONDS)
    .execute(pool)
    .await
    .map_err(StoreError::at("note what an executor serves"))?;
    Ok(())
}

/// How many live executors have not announced yet what they found for discovery `discover`.
///
/// # Errors
/// When the database does not answer.
pub async fn missing(pool: &PgPool, discover: i64) -> Result<i64, StoreError> {
    sqlx::query_scalar(
        "SELECT count(DISTINCT b.worker_id) FROM beat b
         WHERE b.kind = 'execute' AND b.at > now() - interval '15 seconds' AND NOT EXISTS (
             SELECT 1 FROM tool_announcement a WHERE a.worker_id = b.worker_id AND a.discover >= $1)",
    )
    .bind(discover)
    .fetch_one(pool)
    .await
    .map_err(StoreError::at("look who has announced"))
}
