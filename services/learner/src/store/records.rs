//! Raw records: kept once, selected for exports.

use super::business::note_requested;
use super::erasure::{guard, without_erased};
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
    /// When it was asked for; none: not known.
    pub asked_at: Option<DateTime<Utc>>,
    /// What it shows of preferences.
    pub taught: Option<Taught>,
    /// Figures that came with its request.
    pub requested: Option<Requested>,
}

/// Which records an export takes.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Selection {
    /// Whose.
    pub tenant: String,
    /// Ended at or after.
    pub since: Option<DateTime<Utc>>,
    /// Ended before.
    pub until: Option<DateTime<Utc>>,
    /// Of at least this overall score.
    pub min_quality: Option<f64>,
    /// That reached their own threshold.
    pub must_pass: bool,
}

/// How many records a selection takes and leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Counts {
    /// The tenant's in all.
    pub considered: i64,
    /// Not in the period.
    pub outside_period: i64,
    /// In the period, but never judged, where quality is asked for.
    pub quality_unknown: i64,
    /// In the period and judged, but not good enough.
    pub quality_below: i64,
}

impl Counts {
    /// What is left.
    pub fn selected(&self) -> i64 {
        self.considered - self.outside_period - self.quality_unknown - self.quality_below
    }
}

/// A kept record.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRecord {
    /// The task.
    pub task: TaskId,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// The JSON text as it came.
    pub json: String,
    /// JSON list of what people said of it; none: nothing.
    pub ratings: Option<String>,
}

/// Where a page begins, and how long it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Page {
    /// The last record of the page before.
    pub after: Option<(DateTime<Utc>, TaskId)>,
    /// Most records.
    pub limit: i64,
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
            let lessons: Vec<Studied> = records.iter_mut().filter_map(learning::taken).collect();
            let shown: Vec<Shown> = records.iter_mut().filter_map(shown).collect();
            let planless: Vec<Planless> = records.iter().filter_map(learning::planless).collect();
            let figures: Vec<Told> = records.iter_mut().filter_map(told).collect();
            let new: BTreeSet<Uuid> = insert(&mut *transaction, records).await?.into_iter().collect();
            if teach {
                let lessons: Vec<Studied> = lessons.into_iter().filter(|l| new.contains(&l.task)).collect();
                let planless: Vec<Planless> = planless.into_iter().filter(|p| new.contains(&p.task)).collect();
                learning::learn(&mut transaction, &lessons, &planless, &self.rules).await?;
                let shown: Vec<Shown> = shown.into_iter().filter(|s| new.contains(&s.task)).collect();
                preference_uses::learn(&mut transaction, &shown).await?;
            }
            let figures = figures.into_iter().filter(|told| new.contains(&told.task));
            note_requested(
                &mut transaction,
                figures.map(|told| (told.tenant, told.requested)).collect(),
            )
            .await?;
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

    /// How many records a selection takes and leaves, as of now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count(&self, selection: &Selection) -> Result<Counts, StoreError> {
        let mut connection = self
            .pool
            .acquire()
            .await
            .map_err(StoreError::query("reach the database"))?;
        count_in(&mut connection, selection).await
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
                                         steps_usd, forecast_seconds, steps_seconds, author, studied, figures_read)
             SELECT *, true, true FROM unnest($1::uuid[], $2::text[], $3::text[], $4::float8[], $5::bool[],
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

/// As [`Store::count`], in the transaction of `connection`.
pub(super) async fn count_in(connection: &mut PgConnection, selection: &Selection) -> Result<Counts, StoreError> {
    let select = sqlx::query(
        "WITH own AS (
             SELECT ($2::timestamptz IS NULL OR finished_at >= $2) AND ($3::timestamptz IS NULL OR finished_at < $3) AS in_period,
                    ($4::float8 IS NOT NULL AND quality IS NULL) OR ($5 AND passed IS NULL) AS unknown,
                    ($4::float8 IS NULL OR quality >= $4) AND (NOT $5 OR passed) AS good
             FROM learner.record WHERE tenant = $1
         )
         SELECT count(*),
                count(*) FILTER (WHERE NOT in_period),
                count(*) FILTER (WHERE in_period AND unknown),
                count(*) FILTER (WHERE in_period AND NOT unknown AND NOT good)
         FROM own",
    );
    let select = select
        .bind(&selection.tenant)
        .bind(selection.since)
        .bind(selection.until)
        .bind(selection.min_quality)
        .bind(selection.must_pass);
    let failed = StoreError::query("count records");
    let read = async {
        let row = select.fetch_one(connection).await?;
        Ok(Counts {
            considered: row.try_get(0)?,
            outside_period: row.try_get(1)?,
            quality_unknown: row.try_get(2)?,
            quality_below: row.try_get(3)?,
        })
    };
    read.await.map_err(failed)
}

/// The next records of a selection in the order of their end.
pub(super) async fn page_in(
    connection: &mut PgConnection,
    selection: &Selection,
    page: Page,
) -> Result<Vec<StoredRecord>, StoreError> {
    // Always a lower bound, never "or null", so that each page is found by index and not counted off.
    let first = (selection.since.unwrap_or(DateTime::UNIX_EPOCH), Uuid::nil());
    let (end, task) = page.after.map_or(first, |(end, task)| (end, task.0));
    let select = sqlx::query(
        "SELECT task_id, finished_at, record, (
             SELECT json_agg(json_build_object('rating', rating, 'comment', comment, 'dimension', dimension,
                                               'step_id', step_id) ORDER BY created_at, feedback_id)::text
             FROM learner.feedback f WHERE f.task_id = r.task_id AND f.tenant = r.tenant
         ) AS ratings
         FROM learner.record r
         WHERE tenant = $1
           AND (finished_at, task_id) > ($2, $3::uuid) AND finished_at < coalesce($4::timestamptz, 'infinity')
           AND ($5::float8 IS NULL OR quality >= $5) AND (NOT $6 OR passed)
         ORDER BY finished_at, task_id LIMIT $7",
    );
    let select = select
        .bind(&selection.tenant)
        .bind(end)
        .bind(task)
        .bind(selection.until)
        .bind(selection.min_quality)
        .bind(selection.must_pass)
        .bind(page.limit);
    let read = async {
        let rows = select.fetch_all(connection).await?;
        let read = rows.iter().map(|row| -> Result<StoredRecord, sqlx::Error> {
            Ok(StoredRecord {
                task: TaskId(row.try_get(0)?),
                finished_at: row.try_get(1)?,
                json: row.try_get(2)?,
                ratings: row.try_get(3)?,
            })
        });
        read.collect::<Result<Vec<_>, _>>()
    };
    read.await.map_err(StoreError::query("read records"))
}
