//! Tools as the catalog has them, and the channels that executors announced.

pub mod announcing;
pub mod days;
pub mod keys;
pub mod signals;
pub mod telling;
pub mod writing;

use super::StoreError;
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use sqlx::postgres::PgConnection;
use std::collections::BTreeMap;

/// Silent this long, an executor serves nothing any more.
const SILENCE_SECONDS: f64 = 30.0;

/// A tool's row.
#[derive(sqlx::FromRow, Clone, Debug, PartialEq)]
pub struct ToolRow {
    pub tool_id: String,
    /// Whose it is; empty: every tenant's.
    pub tenant: String,
    /// JSON text of the ToolSpecification in force.
    pub spec: String,
    pub version_hash: String,
    /// builtin | mcp | api
    pub source: String,
    pub category: String,
    /// What searching looks through.
    pub words: String,
    pub state: String,
    /// announced | registered
    pub origin: String,
    /// The caller's document, of registered tools.
    pub registration: Option<String>,
    /// JSON text of the ToolSpecification that waits for approval.
    pub pending: Option<String>,
    pub pending_hash: Option<String>,
    /// Suspended by a person, whatever its server says since.
    pub stopped: bool,
    pub announced_by: Option<String>,
    pub announced_at: Option<DateTime<Utc>>,
    /// Who decided on it last, and when; empty: nobody but the executor that found it.
    pub changed_by: String,
    pub changed_at: DateTime<Utc>,
    /// Rises with every write.
    pub revision: i64,
    /// Number of the last event told of it.
    pub events: i64,
}

/// A tool's row, and whether some live executor serves it.
#[derive(sqlx::FromRow, Clone, Debug)]
pub struct ListedTool {
    #[sqlx(flatten)]
    pub row: ToolRow,
    pub available: bool,
}

/// Which tools; empty means any.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Its own, and what is every tenant's.
    pub tenant: String,
    /// In lower case; all have to occur.
    pub words: Vec<String>,
    pub category: String,
    pub source: String,
    /// Empty: all but removed ones.
    pub state: String,
    pub available: Option<bool>,
}

macro_rules! columns {
    () => {
        "t.tool_id, t.tenant, t.spec, t.version_hash, t.source, t.category, t.words, t.state, t.origin, t.registration, \
         t.pending, t.pending_hash, t.stopped, t.announced_by, t.announced_at, t.changed_by, t.changed_at, t.revision, t.events"
    };
}
macro_rules! served {
    () => {
        "WITH served AS (
             SELECT DISTINCT unnest(a.tool_ids) AS tool_id FROM tool_announcement a
             WHERE EXISTS (SELECT 1 FROM beat b WHERE b.worker_id = a.worker_id
                 AND b.at > now() - make_interval(secs => $1)))"
    };
}

/// Tools with ids above `after`, by id.
///
/// # Errors
/// When the database does not answer.
pub async fn list(pool: &PgPool, filter: &Filter, after: &str, limit: i64) -> Result<Vec<ListedTool>, StoreError> {
    sqlx::query_as(concat!(
        served!(),
        " SELECT ",
        columns!(),
        ", s.tool_id IS NOT NULL AS available
         FROM tool t LEFT JOIN served s USING (tool_id)
         WHERE t.tenant IN ('', $9) AND t.tool_id > $2 AND CASE WHEN $3 = '' THEN t.state <> 'removed' ELSE t.state = $3 END
             AND ($4 = '' OR t.category = $4) AND ($5 = '' OR t.source = $5)
             AND ($6::bool IS NULL OR (s.tool_id IS NOT NULL) = $6)
             AND NOT EXISTS (SELECT 1 FROM unnest($7::text[]) AS word WHERE strpos(t.words, word) = 0)
         ORDER BY t.tool_id LIMIT $8"
    ))
    .bind(SILENCE_SECONDS)
    .bind(after)
    .bind(&filter.state)
    .bind(&filter.category)
    .bind(&filter.source)
    .bind(filter.available)
    .bind(&filter.words)
    .bind(limit)
    .bind(&filter.tenant)
    .fetch_all(pool)
    .await
    .map_err(StoreError::at("list tools"))
}

/// One tool, where the tenant sees it.
///
/// # Errors
/// When the database does not answer.
pub async fn find(pool: &PgPool, tenant: &str, tool_id: &str) -> Result<Option<ListedTool>, StoreError> {
    sqlx::query_as(concat!(
        served!(),
        " SELECT ",
        columns!(),
        ", EXISTS (SELECT 1 FROM served s WHERE s.tool_id = t.tool_id) AS available
         FROM tool t WHERE t.tool_id = $2 AND t.tenant IN ('', $3)"
    ))
    .bind(SILENCE_SECONDS)
    .bind(tool_id)
    .bind(tenant)
    .fetch_optional(pool)
    .await
    .map_err(StoreError::at("read a tool"))
}

/// These tools, by id.
///
/// # Errors
/// When the database does not answer.
pub async fn some(pool: &PgPool, tool_ids: &[String]) -> Result<Vec<ToolRow>, StoreError> {
    sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM tool t WHERE t.tool_id = ANY($1) ORDER BY t.tool_id"
    ))
    .bind(tool_ids)
    .fetch_all(pool)
    .await
    .map_err(StoreError::at("read tools of the catalog"))
}

/// Every tool, by id.
///
/// # Errors
/// When the database does not answer.
pub async fn all(pool: &PgPool) -> Result<Vec<ToolRow>, StoreError> {
    sqlx::query_as(concat!("SELECT ", columns!(), " FROM tool t ORDER BY t.tool_id"))
        .fetch_all(pool)
        .await
        .map_err(StoreError::at("read the catalog"))
}

/// Id and revision of every tool, by id: what tells whether anything changed.
///
/// # Errors
/// When the database does not answer.
pub async fn revisions(pool: &PgPool) -> Result<Vec<(String, i64)>, StoreError> {
    sqlx::query_as("SELECT tool_id, revision FROM tool ORDER BY tool_id")
        .fetch_all(pool)
        .await
        .map_err(StoreError::at("read the catalog's revisions"))
}

/// Ids that live executors serve, in order; none where no executor lives.
///
/// # Errors
/// When the database does not answer.
pub async fn served(pool: &PgPool) -> Result<Option<Vec<String>>, StoreError> {
    let rows: Vec<Option<String>> = sqlx::query_scalar(
        "SELECT DISTINCT served.tool_id FROM tool_announcement a
         LEFT JOIN LATERAL unnest(a.tool_ids) AS served (tool_id) ON true
         WHERE EXISTS (SELECT 1 FROM beat b WHERE b.worker_id = a.worker_id
             AND b.at > now() - make_interval(secs => $1))
         ORDER BY served.tool_id",
    )
    .bind(SILENCE_SECONDS)
    .fetch_all(pool)
    .await
    .map_err(StoreError::at("read what executors serve"))?;
    Ok((!rows.is_empty()).then(|| rows.into_iter().flatten().collect()))
}

/// Locks the rows of these tools in the order of their ids, as everybody does.
///
/// # Errors
/// When the database does not answer.
pub async fn lock(connection: &mut PgConnection, tool_ids: &[String]) -> Result<Vec<ToolRow>, StoreError> {
    sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM tool t WHERE t.tool_id = ANY($1) ORDER BY t.tool_id FOR UPDATE"
    ))
    .bind(tool_ids)
    .fetch_all(connection)
    .await
    .map_err(StoreError::at("lock tools"))
}

/// How many tools the tenant, and all tenants together, have registered and not removed. Who counts is alone with that until
/// its transaction ends.
///
/// # Errors
/// When the database does not answer.
pub async fn registered(connection: &mut PgConnection, tenant: &str) -> Result<(i64, i64), StoreError> {
    signals::lock(connection).await?;
    sqlx::query_as(
        "SELECT count(*) FILTER (WHERE tenant = $1), count(*) FROM tool
         WHERE registration IS NOT NULL AND state <> 'removed'",
    )
    .bind(tenant)
    .fetch_one(connection)
    .await
    .map_err(StoreError::at("count registered tools"))
}

/// How many tools of each of these servers and APIs were ever found, those that are gone included.
///
/// # Errors
/// When the database does not answer.
pub async fn counts(connection: &mut PgConnection, sources: &[String]) -> Result<BTreeMap<String, i64>, StoreError> {
    let counted: Vec<(String, i64)> = sqlx::query_as(
        "SELECT split_part(tool_id, '.', 1), count(*) FROM tool
         WHERE split_part(tool_id, '.', 1) = ANY($1) AND tool_id LIKE '%.%' GROUP BY 1",
    )
    .bind(sources)
    .fetch_all(connection)
    .await
    .map_err(StoreError::at("count the tools of a source"))?;
    Ok(counted.into_iter().collect())
}

/// Registered tools that are in use: the callers' documents, by id.
///
/// # Errors
/// When the database does not answer.
pub async fn registrations(pool: &PgPool) -> Result<Vec<String>, StoreError> {
    sqlx::query_scalar(
        "SELECT registration FROM tool WHERE registration IS NOT NULL AND state = 'active' ORDER BY tool_id",
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::at("read registered tools"))
}

/// What is in force of a tool that is every tenant's.
#[derive(sqlx::FromRow, Clone, Debug)]
pub struct InForce {
    pub tool_id: String,
    /// Hash of its definition. Where somebody took the tool out of use the state stands there, which no definition hashes
    /// to; one that only changed keeps what was approved.
    pub definition: String,
    pub active: bool,
}

/// Of these tools, those that the catalog knows.
///
/// # Errors
/// When the database does not answer.
pub async fn in_force(pool: &PgPool, tool_ids: &[String]) -> Result<Vec<InForce>, StoreError> {
    if tool_ids.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_as(
        "SELECT tool_id, state = 'active' AS active,
             CASE WHEN state = 'active' OR (state = 'suspended' AND NOT stopped)
                 THEN version_hash ELSE state END AS definition
         FROM tool WHERE tool_id = ANY($1) AND tenant = ''",
    )
    .bind(tool_ids)
    .fetch_all(pool)
    .await
    .map_err(StoreError::at("read definitions in force"))
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

/// A tool as an executor announced it, in a state of a test's choice.
#[cfg(test)]
pub async fn put(pool: &PgPool, spec: &workflow::tool::ToolSpecification, state: workflow::vocabulary::ToolState) {
    use crate::catalog::announced::{Said, announced};
    use crate::catalog::transitions::{By, Definition};
    let document = serde_json::to_string(spec).unwrap();
    let found = Definition {
        spec,
        document: &document,
    };
    let by = By {
        actor: "executor-1",
        at: DateTime::UNIX_EPOCH,
    };
    let mut row = announced(None, &found, &Said::default(), by).unwrap().row;
    row.state = state.as_str().to_owned();
    let mut connection = pool.acquire().await.unwrap();
    assert_eq!(writing::insert(&mut connection, &[&row]).await.unwrap().len(), 1);
}
