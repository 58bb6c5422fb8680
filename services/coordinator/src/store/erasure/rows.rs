//! Taking the words out of the rows of ended tasks.

use crate::erasing::blank;
use crate::store::{StoreError, load};
use sqlx::postgres::PgConnection;
use uuid::Uuid;
use workflow::ids::TaskId;
use workflow::state::SUBMISSION;
use workflow::submission::Submission;

/// What goes whole, and what loses its words. Costs and the ledger of effects have no words but the operator's; keys of
/// idempotency stay, or a repeated request would make a second task.
const WORDS: [&str; 6] = [
    "DELETE FROM payload WHERE task_id = ANY ($1) AND no > 0",
    "DELETE FROM blob WHERE task_id = ANY ($1)",
    "UPDATE run SET calls = '[]', message = '', error = '', step_key = NULL WHERE task_id = ANY ($1)",
    "UPDATE gate SET feedback = NULL, step_key = NULL WHERE task_id = ANY ($1)",
    "UPDATE quarantine SET input = '', reason = '' WHERE task_id = ANY ($1)",
    "UPDATE notice SET last_error = '' WHERE task_id = ANY ($1)",
];

/// What loses the user's name.
const NAMES: [&str; 4] = [
    "UPDATE gate SET actor = CASE WHEN actor = $2 THEN '' ELSE actor END, assignee = nullif(assignee, $2)
     WHERE task_id = ANY ($1) AND $2 IN (actor, assignee)",
    // One row a person and judgement; where there is one without a name already, it says as much.
    "DELETE FROM judge_label WHERE task_id = ANY ($1) AND actor = $2 AND EXISTS (
         SELECT 1 FROM judge_label l WHERE l.task_id = judge_label.task_id AND l.judgement = judge_label.judgement
             AND l.dimension = judge_label.dimension AND l.actor = '')",
    "UPDATE judge_label SET actor = '' WHERE task_id = ANY ($1) AND actor = $2",
    "UPDATE assignment SET actor = '' WHERE task_id = ANY ($1) AND actor = $2",
];

/// What stands where something could not be read.
const UNREADABLE: &str = "{}";

/// Under locks on the tasks' rows, in the order of their ids, as every batch takes them.
pub(super) async fn erase(connection: &mut PgConnection, ids: &[Uuid], user: &str) -> Result<(), StoreError> {
    let at = StoreError::at("erase a task");
    let lock = sqlx::query("SELECT id FROM task WHERE id = ANY ($1) ORDER BY id FOR UPDATE");
    lock.bind(ids).execute(&mut *connection).await.map_err(&at)?;
    states(connection, ids, user).await?;
    for statement in WORDS {
        let erase = sqlx::query(statement).bind(ids);
        erase.execute(&mut *connection).await.map_err(&at)?;
    }
    for statement in NAMES {
        let erase = sqlx::query(statement).bind(ids).bind(user);
        erase.execute(&mut *connection).await.map_err(&at)?;
    }
    events(connection, ids).await.map_err(&at)
}

/// Each with the next version, so that what a coordinator has of it in memory is no longer written.
async fn states(connection: &mut PgConnection, ids: &[Uuid], user: &str) -> Result<(), StoreError> {
    let at = StoreError::at("erase the state of a task");
    let wanted: Vec<TaskId> = ids.iter().map(|id| TaskId(*id)).collect();
    let mut states = Vec::with_capacity(ids.len());
    for id in &wanted {
        match load::states(&mut *connection, &[*id]).await {
            Ok(state) => states.extend(state),
            Err(StoreError::Corrupt { .. }) => unreadable(connection, *id).await.map_err(&at)?,
            Err(error) => return Err(error),
        }
    }
    let submissions: Vec<_> = wanted.iter().map(|task| (*task, SUBMISSION)).collect();
    let submissions = load::bodies(&mut *connection, &submissions).await?;
    for task in states.into_iter().filter(|task| !task.erased) {
        let id = task.id;
        let corrupt = |what| {
            move |source| StoreError::Corrupt {
                what,
                task: id.0,
                source,
            }
        };
        let state = serde_json::to_string(&task.without_words(user)).map_err(corrupt("the state"))?;
        sqlx::query("UPDATE task SET state = $2, request = '', version = version + 1, erased_at = now() WHERE id = $1")
            .bind(id.0)
            .bind(state)
            .execute(&mut *connection)
            .await
            .map_err(&at)?;
        let submission = submissions.get(&(id, SUBMISSION)).map_or("", |text| &**text);
        let submission = match serde_json::from_str::<Submission>(submission) {
            Ok(submission) => serde_json::to_string(&submission.without_words()).map_err(corrupt("the submission"))?,
            // Of what nobody can read nothing need stand.
            Err(_) => UNREADABLE.to_owned(),
        };
        sqlx::query("UPDATE payload SET body = $2 WHERE task_id = $1 AND no = 0")
            .bind(id.0)
            .bind(submission)
            .execute(&mut *connection)
            .await
            .map_err(&at)?;
    }
    Ok(())
}

/// A state that nobody can read goes whole: one such task must not keep the others' words.
async fn unreadable(connection: &mut PgConnection, task: TaskId) -> Result<(), sqlx::Error> {
    for statement in [
        "UPDATE task SET state = $2, request = '', version = version + 1, erased_at = now() WHERE id = $1 AND state <> $2",
        "UPDATE payload SET body = $2 WHERE task_id = $1 AND no = 0",
    ] {
        let erase = sqlx::query(statement).bind(task.0).bind(UNREADABLE);
        erase.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Events keep their place, number and kind: what is told again, or asked for from a number on, has no gap.
async fn events(connection: &mut PgConnection, ids: &[Uuid]) -> Result<(), sqlx::Error> {
    let rows: Vec<(Uuid, i64, String)> =
        sqlx::query_as("SELECT task_id, sequence, body FROM event WHERE task_id = ANY ($1)")
            .bind(ids)
            .fetch_all(&mut *connection)
            .await?;
    let (mut tasks, mut sequences, mut bodies) = (Vec::new(), Vec::new(), Vec::new());
    for (task, sequence, body) in rows {
        let blanked = blank::events(&body);
        if blanked != body {
            tasks.push(task);
            sequences.push(sequence);
            bodies.push(blanked);
        }
    }
    sqlx::query(
        "UPDATE event SET body = n.body FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS n (task_id, sequence, body)
         WHERE event.task_id = n.task_id AND event.sequence = n.sequence",
    )
    .bind(&tasks)
    .bind(&sequences)
    .bind(&bodies)
    .execute(connection)
    .await
    .map(drop)
}
