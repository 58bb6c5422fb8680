//! Tools and channels that executors announced.

use super::StoreError;
use sqlx::PgPool;
use workflow::tool::ToolSpecification;
use workflow::vocabulary::ToolState;

/// A tool's row.
#[derive(sqlx::FromRow, Clone, Debug)]
pub struct ToolRow {
    pub tool_id: String,
    /// JSON text of the ToolSpecification.
    pub spec: String,
    pub version_hash: String,
    pub state: String,
}

/// Every tool, by id.
///
/// # Errors
/// When the database does not answer.
pub async fn tools(pool: &PgPool) -> Result<Vec<ToolRow>, StoreError> {
    sqlx::query_as("SELECT tool_id, spec, version_hash, state FROM tool ORDER BY tool_id")
        .fetch_all(pool)
        .await
        .map_err(StoreError::at("read the catalog"))
}

/// Names of all channels.
///
/// # Errors
/// When the database does not answer.
pub async fn channels(pool: &PgPool) -> Result<Vec<String>, StoreError> {
    sqlx::query_scalar("SELECT name FROM channel ORDER BY name")
        .fetch_all(pool)
        .await
        .map_err(StoreError::at("read the channels"))
}

/// Writes a tool's definition and state.
///
/// # Errors
/// When the database does not answer.
pub async fn store_tool(
    pool: &PgPool,
    spec: &ToolSpecification,
    document: &str,
    state: ToolState,
    by: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO tool (tool_id, spec, version_hash, source, state, announced_by, announced_at)
         VALUES ($1, $2, $3, $4, $5, $6, now())
         ON CONFLICT (tool_id) DO UPDATE SET spec = excluded.spec, version_hash = excluded.version_hash,
             source = excluded.source, state = excluded.state, announced_by = excluded.announced_by, announced_at = now()",
    )
    .bind(&spec.tool_id)
    .bind(document)
    .bind(spec.version_hash().to_string())
    .bind(serde_json::to_value(spec.source).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default())
    .bind(state.as_str())
    .bind(by)
    .execute(pool)
    .await
    .map_err(StoreError::at("store a tool"))?;
    Ok(())
}

/// Suspends a tool.
///
/// # Errors
/// When the database does not answer.
pub async fn suspend_tool(pool: &PgPool, tool_id: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE tool SET state = 'suspended' WHERE tool_id = $1 AND state = 'active'")
        .bind(tool_id)
        .execute(pool)
        .await
        .map_err(StoreError::at("suspend a tool"))?;
    Ok(())
}

/// Writes a channel.
///
/// # Errors
/// When the database does not answer.
pub async fn store_channel(pool: &PgPool, name: &str, kind: &str, effects: &str) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO channel (name, kind, effects, announced_at) VALUES ($1, $2, $3, now())
         ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, effects = excluded.effects, announced_at = now()",
    )
    .bind(name)
    .bind(kind)
    .bind(effects)
    .execute(pool)
    .await
    .map_err(StoreError::at("store a channel"))?;
    Ok(())
}
