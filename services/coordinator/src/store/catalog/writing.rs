//! Writing the rows of tools, all of an announcement with two statements.

use super::ToolRow;
use crate::store::StoreError;
use chrono::{DateTime, Utc};
use sqlx::postgres::PgConnection;
use std::collections::HashSet;

/// The columns of rows that [`execute`] binds.
macro_rules! rows {
    () => {
        "unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
             $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::timestamptz[], $15::text[],
             $16::timestamptz[], $17::bigint[], $18::boolean[])
         AS n (tool_id, tenant, spec, version_hash, source, category, words, state, origin, registration, pending,
             pending_hash, announced_by, announced_at, changed_by, changed_at, events, stopped)"
    };
}

/// Writes new rows, in the order of their ids; answers those ids that nobody else has taken meanwhile.
///
/// # Errors
/// When the database does not answer.
pub async fn insert(connection: &mut PgConnection, rows: &[&ToolRow]) -> Result<HashSet<String>, StoreError> {
    const INSERT: &str = concat!(
        "INSERT INTO tool (tool_id, tenant, spec, version_hash, source, category, words, state, origin, registration,
             pending, pending_hash, announced_by, announced_at, changed_by, changed_at, events, stopped, revision)
         SELECT n.*, 1 FROM ",
        rows!(),
        " ORDER BY n.tool_id ON CONFLICT (tool_id) DO NOTHING RETURNING tool_id"
    );
    execute(connection, INSERT, rows).await
}

/// Writes rows that are locked; answers their ids.
///
/// # Errors
/// When the database does not answer.
pub async fn update(connection: &mut PgConnection, rows: &[&ToolRow]) -> Result<HashSet<String>, StoreError> {
    const UPDATE: &str = concat!(
        "UPDATE tool t SET tenant = n.tenant, spec = n.spec, version_hash = n.version_hash, source = n.source,
             category = n.category, words = n.words, state = n.state, origin = n.origin, registration = n.registration, pending = n.pending,
             pending_hash = n.pending_hash, announced_by = n.announced_by, announced_at = n.announced_at,
             changed_by = n.changed_by, changed_at = n.changed_at, events = n.events, stopped = n.stopped,
             revision = t.revision + 1
         FROM ",
        rows!(),
        " WHERE t.tool_id = n.tool_id RETURNING t.tool_id"
    );
    execute(connection, UPDATE, rows).await
}

async fn execute(
    connection: &mut PgConnection,
    statement: &'static str,
    rows: &[&ToolRow],
) -> Result<HashSet<String>, StoreError> {
    if rows.is_empty() {
        return Ok(HashSet::new());
    }
    let texts = |of: fn(&ToolRow) -> &str| rows.iter().map(|row| of(row)).collect::<Vec<&str>>();
    let perhaps = |of: fn(&ToolRow) -> Option<&str>| rows.iter().map(|row| of(row)).collect::<Vec<Option<&str>>>();
    let written: Vec<String> = sqlx::query_scalar(statement)
        .bind(texts(|row| &row.tool_id))
        .bind(texts(|row| &row.tenant))
        .bind(texts(|row| &row.spec))
        .bind(texts(|row| &row.version_hash))
        .bind(texts(|row| &row.source))
        .bind(texts(|row| &row.category))
        .bind(texts(|row| &row.words))
        .bind(texts(|row| &row.state))
        .bind(texts(|row| &row.origin))
        .bind(perhaps(|row| row.registration.as_deref()))
        .bind(perhaps(|row| row.pending.as_deref()))
        .bind(perhaps(|row| row.pending_hash.as_deref()))
        .bind(perhaps(|row| row.announced_by.as_deref()))
        .bind(
            rows.iter()
                .map(|row| row.announced_at)
                .collect::<Vec<Option<DateTime<Utc>>>>(),
        )
        .bind(texts(|row| &row.changed_by))
        .bind(rows.iter().map(|row| row.changed_at).collect::<Vec<DateTime<Utc>>>())
        .bind(rows.iter().map(|row| row.events).collect::<Vec<i64>>())
        .bind(rows.iter().map(|row| row.stopped).collect::<Vec<bool>>())
        .fetch_all(connection)
        .await
        .map_err(StoreError::at("write tools"))?;
    Ok(written.into_iter().collect())
}
