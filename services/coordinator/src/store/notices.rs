//! Events that webhooks are to be told of.

use super::StoreError;
use crate::notices::NewNotice;
use crate::notices::schedule::{Failure, Pauses, lease, pauses, room};
use outbox::numbered;
use sqlx::PgPool;
use sqlx::postgres::PgConnection;
use std::time::Duration;
use uuid::Uuid;
use workflow::ids::TaskId;

/// Writes notices, in the transaction of their events.
///
/// # Errors
/// When the database does not answer.
pub async fn add(connection: &mut PgConnection, notices: &[NewNotice]) -> Result<(), StoreError> {
    if notices.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO notice (webhook, task_id, sequence, give_up_at)
         SELECT n.webhook, n.task_id, n.sequence, now() + make_interval(secs => n.seconds)
         FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::float8[]) AS n (webhook, task_id, sequence, seconds)",
    )
    .bind(notices.iter().map(|n| &*n.webhook).collect::<Vec<_>>())
    .bind(notices.iter().map(|n| n.stream.0).collect::<Vec<_>>())
    .bind(notices.iter().map(|n| signed(n.sequence)).collect::<Vec<_>>())
    .bind(
        notices
            .iter()
            .map(|n| n.give_up_after.as_secs_f64())
            .collect::<Vec<_>>(),
    )
    .execute(connection)
    .await
    .map_err(StoreError::at("write what webhooks are to be told of"))?;
    Ok(())
}

/// Webhooks that are gone, with the hash of the URL that said so.
///
/// # Errors
/// When the database does not answer.
pub async fn gone(pool: &PgPool) -> Result<Vec<(String, String)>, StoreError> {
    sqlx::query_as("SELECT name, gone FROM webhook WHERE gone IS NOT NULL")
        .fetch_all(pool)
        .await
        .map_err(StoreError::at("read which webhooks are gone"))
}

/// Which webhook an executor posts to.
pub struct Receiver<'a> {
    pub name: &'a str,
    pub url_hash: &'a str,
}

/// An event to post.
#[derive(Debug)]
pub struct Due {
    pub stream: TaskId,
    pub sequence: u64,
    /// The CloudEvent.
    pub body: String,
}

#[derive(sqlx::FromRow)]
struct WebhookRow {
    failures: i32,
    open: bool,
    gone: Option<String>,
}

/// Takes the webhook's row, which whoever takes or ends its notices holds.
async fn lock(connection: &mut PgConnection, name: &str) -> Result<WebhookRow, StoreError> {
    sqlx::query("INSERT INTO webhook (name) VALUES ($1) ON CONFLICT DO NOTHING")
        .bind(name)
        .execute(&mut *connection)
        .await
        .map_err(StoreError::at("note a webhook"))?;
    sqlx::query_as(
        "SELECT failures, coalesce(resume_at <= now(), true) AS open, gone FROM webhook WHERE name = $1 FOR UPDATE",
    )
    .bind(name)
    .fetch_one(connection)
    .await
    .map_err(StoreError::at("lock a webhook"))
}

/// Leases what is due, as much as may be posted at once.
///
/// # Errors
/// When the database does not answer.
pub async fn take(pool: &PgPool, to: &Receiver<'_>, timeout: Duration, lease_id: Uuid) -> Result<Vec<Due>, StoreError> {
    let mut transaction = pool.begin().await.map_err(StoreError::at("begin a transaction"))?;
    let webhook = lock(&mut transaction, to.name).await?;
    if !webhook.open || webhook.gone.as_deref() == Some(to.url_hash) {
        return Ok(Vec::new());
    }
    let in_flight: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM notice WHERE webhook = $1 AND lease IS NOT NULL AND leased_until > now()",
    )
    .bind(to.name)
    .fetch_one(&mut *transaction)
    .await
    .map_err(StoreError::at("count what is being posted"))?;
    let taken: Vec<(Uuid, i64)> = sqlx::query_as(
        "UPDATE notice SET lease = $2, leased_until = now() + make_interval(secs => $3),
             next_at = now() + make_interval(secs => $3), attempts = attempts + 1, seen_failures = $4
         WHERE webhook = $1 AND (task_id, sequence) IN (
             SELECT task_id, sequence FROM notice WHERE webhook = $1 AND next_at <= now() ORDER BY next_at LIMIT $5)
         RETURNING task_id, sequence",
    )
    .bind(to.name)
    .bind(lease_id)
    .bind(lease(timeout).as_secs_f64())
    .bind(webhook.failures)
    .bind(room(webhook.failures, in_flight))
    .fetch_all(&mut *transaction)
    .await
    .map_err(StoreError::at("lease what webhooks are to be told"))?;
    let due = bodies(&mut transaction, &taken).await?;
    transaction.commit().await.map_err(StoreError::at("commit"))?;
    Ok(due)
}

/// A row of `event` tells what one commit told, and bears the number of the last.
async fn bodies(connection: &mut PgConnection, taken: &[(Uuid, i64)]) -> Result<Vec<Due>, StoreError> {
    let (tasks, sequences): (Vec<Uuid>, Vec<i64>) = taken.iter().copied().unzip();
    let rows: Vec<(Uuid, i64, i64, String)> = sqlx::query_as(
        "SELECT n.task_id, n.sequence, e.sequence, e.body
         FROM unnest($1::uuid[], $2::bigint[]) AS n (task_id, sequence) CROSS JOIN LATERAL (
             SELECT sequence, body FROM event WHERE event.task_id = n.task_id AND event.sequence >= n.sequence
             ORDER BY event.sequence LIMIT 1) AS e
         ORDER BY n.task_id, n.sequence",
    )
    .bind(tasks)
    .bind(sequences)
    .fetch_all(connection)
    .await
    .map_err(StoreError::at("read events for webhooks"))?;
    let due = rows.into_iter().filter_map(|(task, wanted, last, lines)| {
        let mut told = numbered(last, &lines);
        let (_, body) = told.find(|(sequence, _)| *sequence == wanted)?;
        Some(Due {
            stream: TaskId(task),
            sequence: u64::try_from(wanted).unwrap_or(0),
            body: body.to_owned(),
        })
    });
    Ok(due.collect())
}

/// How a post ended.
pub struct Ended {
    pub stream: TaskId,
    pub sequence: u64,
    pub lease_id: Uuid,
    pub end: End,
}

/// What the receiver said.
pub enum End {
    /// It has it.
    Delivered,
    /// Not this time.
    Failed { error: String, retry_after: Duration },
    /// Never again.
    Gone,
}

/// Keeps how posts ended; which of them counted.
///
/// A delivery counts whoever made it; a failure only if nobody else has taken the event meanwhile.
///
/// # Errors
/// When the database does not answer.
pub async fn end(pool: &PgPool, to: &Receiver<'_>, all: &[Ended]) -> Result<Vec<bool>, StoreError> {
    let mut transaction = pool.begin().await.map_err(StoreError::at("begin a transaction"))?;
    lock(&mut transaction, to.name).await?;
    let mut counted = Vec::with_capacity(all.len());
    for ended in all {
        counted.push(match &ended.end {
            End::Delivered => delivered(&mut transaction, to.name, ended).await?,
            End::Failed { error, retry_after } => failed(&mut transaction, to.name, ended, error, *retry_after).await?,
            End::Gone => mark_gone(&mut transaction, to, ended).await?,
        });
    }
    transaction.commit().await.map_err(StoreError::at("commit"))?;
    Ok(counted)
}

async fn delivered(connection: &mut PgConnection, webhook: &str, ended: &Ended) -> Result<bool, StoreError> {
    let deleted = sqlx::query("DELETE FROM notice WHERE webhook = $1 AND task_id = $2 AND sequence = $3")
        .bind(webhook)
        .bind(ended.stream.0)
        .bind(signed(ended.sequence))
        .execute(&mut *connection)
        .await
        .map_err(StoreError::at("note a delivery"))?;
    sqlx::query("UPDATE webhook SET failures = 0, resume_at = NULL WHERE name = $1 AND failures <> 0")
        .bind(webhook)
        .execute(connection)
        .await
        .map_err(StoreError::at("note that a webhook answers"))?;
    Ok(deleted.rows_affected() > 0)
}

async fn failed(
    connection: &mut PgConnection,
    webhook: &str,
    ended: &Ended,
    error: &str,
    retry_after: Duration,
) -> Result<bool, StoreError> {
    let found: Option<(i32, i32)> = sqlx::query_as(
        "SELECT attempts, seen_failures FROM notice
         WHERE webhook = $1 AND task_id = $2 AND sequence = $3 AND lease = $4",
    )
    .bind(webhook)
    .bind(ended.stream.0)
    .bind(signed(ended.sequence))
    .bind(ended.lease_id)
    .fetch_optional(&mut *connection)
    .await
    .map_err(StoreError::at("read a notice"))?;
    let Some((attempts, seen)) = found else {
        return Ok(false);
    };
    let pauses = pauses(&Failure {
        stream: ended.stream,
        sequence: ended.sequence,
        attempts: u32::try_from(attempts).unwrap_or(0),
        failures: u32::try_from(seen).unwrap_or(0).saturating_add(1),
        retry_after,
    });
    postpone(connection, webhook, ended, error, pauses).await?;
    // Posts that failed at the same time have seen the same number.
    sqlx::query(
        "UPDATE webhook SET failures = greatest(failures, $2 + 1),
             resume_at = greatest(resume_at, now() + make_interval(secs => $3))
         WHERE name = $1 AND failures <= $2 + 1",
    )
    .bind(webhook)
    .bind(seen)
    .bind(pauses.webhook.as_secs_f64())
    .execute(connection)
    .await
    .map_err(StoreError::at("note that a webhook does not answer"))?;
    Ok(true)
}

async fn postpone(
    connection: &mut PgConnection,
    webhook: &str,
    ended: &Ended,
    error: &str,
    pauses: Pauses,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE notice SET lease = NULL, leased_until = NULL, last_error = $4,
             next_at = now() + make_interval(secs => $5)
         WHERE webhook = $1 AND task_id = $2 AND sequence = $3",
    )
    .bind(webhook)
    .bind(ended.stream.0)
    .bind(signed(ended.sequence))
    .bind(error)
    .bind(pauses.event.as_secs_f64())
    .execute(connection)
    .await
    .map_err(StoreError::at("postpone a notice"))?;
    Ok(())
}

/// What waits is left to its end: another URL may take it before.
async fn mark_gone(connection: &mut PgConnection, to: &Receiver<'_>, ended: &Ended) -> Result<bool, StoreError> {
    sqlx::query("UPDATE webhook SET gone = $2, failures = 0, resume_at = NULL WHERE name = $1")
        .bind(to.name)
        .bind(to.url_hash)
        .execute(&mut *connection)
        .await
        .map_err(StoreError::at("note that a webhook is gone"))?;
    let freed = sqlx::query(
        "UPDATE notice SET lease = NULL, leased_until = NULL, next_at = now(), last_error = 'the receiver is gone'
         WHERE webhook = $1 AND task_id = $2 AND sequence = $3 AND lease = $4",
    )
    .bind(to.name)
    .bind(ended.stream.0)
    .bind(signed(ended.sequence))
    .bind(ended.lease_id)
    .execute(connection)
    .await
    .map_err(StoreError::at("free a notice"))?;
    Ok(freed.rows_affected() > 0)
}

/// A notice that was given up.
#[derive(sqlx::FromRow, Debug)]
pub struct GivenUp {
    pub webhook: String,
    pub task_id: Uuid,
    pub sequence: i64,
    pub attempts: i32,
    pub last_error: String,
}

impl GivenUp {
    /// The CloudEvent's.
    pub fn event_id(&self) -> Uuid {
        TaskId(self.task_id).event(u64::try_from(self.sequence).unwrap_or(0))
    }
}

/// Deletes what is too old and not being posted.
///
/// # Errors
/// When the database does not answer.
pub async fn give_up(pool: &PgPool, limit: i64) -> Result<Vec<GivenUp>, StoreError> {
    sqlx::query_as(
        "DELETE FROM notice WHERE (webhook, task_id, sequence) IN (
             SELECT webhook, task_id, sequence FROM notice
             WHERE give_up_at <= now() AND (leased_until IS NULL OR leased_until <= now())
             LIMIT $1 FOR UPDATE SKIP LOCKED)
         RETURNING webhook, task_id, sequence, attempts, last_error",
    )
    .bind(limit)
    .fetch_all(pool)
    .await
    .map_err(StoreError::at("give up notices"))
}

/// How many events each webhook has not taken yet.
///
/// # Errors
/// When the database does not answer.
pub async fn waiting(pool: &PgPool) -> Result<Vec<(String, i64)>, StoreError> {
    sqlx::query_as("SELECT webhook, count(*) FROM notice GROUP BY webhook")
        .fetch_all(pool)
        .await
        .map_err(StoreError::at("count notices"))
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
