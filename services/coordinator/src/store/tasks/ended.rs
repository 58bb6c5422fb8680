//! Ended tasks with everything that is kept of them, many at a time.

use super::{CostTotals, task_of};
use crate::store::StoreError;
use crate::store::rollouts::{self, AssignmentLine};
use chrono::{DateTime, Utc};
use futures::{Stream, StreamExt};
use sqlx::PgPool;
use sqlx::postgres::PgConnection;
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;
use workflow::ids::TaskId;
use workflow::state::{PayloadNo, Task};

/// An ended task, without its payloads.
#[derive(Debug)]
pub struct Ended {
    pub task: Task,
    /// In the order they opened.
    pub gates: Vec<GateLine>,
    /// In the order they were told.
    pub costs: Vec<CostLine>,
    /// By role.
    pub given: Vec<AssignmentLine>,
}

/// A gate and how it was closed.
#[derive(sqlx::FromRow, Clone, Debug, PartialEq)]
pub struct GateLine {
    pub task_id: Uuid,
    pub id: Uuid,
    pub kind: String,
    pub step_key: Option<String>,
    pub opened_at: DateTime<Utc>,
    pub action: Option<String>,
    pub actor: Option<String>,
    pub decided_at: Option<DateTime<Utc>>,
    pub feedback: Option<String>,
}

/// What one run used.
#[derive(sqlx::FromRow, Clone, Debug, PartialEq)]
pub struct CostLine {
    pub task_id: Uuid,
    pub job_id: Uuid,
    /// What the job was for; none: its runs told nothing of themselves that was kept.
    pub kind: Option<String>,
    pub usd_micros: Option<i64>,
    /// That is what is known of the price, and not the whole.
    pub partly_priced: bool,
    pub input_tokens: i64,
    pub output_tokens: i64,
    pub calls: i64,
    pub model: String,
    pub estimated: bool,
    pub at: DateTime<Utc>,
}

/// A stored document.
#[derive(Debug)]
pub struct StoredPayload {
    pub task: TaskId,
    pub no: PayloadNo,
    pub kind: String,
    pub text: Arc<str>,
}

impl Ended {
    /// The sums of its costs.
    pub fn totals(&self) -> CostTotals {
        self.costs.iter().fold(CostTotals::default(), |sum, line| CostTotals {
            usd_micros: sum.usd_micros.saturating_add(line.usd_micros.unwrap_or(0)),
            calls: sum.calls.saturating_add(line.calls),
            input_tokens: sum.input_tokens.saturating_add(line.input_tokens),
            output_tokens: sum.output_tokens.saturating_add(line.output_tokens),
            lines: sum.lines + 1,
            priced: sum.priced + i64::from(line.price().is_some()),
        })
    }
}

impl CostLine {
    /// Micro-USD, where the whole price is known.
    pub fn price(&self) -> Option<i64> {
        self.usd_micros.filter(|_| !self.partly_priced)
    }
}

/// The tasks among `ids` that have ended and are not erased, by id.
///
/// # Errors
/// When the database does not answer, or holds what cannot be read.
pub async fn tasks(pool: &PgPool, ids: &[Uuid]) -> Result<Vec<Ended>, StoreError> {
    let rows: Vec<(Uuid, String, i64, String)> = sqlx::query_as(
        "SELECT id, tenant, version, state FROM task WHERE id = ANY ($1::uuid[]) AND done
             AND erased_at IS NULL ORDER BY id",
    )
    .bind(ids)
    .fetch_all(pool)
    .await
    .map_err(StoreError::at("read ended tasks"))?;
    let gates = gates(pool, ids).await?;
    let costs: Vec<CostLine> = sqlx::query_as(
        "SELECT task_id, job_id, (
             SELECT kind FROM run WHERE (run.task_id, run.job_id) = (cost.task_id, cost.job_id) AND kind IS NOT NULL LIMIT 1
         ) AS kind, usd_micros, partly_priced, input_tokens, output_tokens, calls, model, estimated, at
         FROM cost WHERE task_id = ANY ($1::uuid[]) ORDER BY at, job_id, run_id",
    )
    .bind(ids)
    .fetch_all(pool)
    .await
    .map_err(StoreError::at("read costs of ended tasks"))?;
    let mut given = by_task(rollouts::of_tasks(pool, ids).await?, |g| g.task_id);
    let mut gates = by_task(gates, |g| g.task_id);
    let mut costs = by_task(costs, |c| c.task_id);
    let ended = |(id, tenant, version, state): (Uuid, String, i64, String)| {
        Ok(Ended {
            task: task_of(id, &tenant, version, &state)?,
            gates: gates.remove(&id).unwrap_or_default(),
            costs: costs.remove(&id).unwrap_or_default(),
            given: given.remove(&id).unwrap_or_default(),
        })
    };
    rows.into_iter().map(ended).collect()
}

/// The gates of tasks, in the order they opened.
///
/// # Errors
/// When the database does not answer.
pub async fn gates(pool: &PgPool, ids: &[Uuid]) -> Result<Vec<GateLine>, StoreError> {
    sqlx::query_as(
        "SELECT task_id, id, kind, step_key, opened_at, action, actor, decided_at, feedback
         FROM gate WHERE task_id = ANY ($1::uuid[]) ORDER BY opened_at, id",
    )
    .bind(ids)
    .fetch_all(pool)
    .await
    .map_err(StoreError::at("read gates"))
}

fn by_task<T>(rows: Vec<T>, task: impl Fn(&T) -> Uuid) -> HashMap<Uuid, Vec<T>> {
    let mut groups: HashMap<Uuid, Vec<T>> = HashMap::new();
    for row in rows {
        groups.entry(task(&row)).or_default().push(row);
    }
    groups
}

/// The documents of tasks that a record is made from, by task and number. They come as they are read,
/// so that no more than one task's are held at a time.
pub fn payloads<'c>(
    connection: &'c mut PgConnection,
    ids: &'c [Uuid],
) -> impl Stream<Item = Result<StoredPayload, StoreError>> + Send + 'c {
    let rows = sqlx::query_as::<_, (Uuid, i32, String, String)>(
        "SELECT task_id, no, kind, body FROM payload
         WHERE task_id = ANY ($1::uuid[])
             AND kind IN ('submission', 'plan', 'intent', 'output', 'assessment', 'deliverable')
         ORDER BY task_id, no",
    )
    .bind(ids)
    .fetch(connection);
    rows.map(|row| {
        let (task, no, kind, text) = row.map_err(StoreError::at("read payloads of ended tasks"))?;
        Ok(StoredPayload {
            task: TaskId(task),
            no: PayloadNo(u32::try_from(no).unwrap_or(u32::MAX)),
            kind,
            text: Arc::from(text),
        })
    })
}
