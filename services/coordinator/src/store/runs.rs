//! What runs told of themselves.

use super::{StoreError, to_db};
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use sqlx::postgres::PgConnection;
use std::collections::HashSet;
use uuid::Uuid;
use workflow::ids::{JobId, RunId, TaskId};
use workflow::time::Timestamp;

/// Runs kept of one task; further ones are not.
pub const MAX_RUNS: i64 = 500;
/// Bytes of calls kept of one task, about.
pub const MAX_BYTES: i64 = 8 << 20;

/// Postponed runs kept of one job, the last ones: an outage hands the same job back again and again.
pub const MAX_POSTPONED: i64 = 3;

/// A run to keep.
#[derive(Clone, Debug)]
pub struct RunRow {
    pub task: TaskId,
    pub job: JobId,
    pub run: RunId,
    /// What its job was for, while that was known.
    pub of: Option<RunOf>,
    pub outcome: &'static str,
    pub error: String,
    pub message: String,
    pub counted: bool,
    pub started_at: Timestamp,
    pub finished_at: Timestamp,
    /// A JSON array.
    pub calls: String,
}

/// What a run's job was for.
#[derive(Clone, Debug)]
pub struct RunOf {
    pub kind: &'static str,
    pub step_key: Option<String>,
    pub plan_version: u32,
    pub round: u32,
    pub attempt: u32,
}

/// A run that was kept.
#[derive(sqlx::FromRow, Clone, Debug)]
pub struct RunLine {
    pub job_id: Uuid,
    pub run_id: Uuid,
    pub kind: Option<String>,
    pub step_key: Option<String>,
    pub plan_version: Option<i32>,
    pub round: Option<i32>,
    pub attempt: Option<i32>,
    pub outcome: String,
    pub error: String,
    pub message: String,
    pub counted: bool,
    pub started_at: DateTime<Utc>,
    pub finished_at: DateTime<Utc>,
    pub calls: String,
}

/// Keeps runs and tells which are new; of one that was kept already the first word stands.
///
/// # Errors
/// When the database does not answer.
pub async fn keep(connection: &mut PgConnection, rows: &[RunRow]) -> Result<HashSet<RunId>, StoreError> {
    let of = |of: fn(&RunOf) -> u32| {
        let number = |row: &RunRow| row.of.as_ref().map(|o| i32::try_from(of(o)).unwrap_or(i32::MAX));
        rows.iter().map(number).collect::<Vec<_>>()
    };
    let ids = |id: fn(&RunRow) -> Uuid| rows.iter().map(id).collect::<Vec<_>>();
    let times = |at: fn(&RunRow) -> Timestamp| rows.iter().map(|row| to_db(at(row))).collect::<Vec<_>>();
    let texts = |text: for<'r> fn(&'r RunRow) -> &'r str| rows.iter().map(text).collect::<Vec<_>>();
    let kinds: Vec<Option<&str>> = rows.iter().map(|row| row.of.as_ref().map(|o| o.kind)).collect();
    let steps: Vec<Option<&str>> = rows
        .iter()
        .map(|row| row.of.as_ref().and_then(|o| o.step_key.as_deref()))
        .collect();
    let counted: Vec<bool> = rows.iter().map(|row| row.counted).collect();
    let new: Vec<Uuid> = sqlx::query_scalar(
        "INSERT INTO run (task_id, job_id, run_id, kind, step_key, plan_version, round, attempt, outcome, error,
             counted, started_at, finished_at, calls, message)
         SELECT n.* FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::int[], $7::int[],
             $8::int[], $9::text[], $10::text[], $11::bool[], $12::timestamptz[], $13::timestamptz[], $14::text[],
             $17::text[])
             AS n (task_id, job_id, run_id, kind, step_key, plan_version, round, attempt, outcome, error, counted,
                 started_at, finished_at, calls, message)
         CROSS JOIN LATERAL (
             SELECT count(*) AS runs, coalesce(sum(octet_length(calls)), 0) AS bytes FROM run
             WHERE run.task_id = n.task_id) kept
         WHERE kept.runs < $15 AND kept.bytes < $16
             AND NOT EXISTS (SELECT 1 FROM task WHERE task.id = n.task_id AND task.erased_at IS NOT NULL)
         ON CONFLICT (task_id, job_id, run_id) DO NOTHING RETURNING run_id",
    )
    .bind(ids(|row| row.task.0))
    .bind(ids(|row| row.job.0))
    .bind(ids(|row| row.run.0))
    .bind(kinds)
    .bind(steps)
    .bind(of(|o| o.plan_version))
    .bind(of(|o| o.round))
    .bind(of(|o| o.attempt))
    .bind(texts(|row| row.outcome))
    .bind(texts(|row| &row.error))
    .bind(counted)
    .bind(times(|row| row.started_at))
    .bind(times(|row| row.finished_at))
    .bind(texts(|row| &row.calls))
    .bind(MAX_RUNS)
    .bind(MAX_BYTES)
    .bind(texts(|row| &row.message))
    .fetch_all(&mut *connection)
    .await
    .map_err(StoreError::at("keep what runs told"))?;
    let postponed = rows
        .iter()
        .filter(|row| row.outcome == "released" && !row.error.is_empty());
    let (tasks, jobs): (Vec<Uuid>, Vec<Uuid>) = postponed.map(|row| (row.task.0, row.job.0)).unzip();
    if !tasks.is_empty() {
        forget_postponed(connection, &tasks, &jobs).await?;
    }
    Ok(new.into_iter().map(RunId).collect())
}

/// Leaves the last postponed runs of each of the jobs.
async fn forget_postponed(connection: &mut PgConnection, tasks: &[Uuid], jobs: &[Uuid]) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM run USING (
             SELECT task_id, job_id, run_id, row_number() OVER (
                 PARTITION BY task_id, job_id ORDER BY finished_at DESC, run_id) AS place
             FROM run JOIN (SELECT DISTINCT * FROM unnest($1::uuid[], $2::uuid[]) AS n (task_id, job_id)) told
                 USING (task_id, job_id)
             WHERE outcome = 'released' AND error <> '') old
         WHERE old.place > $3
             AND (run.task_id, run.job_id, run.run_id) = (old.task_id, old.job_id, old.run_id)",
    )
    .bind(tasks)
    .bind(jobs)
    .bind(MAX_POSTPONED)
    .execute(connection)
    .await
    .map_err(StoreError::at("forget postponed runs"))?;
    Ok(())
}

/// Runs of a task, in the order they began.
///
/// # Errors
/// When the database does not answer.
pub async fn of_task(pool: &PgPool, task: TaskId) -> Result<Vec<RunLine>, StoreError> {
    sqlx::query_as(
        "SELECT job_id, run_id, kind, step_key, plan_version, round, attempt, outcome, error, message, counted,
             started_at, finished_at, calls
         FROM run WHERE task_id = $1 ORDER BY started_at, job_id, run_id",
    )
    .bind(task.0)
    .fetch_all(pool)
    .await
    .map_err(StoreError::at("read what runs told"))
}

/// A job that was handed back, and why.
#[derive(sqlx::FromRow, Clone, Debug)]
pub struct Postponed {
    pub job_id: Uuid,
    pub error: String,
    pub message: String,
    pub finished_at: DateTime<Utc>,
}

/// Of each job that was handed back the last time, with what was said.
///
/// # Errors
/// When the database does not answer.
pub async fn postponed(pool: &PgPool, task: TaskId) -> Result<Vec<Postponed>, StoreError> {
    sqlx::query_as(
        "SELECT * FROM (
             SELECT DISTINCT ON (job_id) job_id, outcome, error, message, finished_at FROM run
             WHERE task_id = $1 AND counted ORDER BY job_id, finished_at DESC, run_id) last
         WHERE outcome = 'released' AND error <> ''",
    )
    .bind(task.0)
    .fetch_all(pool)
    .await
    .map_err(StoreError::at("read why jobs were postponed"))
}
