//! Which models serve whose tasks, and what tasks were given.

use super::StoreError;
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use sqlx::postgres::PgConnection;
use uuid::Uuid;
use workflow::ids::TaskId;

/// A tenant's table, as it was sent.
#[derive(sqlx::FromRow, Clone, Debug)]
pub struct RolloutRow {
    pub tenant: String,
    /// JSON of the table.
    pub body: String,
    /// JSON: how its models are reached, by id.
    pub models: String,
}

/// What a task is given for a role.
#[derive(Clone, Debug, PartialEq)]
pub struct AssignmentRow {
    pub task: TaskId,
    pub role: &'static str,
    pub tenant: String,
    pub actor: String,
    pub model: String,
    pub name: String,
    pub provider: String,
    pub served: String,
    /// A run was lost, or a plan not taken.
    pub lost: bool,
    pub arm: &'static str,
    pub experiment: Option<Uuid>,
    pub step: u32,
    pub propensity: f64,
    pub rollouts: u64,
}

/// What a task was given for a role.
#[derive(sqlx::FromRow, Clone, Debug, PartialEq)]
pub struct AssignmentLine {
    pub task_id: Uuid,
    pub role: String,
    pub model: String,
    pub name: String,
    pub arm: String,
    pub experiment_id: Option<Uuid>,
    pub step: i32,
    pub propensity: f64,
    pub rollouts: i64,
    /// It gave nothing at least once, or was not asked at all, and others were, or the work failed.
    pub passed_over: bool,
    pub at: DateTime<Utc>,
}

/// A task that an experiment took in.
#[derive(sqlx::FromRow, Clone, Debug)]
pub struct AssignedLine {
    pub transaction: String,
    pub task_id: Uuid,
    pub actor: String,
    pub arm: String,
    pub step: i32,
    pub propensity: f64,
    pub at: DateTime<Utc>,
}

/// Every tenant's table.
///
/// # Errors
/// When the database does not answer.
pub async fn all(pool: &PgPool) -> Result<Vec<RolloutRow>, StoreError> {
    sqlx::query_as("SELECT tenant, body, models FROM rollout")
        .fetch_all(pool)
        .await
        .map_err(StoreError::at("read rollouts"))
}

/// A tenant's table, until the transaction ends nobody else's to change.
///
/// # Errors
/// When the database does not answer.
pub async fn lock(connection: &mut PgConnection, tenant: &str) -> Result<Option<RolloutRow>, StoreError> {
    sqlx::query_as("SELECT tenant, body, models FROM rollout WHERE tenant = $1 FOR UPDATE")
        .bind(tenant)
        .fetch_optional(connection)
        .await
        .map_err(StoreError::at("read a rollout"))
}

/// Writes a tenant's table, unless a newer one came meanwhile.
///
/// # Errors
/// When the database does not answer.
pub async fn set(connection: &mut PgConnection, row: &RolloutRow, version: u64) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO rollout (tenant, version, body, models) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant) DO UPDATE SET version = excluded.version, body = excluded.body,
             models = excluded.models, set_at = now()
             WHERE excluded.version > rollout.version",
    )
    .bind(&row.tenant)
    .bind(i64::try_from(version).unwrap_or(i64::MAX))
    .bind(&row.body)
    .bind(&row.models)
    .execute(connection)
    .await
    .map_err(StoreError::at("write a rollout"))?;
    Ok(())
}

/// Keeps what tasks are given; what a task was given first stands, and that a run was lost is added.
///
/// # Errors
/// When the database does not answer.
pub async fn keep(connection: &mut PgConnection, rows: &[AssignmentRow]) -> Result<(), StoreError> {
    fn each<'a, R>(rows: &'a [AssignmentRow], column: impl Fn(&'a AssignmentRow) -> R) -> Vec<R> {
        rows.iter().map(column).collect()
    }
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO assignment (task_id, role, tenant, actor, model, name, arm, experiment_id, step, propensity, rollouts,
             provider, served, lost)
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
             $8::uuid[], $9::int[], $10::float8[], $11::bigint[], $12::text[], $13::text[], $14::bool[])
         ON CONFLICT (task_id, role) DO UPDATE SET lost = true WHERE excluded.lost AND NOT assignment.lost",
    )
    .bind(each(rows, |r| r.task.0))
    .bind(each(rows, |r| r.role))
    .bind(each(rows, |r| r.tenant.as_str()))
    .bind(each(rows, |r| r.actor.as_str()))
    .bind(each(rows, |r| r.model.as_str()))
    .bind(each(rows, |r| r.name.as_str()))
    .bind(each(rows, |r| r.arm))
    .bind(each(rows, |r| r.experiment))
    .bind(each(rows, |r| i32::try_from(r.step).unwrap_or(i32::MAX)))
    .bind(each(rows, |r| r.propensity))
    .bind(each(rows, |r| i64::try_from(r.rollouts).unwrap_or(i64::MAX)))
    .bind(each(rows, |r| r.provider.as_str()))
    .bind(each(rows, |r| r.served.as_str()))
    .bind(each(rows, |r| r.lost))
    .execute(connection)
    .await
    .map_err(StoreError::at("keep what tasks are given"))?;
    Ok(())
}

/// What tasks were given. A planner or a judge is passed over by a run that failed too, whatever the reason; of steps
/// only a model's failures count. What no run says it asked was not asked, by a worker that knows of no rollouts or
/// lacks the provider.
///
/// # Errors
/// When the database does not answer.
pub async fn of_tasks(pool: &PgPool, tasks: &[Uuid]) -> Result<Vec<AssignmentLine>, StoreError> {
    sqlx::query_as(
        r#"SELECT task_id, role, model, name, arm, experiment_id, step, propensity, rollouts, at,
             lost OR coalesce(failed, false) OR provider <> '' AND NOT coalesce(asked, false) AS passed_over
         FROM assignment CROSS JOIN LATERAL (
             SELECT bool_or(strpos(calls, '"kind":"decision","name":"passed_over"') > 0
                     OR outcome = 'failed' AND (role <> 'writer' OR starts_with(error, 'llm_'))) AS failed,
                 bool_or(strpos(calls, '"provider":' || to_json(provider) || ',"model":' || to_json(served) || ',') > 0)
                     AS asked
             FROM run
             WHERE run.task_id = assignment.task_id
                 AND kind = CASE role WHEN 'planner' THEN 'plan' WHEN 'judge' THEN 'assess' ELSE 'execute' END) AS runs
         WHERE task_id = ANY ($1::uuid[]) ORDER BY task_id, role"#,
    )
    .bind(tasks)
    .fetch_all(pool)
    .await
    .map_err(StoreError::at("read what tasks were given"))
}

/// Tasks of an experiment after a place, in order. What another transaction may still put before is left for later.
///
/// # Errors
/// When the database does not answer.
pub async fn assigned(
    pool: &PgPool,
    tenant: &str,
    experiment: Uuid,
    after: (&str, Uuid),
    limit: u32,
) -> Result<Vec<AssignedLine>, StoreError> {
    sqlx::query_as(
        "SELECT transaction::text AS transaction, task_id, actor, arm, step, propensity, at FROM assignment
         WHERE experiment_id = $1 AND tenant = $2 AND (transaction, task_id) > ($3::text::xid8, $4)
             AND transaction < pg_snapshot_xmin(pg_current_snapshot())
         ORDER BY transaction, task_id LIMIT $5",
    )
    .bind(experiment)
    .bind(tenant)
    .bind(after.0)
    .bind(after.1)
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await
    .map_err(StoreError::at("read the tasks of an experiment"))
}
