//! Tasks as people and the learner read them. Nothing here is locked or decided on.

pub mod ended;
pub mod lists;
pub mod used;

use super::{StoreError, load, payloads};
use crate::work::body;
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;
use workflow::ids::{Serial, TaskId};
use workflow::state::{PayloadNo, Task};
use workflow::vocabulary::EffectClass;

/// Texts of payloads by number.
pub type Texts = HashMap<PayloadNo, Arc<str>>;

/// What the runs of a task used, as far as workers told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct CostTotals {
    /// As far as prices are known.
    pub usd_micros: i64,
    pub calls: i64,
    pub input_tokens: i64,
    pub output_tokens: i64,
    /// Runs that used something.
    pub lines: i64,
    /// Those among them whose whole price is known.
    pub priced: i64,
}

/// A line of the effect ledger, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct EffectLine {
    /// Who receives it.
    pub target: String,
    pub class: Option<EffectClass>,
    /// intended, sent, confirmed, rejected or unknown.
    pub state: String,
    pub at: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
struct FoundRow {
    version: i64,
    state: String,
    #[sqlx(flatten)]
    costs: CostTotals,
}

/// A task of a tenant, with what it cost; none where the tenant has no such task.
///
/// # Errors
/// When the database does not answer, or holds what cannot be read.
pub async fn find(pool: &PgPool, tenant: &str, id: TaskId) -> Result<Option<(Task, CostTotals)>, StoreError> {
    let row: Option<FoundRow> = sqlx::query_as(
        "SELECT t.version, t.state, c.usd_micros, c.calls, c.input_tokens, c.output_tokens, c.lines, c.priced
         FROM task t
         CROSS JOIN LATERAL (
             SELECT LEAST(coalesce(sum(usd_micros), 0), 9223372036854775807)::bigint AS usd_micros,
                 LEAST(coalesce(sum(calls), 0), 9223372036854775807)::bigint AS calls,
                 LEAST(coalesce(sum(input_tokens), 0), 9223372036854775807)::bigint AS input_tokens,
                 LEAST(coalesce(sum(output_tokens), 0), 9223372036854775807)::bigint AS output_tokens,
                 count(*) AS lines, count(usd_micros) FILTER (WHERE NOT partly_priced) AS priced
             FROM cost WHERE task_id = t.id) c
         WHERE t.id = $1 AND t.tenant = $2",
    )
    .bind(id.0)
    .bind(tenant)
    .fetch_optional(pool)
    .await
    .map_err(StoreError::at("read a task"))?;
    let Some(FoundRow { version, state, costs }) = row else {
        return Ok(None);
    };
    Ok(Some((task_of(id.0, tenant, version, &state)?, costs)))
}

/// Whether the tenant has that task.
///
/// # Errors
/// When the database does not answer.
pub async fn is_owned(pool: &PgPool, tenant: &str, id: TaskId) -> Result<bool, StoreError> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM task WHERE id = $1 AND tenant = $2)")
        .bind(id.0)
        .bind(tenant)
        .fetch_one(pool)
        .await
        .map_err(StoreError::at("look for a task"))
}

/// Texts of a task's payloads; of blobs together at most `most` bytes, the others stay names.
///
/// # Errors
/// When the database does not answer.
pub async fn texts(pool: &PgPool, task: TaskId, numbers: &[PayloadNo], most: u64) -> Result<Texts, StoreError> {
    let wanted: Vec<(TaskId, PayloadNo)> = numbers.iter().map(|no| (task, *no)).collect();
    let mut connection = pool.acquire().await.map_err(StoreError::at("connect"))?;
    let bodies = load::bodies(&mut connection, &wanted).await?;
    drop(connection);
    let mut texts = bodies.into_iter().map(|((_, no), text)| (no, text)).collect();
    open_blobs(pool, task, &mut texts, most).await?;
    Ok(texts)
}

/// Puts the content in the place of a blob's name, in the order of numbers, while it fits.
///
/// # Errors
/// When the database does not answer.
pub async fn open_blobs(pool: &PgPool, task: TaskId, texts: &mut Texts, most: u64) -> Result<(), StoreError> {
    let named = texts.iter().filter_map(|(no, text)| Some((*no, body::as_blob(text)?)));
    let mut named: Vec<_> = named.collect();
    named.sort_unstable_by_key(|(no, _)| *no);
    let mut left = most;
    for (no, blob) in named {
        if blob.size > left {
            continue;
        }
        let Some(bytes) = payloads::get(pool, task, &blob.sha256).await? else {
            continue;
        };
        left = left.saturating_sub(bytes.len() as u64);
        if let Ok(text) = String::from_utf8(bytes) {
            texts.insert(no, Arc::from(text));
        }
    }
    Ok(())
}

/// What a task did outside, or tried to, oldest first.
///
/// # Errors
/// When the database does not answer.
pub async fn effects(pool: &PgPool, task: TaskId) -> Result<Vec<EffectLine>, StoreError> {
    // The ids of a task's jobs lie side by side, so the ledger's key serves as its index by task.
    let rows: Vec<(String, String, String, DateTime<Utc>)> = sqlx::query_as(
        "SELECT target, class, state, updated_at FROM effect
         WHERE job_id BETWEEN $1 AND $2 AND task_id = $3 ORDER BY updated_at, job_id, ordinal",
    )
    .bind(task.job(Serial(0)).0)
    .bind(task.job(Serial(u32::MAX)).0)
    .bind(task.0)
    .fetch_all(pool)
    .await
    .map_err(StoreError::at("read the effect ledger"))?;
    let line = |(target, class, state, at): (String, String, String, DateTime<Utc>)| EffectLine {
        target,
        class: EffectClass::parse(&class),
        state,
        at,
    };
    Ok(rows.into_iter().map(line).collect())
}

/// Documents that tell why a task went as it did: plans of all versions and judgements, in order, by kind.
///
/// # Errors
/// When the database does not answer.
pub async fn reasons(pool: &PgPool, task: TaskId, most: i64) -> Result<Vec<(String, String)>, StoreError> {
    sqlx::query_as(
        "SELECT kind, body FROM payload WHERE task_id = $1 AND kind IN ('intent', 'plan', 'assessment')
         ORDER BY no LIMIT $2",
    )
    .bind(task.0)
    .bind(most)
    .fetch_all(pool)
    .await
    .map_err(StoreError::at("read plans and judgements"))
}

/// A task from its columns.
fn task_of(id: Uuid, tenant: &str, version: i64, state: &str) -> Result<Task, StoreError> {
    let mut task: Task = serde_json::from_str(state).map_err(|source| StoreError::Corrupt {
        what: "the state",
        task: id,
        source,
    })?;
    task.id = TaskId(id);
    tenant.clone_into(&mut task.tenant);
    task.version = u64::try_from(version).unwrap_or(0);
    Ok(task)
}

#[cfg(test)]
mod tests;
