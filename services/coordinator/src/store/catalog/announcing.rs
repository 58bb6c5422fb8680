//! What each executor serves, as it said last.

use crate::store::StoreError;
use sqlx::PgPool;
use sqlx::postgres::PgConnection;

/// Announcements of executors that are gone are forgotten after this: long after any outage in which those that live could
/// not announce, since their words are needed after it.
const FORGOTTEN_SECONDS: f64 = 86_400.0;
/// An executor that announced so much earlier than another one did is not there any more, or its word would have been
/// renewed: three announcements are missing. Measured between the two, so that a time in which nobody could announce
/// counts for nothing.
const SILENT_SECONDS: f64 = 180.0;

/// What one executor said of one tool.
#[derive(sqlx::FromRow, Clone, Debug, PartialEq)]
pub struct Saying {
    pub tool_id: String,
    /// Of the definition.
    pub hash: String,
    /// It is the one that was asked for.
    pub own: bool,
}

/// What `worker_id` said of these tools last, and what others say who were heard about as lately.
///
/// # Errors
/// When the database does not answer.
pub async fn said(
    connection: &mut PgConnection,
    worker_id: &str,
    tool_ids: &[&str],
) -> Result<Vec<Saying>, StoreError> {
    if tool_ids.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_as(
        "SELECT said.tool_id, said.hash, a.worker_id = $1 AS own
         FROM tool_announcement a, unnest(a.tool_ids, a.hashes) AS said (tool_id, hash)
         WHERE said.tool_id = ANY($2) AND said.hash IS NOT NULL AND (a.worker_id = $1 OR
             a.at > coalesce((SELECT own.at FROM tool_announcement own WHERE own.worker_id = $1), now())
                 - make_interval(secs => $3))",
    )
    .bind(worker_id)
    .bind(tool_ids)
    .bind(SILENT_SECONDS)
    .fetch_all(connection)
    .await
    .map_err(StoreError::at("read what executors said"))
}

/// An executor says what it serves, ids and hashes in one order, looked up for discovery `discover`. In the transaction
/// that acts on it: what nobody acted on was not said.
///
/// # Errors
/// When the database does not answer.
pub async fn note(
    connection: &mut PgConnection,
    worker_id: &str,
    (tool_ids, hashes): (&[String], &[String]),
    discover: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO tool_announcement (worker_id, tool_ids, hashes, discover, at) VALUES ($1, $2, $3, $4, now())
         ON CONFLICT (worker_id) DO UPDATE SET tool_ids = excluded.tool_ids, hashes = excluded.hashes, at = now(),
             discover = greatest(tool_announcement.discover, excluded.discover)",
    )
    .bind(worker_id)
    .bind(tool_ids)
    .bind(hashes)
    .bind(discover)
    .execute(connection)
    .await
    .map_err(StoreError::at("note what an executor serves"))?;
    Ok(())
}

/// Forgets executors that are gone.
///
/// # Errors
/// When the database does not answer.
pub async fn forget(pool: &PgPool) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM tool_announcement WHERE worker_id IN (
             SELECT worker_id FROM tool_announcement WHERE at < now() - make_interval(secs => $1)
             FOR UPDATE SKIP LOCKED)",
    )
    .bind(FORGOTTEN_SECONDS)
    .execute(pool)
    .await
    .map_err(StoreError::at("forget executors that are gone"))?;
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
