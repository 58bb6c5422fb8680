//! Evidence and what is derived from it: patterns and what became of offers.
//!
//! Evidence is the truth and is written once a task; the figures of a pattern are sums over it, kept so that
//! reading them costs the same however much was learned.

mod evidence;
mod offers;
mod study;

use super::records::NewRecord;
use crate::lesson::Lesson;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// Key of the advisory lock under which is learned: evidence and feedback on one task must see each other, and
/// patterns are updated by one at a time. It spells "learning".
const LOCK: i64 = 0x6c65_6172_6e69_6e67;

/// A lesson and the task it is of.
#[derive(Clone, Debug, PartialEq)]
pub struct Studied {
    pub task: Uuid,
    tenant: String,
    quality: Option<f64>,
    finished_at: DateTime<Utc>,
    lesson: Lesson,
}

/// The lesson of a new record, taken out of it.
pub fn taken(record: &mut NewRecord) -> Option<Studied> {
    Some(Studied {
        task: record.task.0,
        tenant: record.tenant.clone(),
        quality: record.quality,
        finished_at: record.finished_at,
        lesson: record.lesson.take()?,
    })
}

/// Until the transaction ends.
pub async fn lock(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK);
    lock.execute(connection).await.map(drop)
}

/// Learns; what was learned of a task before stays as it is.
pub(super) async fn learn(connection: &mut PgConnection, lessons: &[Studied]) -> Result<(), sqlx::Error> {
    let new = evidence::insert(connection, lessons).await?;
    let lessons: Vec<&Studied> = lessons.iter().filter(|lesson| new.contains(&lesson.task)).collect();
    evidence::insert_patterns(connection, &lessons).await?;
    evidence::note_exemplars(connection, &lessons).await?;
    evidence::add(connection, &new).await?;
    let decided = offers::decide(connection, &lessons).await?;
    offers::add_uses(connection, &decided).await
}

/// Puts right what feedback changes of a task's evidence. Under the lock.
pub(super) async fn reconsider(connection: &mut PgConnection, task: Uuid, tenant: &str) -> Result<(), sqlx::Error> {
    let update = sqlx::query(
        "WITH changed AS (
             UPDATE learner.evidence SET withdrawn = NOT withdrawn
             WHERE task_id = $1 AND tenant = $2 AND withdrawn <> learner.is_disliked($1, $2)
             RETURNING form, succeeded, withdrawn
         )
         UPDATE learner.pattern p SET evidence = p.evidence + CASE WHEN changed.withdrawn THEN -1 ELSE 1 END
         FROM changed WHERE p.form = changed.form AND changed.succeeded",
    );
    update.bind(task).bind(tenant).execute(connection).await.map(drop)
}

fn column<'l, L: 'l, T>(lessons: impl IntoIterator<Item = &'l L>, of: impl Fn(&'l L) -> T) -> Vec<T> {
    lessons.into_iter().map(of).collect()
}
