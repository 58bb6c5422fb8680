//! Evidence and what is derived from it: patterns and what became of offers.
//!
//! Evidence is the truth and is written once a task; the figures of a pattern are sums over it, kept so that
//! reading them costs the same however much was learned.

use super::records::NewRecord;
use super::{Store, StoreError};
use crate::lesson::{Exemplar, Facts, Lesson, lesson};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::{PgConnection, Row};
use std::collections::BTreeMap;
use uuid::Uuid;
use workflow::plan::{Plan, similarity};

/// Records studied with one transaction.
const PAGE: i64 = 64;
/// From here on a plan follows a pattern, and from here on in part.
const ADOPTED: f64 = 0.8;
const ADAPTED: f64 = 0.4;
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

/// Whether a plan follows a pattern, by what they have in common.
pub fn decision(similarity: f64) -> &'static str {
    match similarity {
        s if s >= ADOPTED => "adopted",
        s if s >= ADAPTED => "adapted",
        _ => "refused",
    }
}

/// Until the transaction ends.
pub(super) async fn lock(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK);
    lock.execute(connection).await.map(drop)
}

/// Learns; what was learned of a task before stays as it is.
pub(super) async fn learn(connection: &mut PgConnection, lessons: &[Studied]) -> Result<(), sqlx::Error> {
    let new = insert_evidence(connection, lessons).await?;
    let lessons: Vec<&Studied> = lessons.iter().filter(|lesson| new.contains(&lesson.task)).collect();
    insert_patterns(connection, &lessons).await?;
    note_exemplars(connection, &lessons).await?;
    add_evidence(connection, &new).await?;
    let decided = decide_offers(connection, &lessons).await?;
    add_uses(connection, &decided).await
}

async fn insert_evidence(connection: &mut PgConnection, lessons: &[Studied]) -> Result<Vec<Uuid>, sqlx::Error> {
    let insert = sqlx::query_scalar(
        "INSERT INTO learner.evidence (task_id, tenant, form, succeeded, withdrawn, quality, finished_at)
         SELECT task_id, tenant, form, succeeded, learner.is_disliked(task_id, tenant), quality, finished_at
         FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bool[], $5::float8[], $6::timestamptz[])
              AS n(task_id, tenant, form, succeeded, quality, finished_at)
         ON CONFLICT DO NOTHING RETURNING task_id",
    );
    let insert = insert
        .bind(column(lessons, |l| l.task))
        .bind(column(lessons, |l| l.tenant.clone()))
        .bind(column(lessons, |l| l.lesson.form))
        .bind(column(lessons, |l| l.lesson.succeeded))
        .bind(column(lessons, |l| l.quality))
        .bind(column(lessons, |l| l.finished_at));
    insert.fetch_all(connection).await
}

fn column<'l, L: 'l, T>(lessons: impl IntoIterator<Item = &'l L>, of: impl Fn(&'l L) -> T) -> Vec<T> {
    lessons.into_iter().map(of).collect()
}

/// A row for every form seen, that failures before the first success count too.
async fn insert_patterns(connection: &mut PgConnection, lessons: &[&Studied]) -> Result<(), sqlx::Error> {
    let forms: BTreeMap<Uuid, &str> = lessons.iter().map(|l| (l.lesson.form, l.tenant.as_str())).collect();
    let insert = sqlx::query(
        "INSERT INTO learner.pattern (pattern_id, form, tenant)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[]) ON CONFLICT (form) DO NOTHING",
    );
    let insert = insert
        .bind(forms.keys().map(|_| service::ids::v7()).collect::<Vec<Uuid>>())
        .bind(forms.keys().copied().collect::<Vec<Uuid>>())
        .bind(forms.values().copied().collect::<Vec<&str>>());
    insert.execute(connection).await.map(drop)
}

/// The success that ended first shows the way, whatever the order in which tasks are told of.
async fn note_exemplars(connection: &mut PgConnection, lessons: &[&Studied]) -> Result<(), sqlx::Error> {
    let successes: Vec<&Studied> = lessons.iter().copied().filter(|l| l.lesson.succeeded).collect();
    let text = |of: fn(&Exemplar) -> &str| -> Vec<&str> { successes.iter().map(|l| of(&l.lesson.exemplar)).collect() };
    let update = sqlx::query(
        "UPDATE learner.pattern p SET exemplar = n.task_id, exemplar_at = n.finished_at, intent = n.intent,
                subject = n.subject, template = n.template, slots = n.slots,
                tools = ARRAY(SELECT jsonb_array_elements_text(n.tools::jsonb))
         FROM (
             SELECT DISTINCT ON (form) * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[],
                                                     $6::text[], $7::text[], $8::text[])
                    AS given(task_id, form, finished_at, intent, subject, template, slots, tools)
             ORDER BY form, finished_at, task_id
         ) AS n
         WHERE p.form = n.form
           AND (p.exemplar IS NULL OR (n.finished_at, n.task_id) < (p.exemplar_at, p.exemplar))",
    );
    let tools = successes.iter().map(|l| json!(l.lesson.exemplar.tools).to_string());
    let update = update
        .bind(successes.iter().map(|l| l.task).collect::<Vec<Uuid>>())
        .bind(successes.iter().map(|l| l.lesson.form).collect::<Vec<Uuid>>())
        .bind(successes.iter().map(|l| l.finished_at).collect::<Vec<DateTime<Utc>>>())
        .bind(text(|exemplar| &exemplar.intent))
        .bind(text(|exemplar| &exemplar.subject))
        .bind(text(|exemplar| &exemplar.template))
        .bind(text(|exemplar| &exemplar.slots))
        .bind(tools.collect::<Vec<String>>());
    update.execute(connection).await.map(drop)
}

async fn add_evidence(connection: &mut PgConnection, tasks: &[Uuid]) -> Result<(), sqlx::Error> {
    let update = sqlx::query(
        "UPDATE learner.pattern p SET
             tasks = p.tasks + n.tasks, evidence = p.evidence + n.evidence, judged = p.judged + n.judged,
             quality_sum = p.quality_sum + n.quality_sum, quality_squares = p.quality_squares + n.quality_squares,
             first_at = least(p.first_at, n.first_at), last_at = greatest(p.last_at, n.last_at)
         FROM (
             SELECT form, count(*) AS tasks, count(*) FILTER (WHERE succeeded AND NOT withdrawn) AS evidence,
                    count(quality) AS judged, coalesce(sum(quality), 0) AS quality_sum,
                    coalesce(sum(quality * quality), 0) AS quality_squares,
                    min(finished_at) AS first_at, max(finished_at) AS last_at
             FROM learner.evidence WHERE task_id = ANY($1) GROUP BY form
         ) AS n
         WHERE p.form = n.form",
    );
    update.bind(tasks).execute(connection).await.map(drop)
}

/// Tells by the executed plans what became of offers; the tasks with offers.
async fn decide_offers(connection: &mut PgConnection, lessons: &[&Studied]) -> Result<Vec<Uuid>, sqlx::Error> {
    let asked: BTreeMap<Uuid, &Studied> = lessons
        .iter()
        .filter(|lesson| lesson.lesson.recalled)
        .map(|lesson| (lesson.task, *lesson))
        .collect();
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let offers = sqlx::query(
        "SELECT o.task_id, o.pattern_id, o.withheld, p.template FROM learner.offer o
         JOIN learner.pattern p USING (pattern_id) WHERE o.task_id = ANY($1)",
    );
    let offers = offers.bind(asked.keys().copied().collect::<Vec<Uuid>>());
    let offers = offers.fetch_all(&mut *connection).await?;
    let (mut tasks, mut patterns, mut decisions, mut alike) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for row in offers {
        let (task, withheld): (Uuid, bool) = (row.try_get("task_id")?, row.try_get("withheld")?);
        // An answer that came too late offered nothing.
        let Some(studied) = asked.get(&task).filter(|studied| withheld || studied.lesson.offered) else {
            continue;
        };
        let template: Option<String> = row.try_get("template")?;
        let share = shared(template.as_deref(), &studied.lesson.plan);
        tasks.push(task);
        patterns.push(row.try_get::<Uuid, _>("pattern_id")?);
        decisions.push(if withheld { "withheld" } else { decision(share) });
        alike.push(share);
    }
    let insert = sqlx::query(
        "INSERT INTO learner.pattern_use (task_id, pattern_id, tenant, decision, similarity, quality, finished_at)
         SELECT n.task_id, n.pattern_id, e.tenant, n.decision, n.similarity, e.quality, e.finished_at
         FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::float8[]) AS n(task_id, pattern_id, decision, similarity)
         JOIN learner.evidence e USING (task_id)
         ON CONFLICT DO NOTHING",
    );
    insert
        .bind(&tasks)
        .bind(patterns)
        .bind(decisions)
        .bind(alike)
        .execute(connection)
        .await?;
    Ok(tasks)
}

fn shared(template: Option<&str>, plan: &Plan) -> f64 {
    let pattern = template
        .and_then(|template| serde_json::from_str::<Value>(template).ok())
        .and_then(|template| Plan::deserialize(template).ok());
    pattern.map_or(0.0, |pattern| similarity(&pattern, plan))
}

async fn add_uses(connection: &mut PgConnection, tasks: &[Uuid]) -> Result<(), sqlx::Error> {
    if tasks.is_empty() {
        return Ok(());
    }
    let update = sqlx::query(
        "UPDATE learner.pattern p SET offered = p.offered + n.offered, adopted = p.adopted + n.adopted,
                adapted = p.adapted + n.adapted, refused = p.refused + n.refused
         FROM (
             SELECT pattern_id, count(*) FILTER (WHERE decision <> 'withheld') AS offered,
                    count(*) FILTER (WHERE decision = 'adopted') AS adopted,
                    count(*) FILTER (WHERE decision = 'adapted') AS adapted,
                    count(*) FILTER (WHERE decision = 'refused') AS refused
             FROM learner.pattern_use WHERE task_id = ANY($1) GROUP BY pattern_id
         ) AS n
         WHERE p.pattern_id = n.pattern_id",
    );
    update.bind(tasks).execute(connection).await.map(drop)
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

impl Store {
    /// Learns from records that were kept before there was anything to learn; some at a time. False: none is left.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn study(&self, least: f64) -> Result<bool, StoreError> {
        let study = async {
            let mut transaction = self.pool.begin().await?;
            let select = sqlx::query(
                "SELECT task_id, tenant, quality, passed, finished_at, record FROM learner.record
                 WHERE NOT studied ORDER BY finished_at, task_id LIMIT $1 FOR UPDATE SKIP LOCKED",
            );
            let rows = select.bind(PAGE).fetch_all(&mut *transaction).await?;
            if rows.is_empty() {
                return Ok(false);
            }
            let mut lessons = Vec::new();
            let mut facts = Vec::new();
            for row in &rows {
                let (task, raw): (Uuid, String) = (row.try_get("task_id")?, row.try_get("record")?);
                let tenant: String = row.try_get("tenant")?;
                facts.push((task, facts_of(&raw, row.try_get("passed")?)));
                lessons.extend(lesson(&tenant, &raw, least).map(|lesson| Studied {
                    task,
                    quality: row.try_get("quality").ok().flatten(),
                    finished_at: row.try_get("finished_at").unwrap_or_default(),
                    tenant,
                    lesson,
                }));
            }
            lock(&mut transaction).await?;
            note_facts(&mut transaction, &facts).await?;
            learn(&mut transaction, &lessons).await?;
            transaction.commit().await?;
            Ok(true)
        };
        study.await.map_err(StoreError::query("study records"))
    }
}

fn facts_of(raw: &str, passed: Option<bool>) -> Facts {
    let raw: Value = serde_json::from_str(raw).unwrap_or_default();
    let refinements = raw.pointer("/task/refinements").and_then(Value::as_u64);
    let usd = raw.pointer("/task/cost/usd").and_then(Value::as_f64);
    let gates = raw.get("gates").unwrap_or(&Value::Null);
    Facts::of(refinements.unwrap_or_default(), usd, gates, passed)
}

async fn note_facts(connection: &mut PgConnection, facts: &[(Uuid, Facts)]) -> Result<(), sqlx::Error> {
    let update = sqlx::query(
        "UPDATE learner.record r SET studied = true, refinements = n.refinements, usd = n.usd,
                escalated = n.escalated, overridden = n.overridden
         FROM unnest($1::uuid[], $2::int[], $3::float8[], $4::bool[], $5::bool[])
              AS n(task_id, refinements, usd, escalated, overridden)
         WHERE r.task_id = n.task_id",
    );
    let update = update
        .bind(column(facts, |(task, _)| *task))
        .bind(column(facts, |(_, facts)| facts.refinements))
        .bind(column(facts, |(_, facts)| facts.usd))
        .bind(column(facts, |(_, facts)| facts.escalated))
        .bind(column(facts, |(_, facts)| facts.overridden));
    update.execute(connection).await.map(drop)
}

#[cfg(test)]
impl Store {
    /// As after an upgrade from before there were patterns; feedback and offers stay.
    pub async fn forget_patterns(&self) {
        for statement in [
            "TRUNCATE learner.pattern, learner.evidence, learner.pattern_use",
            "UPDATE learner.record SET studied = false, refinements = NULL, usd = NULL, escalated = NULL, overridden = NULL",
        ] {
            sqlx::query(statement).execute(&self.pool).await.unwrap();
        }
    }
}
