//! Idempotency keys of registrations: which tool a key of a tenant made.

use crate::store::StoreError;
use sqlx::postgres::PgConnection;

/// Takes the key in the registering transaction; answers the body hash and tool it stands for already. A twin that is
/// under way is waited for.
///
/// # Errors
/// When the database does not answer.
pub async fn take(
    connection: &mut PgConnection,
    (tenant, key): (&str, &str),
    body_hash: &str,
    tool_id: &str,
) -> Result<Option<(String, String)>, StoreError> {
    let taken = sqlx::query(
        "INSERT INTO tool_key (tenant, key, body_hash, tool_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
    )
    .bind(tenant)
    .bind(key)
    .bind(body_hash)
    .bind(tool_id)
    .execute(&mut *connection)
    .await
    .map_err(StoreError::at("take a key"))?;
    if taken.rows_affected() == 1 {
        return Ok(None);
    }
    sqlx::query_as("SELECT body_hash, tool_id FROM tool_key WHERE tenant = $1 AND key = $2")
        .bind(tenant)
        .bind(key)
        .fetch_optional(connection)
        .await
        .map_err(StoreError::at("read a key"))
}
