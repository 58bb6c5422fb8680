//! Pages: tasks, what waits for a human, events, and what has ended.

use super::task_of;
use crate::store::StoreError;
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;
use workflow::ids::{GateId, TaskId};
use workflow::state::Task;

/// A task of a page, with the beginning of its request.
#[derive(Debug)]
pub struct Listed {
    pub task: Task,
    pub request: String,
}

/// An open gate of a page.
#[derive(Debug)]
pub struct Waiting {
    pub gate: GateId,
    pub opened_at: DateTime<Utc>,
    pub of: Listed,
}

/// Which tasks; empty means any.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'a> {
    pub status: &'a str,
    /// Part of the request's beginning, whatever its case.
    pub q: &'a str,
}

/// Tasks with ids below `before`, newest first.
///
/// # Errors
/// When the database does not answer, or holds what cannot be read.
pub async fn tasks(
    pool: &PgPool,
    tenant: &str,
    filter: Filter<'_>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    let rows: Vec<(Uuid, i64, String, String)> = sqlx::query_as(
        "SELECT id, version, state, request FROM task
         WHERE tenant = $1 AND id < $2 AND ($3 = '' OR status = $3)
             AND ($4 = '' OR strpos(lower(request), lower($4)) > 0)
         ORDER BY id DESC LIMIT $5",
    )
    .bind(tenant)
    .bind(before.unwrap_or(Uuid::max()))
    .bind(filter.status)
    .bind(filter.q)
    .bind(limit)
    .fetch_all(pool)
    .await
    .map_err(StoreError::at("list tasks"))?;
    let listed = |(id, version, state, request): (Uuid, i64, String, String)| {
        Ok(Listed {
            task: task_of(id, tenant, version, &state)?,
            request,
        })
    };
    rows.into_iter().map(listed).collect()
}

/// Open gates after `after`, oldest first; of one who is to answer them, or of anybody.
///
/// # Errors
/// When the database does not answer, or holds what cannot be read.
pub async fn waiting(
    pool: &PgPool,
    tenant: &str,
    assignee: &str,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Waiting>, StoreError> {
    let (opened, last) = after.unwrap_or((DateTime::<Utc>::UNIX_EPOCH, Uuid::nil()));
    type Row = (Uuid, DateTime<Utc>, Uuid, i64, String, String);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT g.id, g.opened_at, t.id, t.version, t.state, t.request
         FROM gate g JOIN task t ON t.id = g.task_id
         WHERE g.tenant = $1 AND g.decided_at IS NULL AND NOT t.done AND (g.opened_at, g.id) > ($2, $3)
             AND ($5 = '' OR g.assignee = $5)
         ORDER BY g.opened_at, g.id LIMIT $4",
    )
    .bind(tenant)
    .bind(opened)
    .bind(last)
    .bind(limit)
    .bind(assignee)
    .fetch_all(pool)
    .await
    .map_err(StoreError::at("list open gates"))?;
    let waiting = |(gate, opened_at, id, version, state, request): Row| {
        let task = task_of(id, tenant, version, &state)?;
        Ok(Waiting {
            gate: GateId(gate),
            opened_at,
            of: Listed { task, request },
        })
    };
    rows.into_iter().map(waiting).collect()
}

/// Events of a task above `after`, as stored; none where the tenant has no such task.
///
/// # Errors
/// When the database does not answer.
pub async fn events(
    pool: &PgPool,
    tenant: &str,
    task: TaskId,
    after: i64,
    limit: i64,
) -> Result<Option<Vec<(i64, String)>>, StoreError> {
    let rows: Vec<(Option<i64>, Option<String>)> = sqlx::query_as(
        "SELECT e.sequence, e.body FROM task t
         LEFT JOIN LATERAL (
             SELECT sequence, body FROM event WHERE task_id = t.id AND sequence > $3 ORDER BY sequence LIMIT $4) e
             ON true
         WHERE t.id = $1 AND t.tenant = $2 ORDER BY e.sequence",
    )
    .bind(task.0)
    .bind(tenant)
    .bind(after)
    .bind(limit)
    .fetch_all(pool)
    .await
    .map_err(StoreError::at("read a task's events"))?;
    // A task without events above `after` is one row of nothing.
    let found = !rows.is_empty();
    let rows = rows.into_iter().filter_map(|(last, bodies)| last.zip(bodies));
    let events = rows.flat_map(|(last, bodies)| {
        let events = outbox::numbered(last, &bodies).filter(|(sequence, _)| *sequence > after);
        events
            .map(|(sequence, body)| (sequence, body.to_owned()))
            .collect::<Vec<_>>()
    });
    let limit = usize::try_from(limit).unwrap_or(0);
    Ok(found.then(|| events.take(limit).collect()))
}

/// Ended tasks after `after` that are not erased, in the order of their end.
///
/// The last two seconds are left out: a commit that is late may still bring an earlier end.
///
/// # Errors
/// When the database does not answer.
pub async fn finished(
    pool: &PgPool,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<(Uuid, DateTime<Utc>)>, StoreError> {
    let (ended, last) = after.unwrap_or((DateTime::<Utc>::UNIX_EPOCH, Uuid::nil()));
    sqlx::query_as(
        "SELECT id, finished_at FROM task
         WHERE done AND erased_at IS NULL AND (finished_at, id) > ($1, $2) AND finished_at < now() - interval '2 seconds'
         ORDER BY finished_at, id LIMIT $3",
    )
    .bind(ended)
    .bind(last)
    .bind(limit)
    .fetch_all(pool)
    .await
    .map_err(StoreError::at("list ended tasks"))
}
