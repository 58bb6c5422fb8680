//! Orders to erase what is kept of a user, and how far each is.

mod rows;

use super::StoreError;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use sqlx::postgres::{PgConnection, PgPool};
use std::time::Duration;
use uuid::Uuid;
use workflow::ids::TaskId;

/// Tasks looked through with one statement.
const PAGE: i64 = 2_000;
/// Tasks erased in one transaction.
const BATCH: i64 = 32;
/// Tasks whose events are taken off the stream together.
const STREAM_BATCH: i64 = 20_000;
/// Looked through once more: tasks of so long before the order, which may have been being accepted.
const ACCEPTING: TimeDelta = TimeDelta::minutes(10);

/// An order that holds.
#[derive(sqlx::FromRow, Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub tenant: String,
    pub actor: String,
    pub ordered_at: DateTime<Utc>,
}

/// How far an order is.
#[derive(sqlx::FromRow, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Progress {
    /// Ended tasks that were erased, as far as they are still remembered.
    pub erased: i64,
    /// Tasks that have not ended; each is erased when it has.
    pub running: i64,
    /// Everything that has ended is erased, from the stream too.
    pub up_to_date: bool,
}

/// Keeps an order. Given again it holds for tasks that were accepted since, too.
///
/// # Errors
/// When the database does not answer.
pub async fn order(pool: &PgPool, order: &Order) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO erasure AS e (tenant, actor, ordered_at) VALUES ($1, $2, $3)
         ON CONFLICT (tenant, actor) DO UPDATE SET ordered_at = excluded.ordered_at, looked_to = NULL, looks = 0
         WHERE e.ordered_at < excluded.ordered_at",
    )
    .bind(&order.tenant)
    .bind(&order.actor)
    .bind(order.ordered_at)
    .execute(pool)
    .await
    .map_err(StoreError::at("order an erasure"))?;
    Ok(())
}

/// Orders of which something may be done now, the oldest first; one whose tasks all run still waits.
///
/// # Errors
/// When the database does not answer.
pub async fn orders(pool: &PgPool) -> Result<Vec<Order>, StoreError> {
    sqlx::query_as(
        "SELECT tenant, actor, ordered_at FROM erasure e
         WHERE looks < 2 OR NOT EXISTS (
             SELECT 1 FROM erasure_task t JOIN task ON task.id = t.task_id
             WHERE (t.tenant, t.actor) = (e.tenant, e.actor) HAVING bool_and(NOT task.done AND NOT t.on_stream))
         ORDER BY ordered_at LIMIT 1000",
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::at("read orders to erase"))
}

/// How far an order is; none: there is none, or it is done.
///
/// # Errors
/// When the database does not answer.
pub async fn progress(pool: &PgPool, tenant: &str, actor: &str) -> Result<Option<Progress>, StoreError> {
    sqlx::query_as(
        "SELECT count(t.task_id) FILTER (WHERE t.erased_at IS NOT NULL) AS erased,
             count(t.task_id) FILTER (WHERE NOT task.done) AS running,
             e.looks > 0 AND NOT coalesce(bool_or(t.on_stream OR (task.done AND t.erased_at IS NULL)), false) AS up_to_date
         FROM erasure e LEFT JOIN erasure_task t ON (t.tenant, t.actor) = (e.tenant, e.actor)
         LEFT JOIN task ON task.id = t.task_id
         WHERE e.tenant = $1 AND e.actor = $2 GROUP BY e.looks",
    )
    .bind(tenant)
    .bind(actor)
    .fetch_optional(pool)
    .await
    .map_err(StoreError::at("read how far an erasure is"))
}

/// Looks through the next tasks for those of the user. False: there is nothing more to look through now.
///
/// # Errors
/// When the database does not answer.
pub async fn look(pool: &PgPool, order: &Order, settle: Duration) -> Result<bool, StoreError> {
    let at = StoreError::at("look for tasks to erase");
    let mut transaction = pool.begin().await.map_err(&at)?;
    let found: Option<(Option<Uuid>, i16, bool)> = sqlx::query_as(
        "SELECT looked_to, looks, ordered_at + make_interval(secs => $3) < now() FROM erasure
         WHERE tenant = $1 AND actor = $2 FOR UPDATE SKIP LOCKED",
    )
    .bind(&order.tenant)
    .bind(&order.actor)
    .bind(settle.as_secs_f64())
    .fetch_optional(&mut *transaction)
    .await
    .map_err(&at)?;
    let Some((looked_to, looks, settled)) =
        found.filter(|(_, looks, settled)| *looks == 0 || (*looks == 1 && *settled))
    else {
        return Ok(false);
    };
    let page_end = page(&mut transaction, order, looked_to).await.map_err(&at)?;
    let ended = page_end.is_none();
    let looks = looks + i16::from(ended);
    // The second time only what may have been being accepted.
    let next = page_end.or_else(|| first_after(order.ordered_at - ACCEPTING));
    sqlx::query("UPDATE erasure SET looked_to = $3, looks = $4 WHERE tenant = $1 AND actor = $2")
        .bind(&order.tenant)
        .bind(&order.actor)
        .bind(next)
        .bind(looks)
        .execute(&mut *transaction)
        .await
        .map_err(&at)?;
    transaction.commit().await.map_err(&at)?;
    Ok(!ended || (settled && looks < 2))
}

/// Notes the user's tasks of a page; answers where the page ended, if there may be more.
async fn page(connection: &mut PgConnection, order: &Order, after: Option<Uuid>) -> Result<Option<Uuid>, sqlx::Error> {
    // A submission is compact JSON, so that the name stands in it as it is written here; whether it is who asked is
    // read from the few that have it.
    let name = serde_json::Value::from(order.actor.as_str()).to_string();
    let rows: Vec<(Uuid, Option<String>)> = sqlx::query_as(
        "SELECT t.id, p.body FROM (
             SELECT id FROM task WHERE tenant = $1 AND id > $2 AND created_at <= $3 ORDER BY id LIMIT $4) t
         LEFT JOIN payload p ON p.task_id = t.id AND p.no = 0 AND strpos(p.body, $5) > 0 ORDER BY t.id",
    )
    .bind(&order.tenant)
    .bind(after.unwrap_or(Uuid::nil()))
    .bind(order.ordered_at)
    .bind(PAGE)
    .bind(name)
    .fetch_all(&mut *connection)
    .await?;
    let end = rows.last().map(|(id, _)| *id);
    let full = i64::try_from(rows.len()).unwrap_or(PAGE) >= PAGE;
    let asked = |body: &str| serde_json::from_str::<Asked>(body).is_ok_and(|asked| asked.actor == order.actor);
    let theirs: Vec<Uuid> = rows
        .into_iter()
        .filter(|(_, body)| body.as_deref().is_some_and(asked))
        .map(|(id, _)| id)
        .collect();
    sqlx::query(
        "INSERT INTO erasure_task (task_id, tenant, actor) SELECT id, $2, $3 FROM unnest($1::uuid[]) AS n (id)
         ON CONFLICT DO NOTHING",
    )
    .bind(&theirs)
    .bind(&order.tenant)
    .bind(&order.actor)
    .execute(connection)
    .await?;
    Ok(end.filter(|_| full))
}

#[derive(Deserialize)]
struct Asked {
    actor: String,
}

/// The least id of a task that was made at `at` or later.
fn first_after(at: DateTime<Utc>) -> Option<Uuid> {
    let millis = u128::try_from(at.timestamp_millis()).ok()?;
    Some(Uuid::from_u128(millis << 80))
}

/// Erases some of the order's tasks that have ended, those that were erased `settle` ago once more. False: there are none.
///
/// # Errors
/// When the database does not answer; those of this call are then as they were.
pub async fn erase(pool: &PgPool, order: &Order, settle: Duration) -> Result<bool, StoreError> {
    let at = StoreError::at("erase tasks");
    let mut transaction = pool.begin().await.map_err(&at)?;
    let due: Vec<Uuid> = sqlx::query_scalar(
        "SELECT e.task_id FROM erasure_task e JOIN task t ON t.id = e.task_id
         WHERE e.tenant = $1 AND e.actor = $2 AND t.done
             AND (e.rounds = 0 OR (e.rounds = 1 AND NOT e.on_stream AND e.erased_at + make_interval(secs => $3) < now()))
         ORDER BY e.task_id LIMIT $4 FOR UPDATE OF e SKIP LOCKED",
    )
    .bind(&order.tenant)
    .bind(&order.actor)
    .bind(settle.as_secs_f64())
    .bind(BATCH)
    .fetch_all(&mut *transaction)
    .await
    .map_err(&at)?;
    if due.is_empty() {
        return Ok(false);
    }
    rows::erase(&mut transaction, &due, &order.actor).await?;
    sqlx::query(
        "UPDATE erasure_task SET erased_at = coalesce(erased_at, now()), rounds = rounds + 1, on_stream = true
         WHERE task_id = ANY ($1)",
    )
    .bind(&due)
    .execute(&mut *transaction)
    .await
    .map_err(&at)?;
    transaction.commit().await.map_err(&at)?;
    Ok(true)
}

/// Erased tasks whose events may be on the stream, and when the first of them was accepted.
///
/// # Errors
/// When the database does not answer.
pub async fn on_stream(pool: &PgPool, order: &Order) -> Result<(Vec<TaskId>, Option<DateTime<Utc>>), StoreError> {
    let rows: Vec<(Uuid, DateTime<Utc>)> = sqlx::query_as(
        "SELECT t.id, t.created_at FROM erasure_task e JOIN task t ON t.id = e.task_id
         WHERE e.tenant = $1 AND e.actor = $2 AND e.on_stream ORDER BY t.id LIMIT $3",
    )
    .bind(&order.tenant)
    .bind(&order.actor)
    .bind(STREAM_BATCH)
    .fetch_all(pool)
    .await
    .map_err(StoreError::at("read whose events are to be erased"))?;
    let since = rows.iter().map(|(_, created_at)| *created_at).min();
    Ok((rows.into_iter().map(|(id, _)| TaskId(id)).collect(), since))
}

/// Notes that the events of these tasks are off the stream, and ends the order where nothing is left of it.
///
/// # Errors
/// When the database does not answer.
pub async fn off_stream(pool: &PgPool, order: &Order, tasks: &[TaskId]) -> Result<(), StoreError> {
    let at = StoreError::at("note an erasure");
    let tasks: Vec<Uuid> = tasks.iter().map(|task| task.0).collect();
    let mut transaction = pool.begin().await.map_err(&at)?;
    for statement in [
        "DELETE FROM erasure_task WHERE task_id = ANY ($1) AND rounds >= 2",
        "UPDATE erasure_task SET on_stream = false WHERE task_id = ANY ($1)",
    ] {
        let done = sqlx::query(statement).bind(&tasks).execute(&mut *transaction).await;
        done.map_err(&at)?;
    }
    sqlx::query(
        "DELETE FROM erasure e WHERE tenant = $1 AND actor = $2 AND looks >= 2
             AND NOT EXISTS (SELECT 1 FROM erasure_task t WHERE (t.tenant, t.actor) = (e.tenant, e.actor))",
    )
    .bind(&order.tenant)
    .bind(&order.actor)
    .execute(&mut *transaction)
    .await
    .map_err(&at)?;
    transaction.commit().await.map_err(&at)
}
