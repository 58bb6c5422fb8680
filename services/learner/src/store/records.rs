//! Raw records: kept once, read for exports.

use super::business::note_unless_busy;
use super::erasure::{guard, without_erased};
use super::gate_words;
use super::learning::{self, Planless, Studied};
use super::preference_uses::{self, Shown};
use super::{Store, StoreError};
use crate::business::Requested;
use crate::lesson::{Facts, Foreseen, Lesson};
use crate::preferences::Taught;
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, Row};
use std::collections::BTreeSet;
use uuid::Uuid;
use workflow::ids::TaskId;

/// A record to keep.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRecord {
    /// The task.
    pub task: TaskId,
    /// Whose it is.
    pub tenant: String,
    /// A terminal status.
    pub status: String,
    /// Overall score, 0-1.
    pub quality: Option<f64>,
    /// Reached its threshold.
    pub passed: Option<bool>,
    /// When the task ended.
    pub finished_at: DateTime<Utc>,
    /// The JSON text as it came.
    pub json: String,
    /// What figures are made of.
    pub facts: Facts,
    /// What it teaches.
    pub lesson: Option<Lesson>,
    /// It failed before there was a plan.
    pub planless: bool,
    /// Who asked for it; empty: not known.
    pub author: String,
    /// Who wrote something where they decided about it.
    pub said: BTreeSet<String>,
    /// When it was asked for; none: not known.
    pub asked_at: Option<DateTime<Utc>>,
    /// What it shows of preferences.
    pub taught: Option<Taught>,
    /// Figures that came with its request.
    pub requested: Option<Requested>,
}

/// A kept record.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRecord {
    /// Its id.
    pub record: Uuid,
    /// The JSON text: as it came, or a whole training record where it was imported.
    pub json: String,
    /// JSON list of what people said of it; none: nothing.
    pub ratings: Option<String>,
    /// JSON of what was settled of its business metrics, by name; none: nothing.
    pub levels: Option<String>,
}

impl Store {
    /// Those of `tasks` that are neither kept, nor set aside, nor erased.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn missing(&self, tasks: &[TaskId]) -> Result<Vec<TaskId>, StoreError> {
        let ids: Vec<Uuid> = tasks.iter().map(|task| task.0).collect();
        let rows = sqlx::query_scalar::<_, Uuid>(
            "SELECT id FROM unnest($1::uuid[]) AS asked(id)
             WHERE NOT EXISTS (SELECT FROM learner.record r WHERE r.task_id = id)
               AND NOT EXISTS (SELECT FROM learner.set_aside s WHERE s.task_id = id)
               AND NOT EXISTS (SELECT FROM learner.erased_task e WHERE e.task_hash = sha256(uuid_send(id)))",
        );
        let rows = rows.bind(ids).fetch_all(&self.pool).await;
        let rows = rows.map_err(StoreError::query("look for records"))?;
        Ok(rows.into_iter().map(TaskId).collect())
    }

    /// Keeps records and what they teach; those that are there already stay as they are and teach nothing more, and those
    /// of erased users are dropped. Tells how many were new.
    ///
    /// # Errors
    /// When the database does not take them; then none is kept.
    pub async fn keep(&self, records: Vec<NewRecord>) -> Result<u64, StoreError> {
        let failed = StoreError::query("keep records");
        let keep = async {
            let mut transaction = self.pool.begin().await?;
            let teach = records
                .iter()
                .any(|record| record.lesson.is_some() || record.taught.is_some() || record.planless);
            if teach {
                learning::lock(&mut transaction).await?;
            }
            guard(&mut transaction).await?;
            let mut records = without_erased(&mut transaction, records).await?;
            gate_words::silence_erased(&mut transaction, &mut records).await?;
            let said: Vec<(Uuid, String, BTreeSet<String>)> = records.iter_mut().map(said).collect();
            let lessons: Vec<Studied> = records.iter_mut().filter_map(learning::taken).collect();
            let shown: Vec<Shown> = records.iter_mut().filter_map(shown).collect();
            let planless: Vec<Planless> = records.iter().filter_map(learning::planless).collect();
            let figures: Vec<Told> = records.iter_mut().filter_map(told).collect();
            let new: BTreeSet<Uuid> = insert(&mut *transaction, records).await?.into_iter().collect();
            let said: Vec<_> = said.into_iter().filter(|(task, ..)| new.contains(task)).collect();
            gate_words::note(&mut transaction, &said).await?;
            if teach {
                let lessons: Vec<Studied> = lessons.into_iter().filter(|l| new.contains(&l.task)).collect();
                let planless: Vec<Planless> = planless.into_iter().filter(|p| new.contains(&p.task)).collect();
                learning::learn(&mut transaction, &lessons, &planless, &self.rules).await?;
                let shown: Vec<Shown> = shown.into_iter().filter(|s| new.contains(&s.task)).collect();
                preference_uses::learn(&mut transaction, &shown).await?;
            }
            let figures = figures.into_iter().filter(|told| new.contains(&told.task));
            let figures = figures.map(|told| (told.task, told.tenant, told.requested)).collect();
            let later = note_unless_busy(&mut transaction, figures).await?;
            if !later.is_empty() {
                let update = sqlx::query("UPDATE learner.record SET figures_read = false WHERE task_id = ANY($1)");
                update.bind(later).execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
            Ok(new.len() as u64)
        };
        keep.await.map_err(failed)
    }

    /// Notes a task whose record cannot be had or read, to be tried again after a minute.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn set_aside(&self, task: TaskId, reason: &str) -> Result<(), StoreError> {
        let upsert = sqlx::query(
            "INSERT INTO learner.set_aside (task_id, reason, retry_at) VALUES ($1, $2, now() + interval '1 minute')
             ON CONFLICT (task_id) DO UPDATE SET reason = excluded.reason",
        );
        let upsert = upsert.bind(task.0).bind(reason).execute(&self.pool).await;
        upsert.map_err(StoreError::query("set a task aside"))?;
        Ok(())
    }

    /// Tasks set aside whose time has come. The next time comes after twice as long, a day at most.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn due_again(&self, limit: i64) -> Result<Vec<TaskId>, StoreError> {
        let update = sqlx::query_scalar::<_, Uuid>(
            "UPDATE learner.set_aside SET
                 attempts = attempts + 1,
                 retry_at = now() + least(interval '1 day', interval '1 minute' * 2 ^ least(attempts, 20))
             WHERE task_id IN (
                 SELECT task_id FROM learner.set_aside WHERE retry_at <= now()
                 ORDER BY retry_at LIMIT $1 FOR UPDATE SKIP LOCKED
             )
             RETURNING task_id",
        );
        let rows = update.bind(limit).fetch_all(&self.pool).await;
        let rows = rows.map_err(StoreError::query("look for tasks set aside"))?;
        Ok(rows.into_iter().map(TaskId).collect())
    }
}

/// What a new record shows of preferences, taken out of it.
fn shown(record: &mut NewRecord) -> Option<Shown> {
    Some(Shown {
        task: record.task.0,
        tenant: record.tenant.clone(),
        finished_at: record.finished_at,
        taught: record.taught.take()?,
    })
}

/// Who wrote something where they decided about a new record's task, taken out of it.
fn said(record: &mut NewRecord) -> (Uuid, String, BTreeSet<String>) {
    (record.task.0, record.tenant.clone(), std::mem::take(&mut record.said))
}

/// Figures that came with a task's request.
struct Told {
    task: Uuid,
    tenant: String,
    requested: Requested,
}

fn told(record: &mut NewRecord) -> Option<Told> {
    Some(Told {
        task: record.task.0,
        requested: record.requested.take()?,
        tenant: record.tenant.clone(),
    })
}

/// Tasks that are new.
async fn insert(connection: impl PgExecutor<'_>, records: Vec<NewRecord>) -> Result<Vec<Uuid>, sqlx::Error> {
    let size = records.len();
    let mut tasks = Vec::with_capacity(size);
    let mut tenants = Vec::with_capacity(size);
    let mut statuses = Vec::with_capacity(size);
    let mut qualities = Vec::with_capacity(size);
    let mut passes = Vec::with_capacity(size);
    let mut ends = Vec::with_capacity(size);
    let mut texts = Vec::with_capacity(size);
    let mut refinements = Vec::with_capacity(size);
    let mut costs = Vec::with_capacity(size);
    let mut escalations = Vec::with_capacity(size);
    let mut overrides = Vec::with_capacity(size);
    let mut foreseen = Vec::with_capacity(size);
    let mut authors = Vec::with_capacity(size);
    for record in records {
        tasks.push(record.task.0);
        tenants.push(record.tenant);
        statuses.push(record.status);
        qualities.push(record.quality);
        passes.push(record.passed);
        ends.push(record.finished_at);
        texts.push(record.json);
        refinements.push(record.facts.refinements);
        costs.push(record.facts.usd);
        escalations.push(record.facts.escalated);
        overrides.push(record.facts.overridden);
        foreseen.push(record.facts.foreseen);
        authors.push(record.author);
    }
    let insert = sqlx::query_scalar(
        "WITH kept AS (
             INSERT INTO learner.record (task_id, tenant, status, quality, passed, finished_at, record,
                                         refinements, usd, escalated, overridden, forecast_quality, forecast_usd,
                                         steps_usd, forecast_seconds, steps_seconds, author, studied, figures_read, mined)
             SELECT *, true, true, true FROM unnest($1::uuid[], $2::text[], $3::text[], $4::float8[], $5::bool[],
                                        $6::timestamptz[], $7::text[], $8::int[], $9::float8[], $10::bool[], $11::bool[],
                                        $12::float8[], $13::float8[], $14::float8[], $15::float8[], $16::float8[],
                                        $17::text[])
             ON CONFLICT DO NOTHING
             RETURNING task_id
         ), found AS (
             DELETE FROM learner.set_aside WHERE task_id = ANY($1)
         )
         SELECT task_id FROM kept",
    );
    let part = |of: fn(&Foreseen) -> Option<f64>| foreseen.iter().map(of).collect::<Vec<Option<f64>>>();
    let insert = insert
        .bind(tasks)
        .bind(tenants)
        .bind(statuses)
        .bind(qualities)
        .bind(passes)
        .bind(ends)
        .bind(texts)
        .bind(refinements)
        .bind(costs)
        .bind(escalations)
        .bind(overrides)
        .bind(part(|of| of.quality))
        .bind(part(|of| of.usd.map(|usd| usd.expected)))
        .bind(part(|of| of.usd.map(|usd| usd.actual)))
        .bind(part(|of| of.seconds.map(|seconds| seconds.expected)))
        .bind(part(|of| of.seconds.map(|seconds| seconds.actual)))
        .bind(authors);
    insert.fetch_all(connection).await
}

/// Live and imported records by their ids, in no order.
pub(super) async fn by_id(
    connection: &mut PgConnection,
    tenant: &str,
    live: &[Uuid],
    imported: &[Uuid],
) -> Result<Vec<StoredRecord>, StoreError> {
    let select = sqlx::query(
        "SELECT task_id, record, (
             SELECT json_agg(json_build_object('rating', rating, 'comment', comment, 'dimension', dimension,
                                               'step_id', step_id) ORDER BY created_at, feedback_id)::text
             FROM learner.feedback f WHERE f.task_id = r.task_id AND f.tenant = r.tenant
         ), (
             SELECT json_object_agg(name, json_build_object('segment', nullif(segment, ''), 'level', level,
                        'before', before, 'after', after, 'effect', effect, 'statement', statement,
                        'interval', CASE WHEN lower_end IS NOT NULL THEN json_build_array(lower_end, upper_end) END))::text
             FROM learner.metric_level m WHERE m.task_id = r.task_id AND m.tenant = r.tenant AND look_at IS NULL
         ) FROM learner.record r WHERE tenant = $1 AND task_id = ANY($2)
         UNION ALL
         SELECT record_id, record, NULL, NULL FROM learner.imported WHERE tenant = $1 AND record_id = ANY($3)",
    );
    let rows = select
        .bind(tenant)
        .bind(live)
        .bind(imported)
        .fetch_all(connection)
        .await;
    let rows = rows.and_then(|rows| {
        let read = |row: &sqlx::postgres::PgRow| {
            Ok(StoredRecord {
                record: row.try_get(0)?,
                json: row.try_get(1)?,
                ratings: row.try_get(2)?,
                levels: row.try_get(3)?,
            })
        };
        rows.iter().map(read).collect()
    });
    rows.map_err(StoreError::query("read records"))
}

#[cfg(test)]
impl Store {
    /// Records of ended tasks, made in the database: of a thousand kinds, each with an output of so many bytes.
    pub async fn plant(&self, tenant: &str, count: u32, output_bytes: u32) {
        let insert = sqlx::query(
            "INSERT INTO learner.record (task_id, tenant, status, quality, passed, finished_at, studied, mined, author, record)
             SELECT md5(n::text)::uuid, $1, 'completed', 0.9, true, ended, true, true, '', json_build_object(
                 'task', json_build_object('status', 'completed', 'finished_at', to_char(ended, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),
                     'quality', json_build_object('overall', 0.9, 'passed', true),
                     'plan', json_build_object('version', 1, 'steps', json_build_array(json_build_object('key', 'a',
                         'tool_id', 'writer', 'status', 'succeeded', 'attempt', 1)))),
                 'submission', json_build_object('request', format('Write to %s about %s, %s', md5((n % 1000)::text),
                     md5((n % 1000 + 7)::text), md5((n % 1000 + 9)::text))),
                 'plan', json_build_object('steps', json_build_array(json_build_object('key', 'a', 'tool_id', 'writer',
                     'arguments', json_build_object()))),
                 'outputs', json_build_object('a', rpad('', $3, translate(md5(n::text), '0123456789', 'ghijklmnop') || ' some words of an output, ')))::text
             FROM (SELECT n, timestamptz '2030-01-01 00:00:00Z' + n * interval '1 second' AS ended
                   FROM generate_series(1, $2) AS n) AS planted",
        );
        let insert = insert
            .bind(tenant)
            .bind(i32::try_from(count).unwrap())
            .bind(i32::try_from(output_bytes).unwrap());
        insert.execute(&self.pool).await.unwrap();
    }
}
