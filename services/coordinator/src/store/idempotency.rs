//! Idempotency keys: which task a key of a tenant made.

use super::StoreError;
use sqlx::postgres::PgConnection;
use std::collections::HashMap;
use uuid::Uuid;
use workflow::ids::TaskId;
use workflow::vocabulary::Status;

/// What a key made: body hash, task, and the task's status now.
pub type Known = (String, TaskId, Status);

/// The keys among `wanted` (tenant, key) that were used before.
///
/// # Errors
/// When the database does not answer.
pub async fn known(
    connection: &mut PgConnection,
    wanted: &[(String, String)],
) -> Result<HashMap<(String, String), Known>, StoreError> {
    let tenants: Vec<&str> = wanted.iter().map(|(t, _)| t.as_str()).collect();
    let keys: Vec<&str> = wanted.iter().map(|(_, k)| k.as_str()).collect();
    let rows: Vec<(String, String, String, Uuid, String)> = sqlx::query_as(
        "SELECT i.tenant, i.key, i.body_hash, i.task_id, t.status
         FROM unnest($1::text[], $2::text[]) AS w (tenant, key)
         JOIN idempotency i ON i.tenant = w.tenant AND i.key = w.key
         JOIN task t ON t.id = i.task_id",
    )
    .bind(&tenants)
    .bind(&keys)
    .fetch_all(connection)
    .await
    .map_err(StoreError::at("read idempotency keys"))?;
    let known = rows.into_iter().map(|(tenant, key, hash, task, status)| {
        let status = Status::parse(&status).unwrap_or(Status::Submitted);
        ((tenant, key), (hash, TaskId(task), status))
    });
    Ok(known.collect())
}
