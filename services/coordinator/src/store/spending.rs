//! What tenants spend: summed from the rows of costs and grants, never from a counter.

use super::{StoreError, to_db};
use crate::tenant_budgets::Used;
use chrono::{DateTime, Utc};
use sqlx::postgres::{PgConnection, PgPool};
use std::collections::HashMap;
use tracing::warn;
use workflow::ids::TaskId;
use workflow::money::Money;
use workflow::time::Timestamp;

/// First half of the key under which the coordinators take turns setting money of a tenant aside.
const LOCK: i32 = 0x6f72_6368;
/// How long the turn of a tenant is waited for; it takes milliseconds.
const PATIENCE: &str = "500ms";

/// What is set aside for a task, all its jobs together.
#[derive(Clone, Debug)]
pub struct Reserved {
    pub task: TaskId,
    pub tenant: String,
    /// Nothing: the row goes.
    pub money: Money,
}

/// Whoever else sets money of these tenants aside waits until this transaction has ended. Before any row is locked.
///
/// # Errors
/// When somebody else does not come to an end, or the database does not answer.
pub async fn lock(connection: &mut PgConnection, tenants: &[&str]) -> Result<(), StoreError> {
    // A coordinator that was stopped in its turn holds up nobody for long.
    patience(connection, PATIENCE).await?;
    let locked = sqlx::query(
        "SELECT pg_advisory_xact_lock($1, place)
         FROM (SELECT DISTINCT hashtext(tenant) AS place FROM unnest($2::text[]) AS t (tenant) ORDER BY 1) AS places",
    )
    .bind(LOCK)
    .bind(tenants)
    .execute(&mut *connection)
    .await;
    if let Err(sqlx::Error::Database(error)) = &locked
        && error.code().is_some_and(|code| code == "55P03")
    {
        let tenants = tenants.iter().map(|tenant| (*tenant).to_owned()).collect();
        return Err(StoreError::OverWindow { tenants });
    }
    locked.map_err(StoreError::at("take the turn of a tenant"))?;
    patience(connection, "0").await
}

/// How long this transaction waits for locks.
async fn patience(connection: &mut PgConnection, time: &str) -> Result<(), StoreError> {
    sqlx::query("SELECT set_config('lock_timeout', $1, true)")
        .bind(time)
        .execute(connection)
        .await
        .map_err(StoreError::at("bound the wait for a tenant"))?;
    Ok(())
}

/// Writes what is set aside now.
///
/// # Errors
/// When the database does not answer.
pub async fn reserve(connection: &mut PgConnection, rows: &[Reserved]) -> Result<(), StoreError> {
    let (gone, kept): (Vec<&Reserved>, Vec<&Reserved>) = rows.iter().partition(|row| row.money.is_zero());
    if !gone.is_empty() {
        let tasks: Vec<uuid::Uuid> = gone.iter().map(|row| row.task.0).collect();
        sqlx::query("DELETE FROM reserved WHERE task_id = ANY($1)")
            .bind(tasks)
            .execute(&mut *connection)
            .await
            .map_err(StoreError::at("release grants"))?;
    }
    if kept.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO reserved (task_id, tenant, usd_micros, tokens, calls)
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
         ON CONFLICT (task_id) DO UPDATE SET usd_micros = excluded.usd_micros, tokens = excluded.tokens,
             calls = excluded.calls",
    )
    .bind(kept.iter().map(|row| row.task.0).collect::<Vec<_>>())
    .bind(kept.iter().map(|row| row.tenant.as_str()).collect::<Vec<_>>())
    .bind(kept.iter().map(|row| row.money.usd_micros).collect::<Vec<_>>())
    .bind(kept.iter().map(|row| row.money.tokens).collect::<Vec<_>>())
    .bind(kept.iter().map(|row| row.money.calls).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map_err(StoreError::at("set grants aside"))?;
    Ok(())
}

/// Tenant, then sums of USD, tokens and calls: spent, and set aside.
type Sums = (String, i64, i64, i64, i64, i64, i64);

/// What each tenant has spent since the moment beside it, and has set aside.
///
/// # Errors
/// When the database does not answer.
pub async fn used(
    connection: &mut PgConnection,
    since: &[(&str, Timestamp)],
) -> Result<HashMap<String, Used>, StoreError> {
    let tenants: Vec<&str> = since.iter().map(|(tenant, _)| *tenant).collect();
    let moments: Vec<DateTime<Utc>> = since.iter().map(|(_, at)| to_db(*at)).collect();
    // Sums of whole numbers are as long as they need; what no number holds is as much as one can hold.
    let rows: Vec<Sums> = sqlx::query_as(
        "SELECT t.tenant, c.usd, c.tokens, c.calls, r.usd, r.tokens, r.calls
         FROM unnest($1::text[], $2::timestamptz[]) AS t (tenant, since)
         CROSS JOIN LATERAL (
             SELECT LEAST(COALESCE(sum(usd_micros), 0), 9223372036854775807)::bigint AS usd,
                 LEAST(COALESCE(sum(input_tokens), 0) + COALESCE(sum(output_tokens), 0), 9223372036854775807)::bigint AS tokens,
                 LEAST(COALESCE(sum(calls), 0), 9223372036854775807)::bigint AS calls
             FROM cost WHERE cost.tenant = t.tenant AND cost.at >= t.since) AS c
         CROSS JOIN LATERAL (
             SELECT LEAST(COALESCE(sum(usd_micros), 0), 9223372036854775807)::bigint AS usd,
                 LEAST(COALESCE(sum(tokens), 0), 9223372036854775807)::bigint AS tokens,
                 LEAST(COALESCE(sum(calls), 0), 9223372036854775807)::bigint AS calls
             FROM reserved WHERE reserved.tenant = t.tenant) AS r",
    )
    .bind(tenants)
    .bind(moments)
    .fetch_all(connection)
    .await
    .map_err(StoreError::at("sum what tenants spent"))?;
    Ok(rows.into_iter().map(used_of).collect())
}

fn used_of((tenant, usd, tokens, calls, r_usd, r_tokens, r_calls): Sums) -> (String, Used) {
    let money = |usd_micros, tokens, calls| Money {
        usd_micros,
        tokens,
        calls,
    };
    let used = Used {
        spent: money(usd, tokens, calls),
        reserved: money(r_usd, r_tokens, r_calls),
    };
    (tenant, used)
}

/// Deletes what is set aside for tasks that have ended, some at a time: a coordinator that knows no budget of their
/// tenant ends them without.
///
/// # Errors
/// When the database does not answer.
pub async fn forget_ended(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM reserved WHERE task_id IN (
             SELECT task_id FROM reserved JOIN task ON task.id = task_id WHERE task.done LIMIT $1)",
    )
    .bind(PAGE)
    .execute(connection)
    .await
    .map_err(StoreError::at("forget grants of ended tasks"))?;
    Ok(())
}

/// What of a task's state is set aside.
#[derive(serde::Deserialize)]
struct SetAside {
    #[serde(rename = "rs", default)]
    money: Money,
}

/// Brings the table of grants up to date with the tasks: a tenant may have had no budget when they were dispatched.
/// Page by page; what a state that cannot be read has set aside stays as it was.
///
/// # Errors
/// When the database does not answer.
pub async fn take_stock(pool: &PgPool, tenants: &[String], all: bool) -> Result<(), StoreError> {
    let mut after = Some(uuid::Uuid::nil());
    while let Some(last) = after {
        after = take_stock_of_page(pool, tenants, all, last).await?;
    }
    // Tenants that have no budget any more, and what was left behind.
    sqlx::query(
        "DELETE FROM reserved WHERE NOT EXISTS (
             SELECT 1 FROM task WHERE task.id = reserved.task_id AND NOT done AND (task.tenant = ANY($1) OR $2))",
    )
    .bind(tenants)
    .bind(all)
    .execute(pool)
    .await
    .map_err(StoreError::at(STOCK))?;
    Ok(())
}

const STOCK: &str = "take stock of grants";
/// Tasks of one page.
const PAGE: i64 = 500;

/// The page of tasks after this one; returns its last, or none where there are no more.
async fn take_stock_of_page(
    pool: &PgPool,
    tenants: &[String],
    all: bool,
    after: uuid::Uuid,
) -> Result<Option<uuid::Uuid>, StoreError> {
    let mut transaction = pool.begin().await.map_err(StoreError::at(STOCK))?;
    // Tasks first, as every commit does. A state is text: it may hold what jsonb refuses.
    let states: Vec<(uuid::Uuid, String, String)> = sqlx::query_as(
        "SELECT id, tenant, state FROM task
         WHERE NOT done AND (tenant = ANY($1) OR $2) AND id > $3
             AND (state LIKE '%\"rs\":%' OR EXISTS (SELECT 1 FROM reserved WHERE task_id = id))
         ORDER BY id LIMIT $4 FOR UPDATE",
    )
    .bind(tenants)
    .bind(all)
    .bind(after)
    .bind(PAGE)
    .fetch_all(&mut *transaction)
    .await
    .map_err(StoreError::at(STOCK))?;
    let last = states.last().map(|(task, ..)| *task);
    let rows: Vec<Reserved> = states.into_iter().filter_map(set_aside).collect();
    reserve(&mut transaction, &rows).await?;
    transaction.commit().await.map_err(StoreError::at(STOCK))?;
    Ok(last)
}

fn set_aside((task, tenant, state): (uuid::Uuid, String, String)) -> Option<Reserved> {
    match serde_json::from_str::<SetAside>(&state) {
        Ok(set_aside) => Some(Reserved {
            task: TaskId(task),
            tenant,
            money: set_aside.money,
        }),
        Err(error) => {
            warn!(%task, error = &error as &dyn std::error::Error, "no stock is taken of a task whose state cannot be read");
            None
        }
    }
}
