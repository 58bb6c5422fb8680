//! Evidence and what is derived from it: patterns and what became of offers.
//!
//! Evidence is the truth and is written once a task; the figures of a pattern are sums over it, kept so that
//! reading them costs the same however much was learned.

mod evidence;
mod forget;
mod fragments;
mod offers;
pub(super) mod standing;
mod study;
mod told;

pub(super) use forget::{forget, reconsider_all};
pub(super) use study::note_authors;

use super::records::NewRecord;
use super::{Rules, Store, StoreError};
use crate::lesson::{Lesson, lesson};
use chrono::{DateTime, Utc};
use evidence::Shown;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

/// Key of the advisory lock under which is learned: evidence and feedback on one task must see each other, and
/// patterns are updated by one at a time. It spells "learning".
const LOCK: i64 = 0x6c65_6172_6e69_6e67;

/// Successes of a form that are looked through for one that can be shown: plans of one form are of about one size.
const SHOWABLE_WITHIN: i64 = 8;

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

/// A task that came to a bad end before there was a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Planless {
    pub task: Uuid,
    tenant: String,
    finished_at: DateTime<Utc>,
}

/// That the task of a new record came to no plan, where it did not.
pub fn planless(record: &NewRecord) -> Option<Planless> {
    record.planless.then(|| Planless {
        task: record.task.0,
        tenant: record.tenant.clone(),
        finished_at: record.finished_at,
    })
}

/// Until the transaction ends.
pub async fn lock(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK);
    lock.execute(connection).await.map(drop)
}

/// Learns; what was learned of a task before stays as it is. `planless` teach what became of an offer.
pub(super) async fn learn(
    connection: &mut PgConnection,
    lessons: &[Studied],
    planless: &[Planless],
    rules: &Rules,
) -> Result<(), sqlx::Error> {
    let new = evidence::insert(connection, lessons).await?;
    // Of tasks that an earlier version learned from, too.
    let parts = fragments::learn(connection, lessons, rules).await?;
    let lessons: Vec<&Studied> = lessons.iter().filter(|l| new.contains_key(&l.task)).collect();
    evidence::insert_patterns(connection, &lessons).await?;
    let shown = lessons
        .iter()
        .filter(|l| l.lesson.succeeded && new.get(&l.task) == Some(&false));
    evidence::note_exemplars(connection, &shown.filter_map(|l| l.shown()).collect::<Vec<_>>()).await?;
    evidence::add(connection, &column(&lessons, |l| (l.task, l.lesson.form))).await?;
    let mut decided = offers::decide(connection, &lessons).await?;
    decided.extend(offers::decide_planless(connection, planless).await?);
    offers::add_uses(connection, &decided).await?;
    let mut forms = column(lessons, |l| l.lesson.form);
    forms.extend(parts);
    let touched = standing::touched(connection, &forms, &decided).await?;
    standing::settle(connection, &touched, rules).await
}

/// Puts right what feedback changes of a task's evidence. Under the lock.
pub(super) async fn reconsider(
    connection: &mut PgConnection,
    task: Uuid,
    tenant: &str,
    rules: &Rules,
) -> Result<(), sqlx::Error> {
    let update = sqlx::query_as(
        "WITH changed AS (
             UPDATE learner.evidence SET withdrawn = NOT withdrawn
             WHERE task_id = $1 AND tenant = $2 AND withdrawn <> learner.is_disliked($1, $2)
             RETURNING form, succeeded, withdrawn
         ), uses AS (
             UPDATE learner.pattern_use u SET succeeded = changed.succeeded AND NOT changed.withdrawn
             FROM changed WHERE u.task_id = $1
         ), patterns AS (
             UPDATE learner.pattern p SET evidence = p.evidence + CASE WHEN changed.withdrawn THEN -1 ELSE 1 END
             FROM changed WHERE p.form = changed.form AND changed.succeeded
         )
         SELECT form, withdrawn, succeeded FROM changed",
    );
    let update = update.bind(task).bind(tenant);
    let changed: Option<(Uuid, bool, bool)> = update.fetch_optional(&mut *connection).await?;
    let Some((form, withdrawn, succeeded)) = changed else {
        return Ok(());
    };
    // What people dislike repaired nothing, however it ended.
    super::issues::note_news(connection, &[tenant.to_owned()]).await?;
    if !succeeded {
        return Ok(());
    }
    offers::reconsider(connection, task, withdrawn).await?;
    choose_exemplar(connection, form).await?;
    let mut forms = fragments::reconsider(connection, task, rules).await?;
    forms.push(form);
    let touched = standing::touched(connection, &forms, &[task]).await?;
    standing::settle(connection, &touched, rules).await
}

/// Puts right what parts of plans say of a task whose evidence was changed by a learner that knows of none.
async fn reconsider_parts(connection: &mut PgConnection, task: Uuid, rules: &Rules) -> Result<(), sqlx::Error> {
    let forms = fragments::reconsider(connection, task, rules).await?;
    let touched = standing::touched(connection, &forms, &[]).await?;
    standing::settle(connection, &touched, rules).await
}

/// From what is left of a form's evidence; a pattern without any success shows what was imported, or nothing.
async fn choose_exemplar(connection: &mut PgConnection, form: Uuid) -> Result<(), sqlx::Error> {
    show_nothing(connection, form).await?;
    let select = sqlx::query(
        "SELECT task_id, e.tenant, e.finished_at, record FROM learner.evidence e JOIN learner.record r USING (task_id)
         WHERE form = $1 AND succeeded AND NOT withdrawn ORDER BY e.finished_at, task_id LIMIT $2",
    );
    let rows = select
        .bind(form)
        .bind(SHOWABLE_WITHIN)
        .fetch_all(&mut *connection)
        .await?;
    for row in rows {
        let (tenant, raw): (String, String) = (row.try_get("tenant")?, row.try_get("record")?);
        // That it succeeded was decided when it was studied, by what counted then.
        let Some(exemplar) = lesson(&tenant, &raw, 0.0).and_then(|lesson| lesson.exemplar) else {
            continue;
        };
        let oldest = Shown {
            task: row.try_get("task_id")?,
            form,
            finished_at: row.try_get("finished_at")?,
            exemplar: &exemplar,
        };
        return evidence::note_exemplars(connection, &[oldest]).await;
    }
    Ok(())
}

/// But what was imported.
async fn show_nothing(connection: &mut PgConnection, form: Uuid) -> Result<(), sqlx::Error> {
    let clear = sqlx::query(
        "UPDATE learner.pattern SET exemplar = NULL, exemplar_at = NULL, intent = imported::jsonb ->> 'intent',
                subject = imported::jsonb ->> 'subject', template = imported::jsonb ->> 'template',
                slots = imported::jsonb ->> 'slots',
                tools = ARRAY(SELECT jsonb_array_elements_text(imported::jsonb -> 'tools'))
         WHERE form = $1",
    );
    clear.bind(form).execute(connection).await.map(drop)
}

impl Studied {
    fn shown(&self) -> Option<Shown<'_>> {
        Some(Shown {
            task: self.task,
            form: self.lesson.form,
            finished_at: self.finished_at,
            exemplar: self.lesson.exemplar.as_ref()?,
        })
    }
}

fn column<'l, L: 'l, T>(lessons: impl IntoIterator<Item = &'l L>, of: impl Fn(&'l L) -> T) -> Vec<T> {
    lessons.into_iter().map(of).collect()
}
