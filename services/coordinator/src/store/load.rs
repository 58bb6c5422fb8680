//! Reading tasks for the writer: rows, and the documents beside them that decisions need.

use super::{StoreError, from_db};
use chrono::{DateTime, Utc};
use sqlx::postgres::PgConnection;
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;
use workflow::ids::TaskId;
use workflow::plan::FrozenPlan;
use workflow::state::{PayloadNo, SUBMISSION, Task};
use workflow::submission::Submission;
use workflow::time::Timestamp;

/// A task as it stands in the database.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub task: Task,
    pub submission: Arc<Submission>,
    pub plan: Option<Arc<FrozenPlan>>,
    /// The row's `next_at`.
    pub next_at: Option<Timestamp>,
}

type TaskRow = (Uuid, String, i64, Option<DateTime<Utc>>, String);

/// The tasks among `ids` that exist.
///
/// # Errors
/// When the database does not answer, or holds what cannot be read.
pub async fn tasks(connection: &mut PgConnection, ids: &[TaskId]) -> Result<Vec<Loaded>, StoreError> {
    let tasks = rows(connection, ids).await?;
    let wanted: Vec<(TaskId, PayloadNo)> = tasks
        .iter()
        .flat_map(|(t, _)| std::iter::once((t.id, SUBMISSION)).chain(t.plan.as_ref().map(|p| (t.id, p.payload))))
        .collect();
    let bodies = bodies(connection, &wanted).await?;
    tasks
        .into_iter()
        .map(|(task, next_at)| assemble(task, next_at, &bodies))
        .collect()
}

/// The states among `ids` that exist, without the documents beside them.
///
/// # Errors
/// As [`tasks`].
pub async fn states(connection: &mut PgConnection, ids: &[TaskId]) -> Result<Vec<Task>, StoreError> {
    Ok(rows(connection, ids).await?.into_iter().map(|(task, _)| task).collect())
}

async fn rows(connection: &mut PgConnection, ids: &[TaskId]) -> Result<Vec<(Task, Option<Timestamp>)>, StoreError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows: Vec<TaskRow> =
        sqlx::query_as("SELECT id, tenant, version, next_at, state FROM task WHERE id = ANY ($1::uuid[])")
            .bind(&ids)
            .fetch_all(&mut *connection)
            .await
            .map_err(StoreError::at("read tasks"))?;
    let mut tasks = Vec::with_capacity(rows.len());
    for (id, tenant, version, next_at, state) in rows {
        let mut task: Task = serde_json::from_str(&state).map_err(|source| StoreError::Corrupt {
            what: "the state",
            task: id,
            source,
        })?;
        task.id = TaskId(id);
        task.tenant = tenant;
        task.version = u64::try_from(version).unwrap_or(0);
        tasks.push((task, next_at.map(from_db)));
    }
    Ok(tasks)
}

fn assemble(
    task: Task,
    next_at: Option<Timestamp>,
    bodies: &HashMap<(TaskId, PayloadNo), Arc<str>>,
) -> Result<Loaded, StoreError> {
    let id = task.id;
    let text = |no: PayloadNo| bodies.get(&(id, no)).map_or("", |b| &**b);
    let corrupt = |what| {
        move |source| StoreError::Corrupt {
            what,
            task: id.0,
            source,
        }
    };
    let submission = serde_json::from_str(text(SUBMISSION)).map_err(corrupt("the submission"))?;
    let plan = match &task.plan {
        None => None,
        Some(plan) => Some(Arc::new(
            serde_json::from_str(text(plan.payload)).map_err(corrupt("the plan"))?,
        )),
    };
    Ok(Loaded {
        task,
        submission: Arc::new(submission),
        plan,
        next_at,
    })
}

/// Bodies of payloads, by task and number; missing ones are left out.
///
/// # Errors
/// When the database does not answer.
pub async fn bodies(
    connection: &mut PgConnection,
    wanted: &[(TaskId, PayloadNo)],
) -> Result<HashMap<(TaskId, PayloadNo), Arc<str>>, StoreError> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let tasks: Vec<Uuid> = wanted.iter().map(|(t, _)| t.0).collect();
    let numbers: Vec<i32> = wanted
        .iter()
        .map(|(_, no)| i32::try_from(no.0).unwrap_or(i32::MAX))
        .collect();
    let rows: Vec<(Uuid, i32, String)> = sqlx::query_as(
        "SELECT p.task_id, p.no, p.body FROM unnest($1::uuid[], $2::int[]) AS w (task_id, no)
         JOIN payload p ON p.task_id = w.task_id AND p.no = w.no",
    )
    .bind(&tasks)
    .bind(&numbers)
    .fetch_all(connection)
    .await
    .map_err(StoreError::at("read payloads"))?;
    let key = |task, no: i32| (TaskId(task), PayloadNo(u32::try_from(no).unwrap_or(u32::MAX)));
    Ok(rows
        .into_iter()
        .map(|(task, no, body)| (key(task, no), Arc::from(body)))
        .collect())
}
