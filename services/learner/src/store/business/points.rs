//! Points: kept once, corrected by later ones.

use crate::business::Point;
use crate::store::{Store, StoreError};
use serde_json::Value;
use sqlx::{PgConnection, Row};
use std::collections::BTreeMap;

/// Names and segments of one tenant.
pub const MOST_SERIES: i64 = 2_000;
/// Of one series, corrections included.
pub const MOST_POINTS: i64 = 200_000;

/// Points that somebody reports at once.
#[derive(Clone, Debug, PartialEq)]
pub struct NewReport {
    pub tenant: String,
    pub actor: String,
    pub body_hash: String,
    pub idempotency_key: Option<String>,
    pub points: Vec<Point>,
}

/// What became of a report.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Kept; the answer.
    Noted(Value),
    /// It was answered before, for a body of this hash.
    Replayed { answer: Value, body_hash: String },
    /// The tenant has all the series it may.
    TooManySeries,
    /// A series has all the points it may.
    TooManyPoints,
}

/// Why points do not fit in.
pub(super) enum Full {
    Series,
    Points,
}

impl Store {
    /// Keeps a report whole, once for an idempotency key, or nothing of it. `answer` is told the points and what became
    /// of each.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn note_report(
        &self,
        report: &NewReport,
        answer: impl Fn(&[Point], &[&'static str]) -> Value + Send,
    ) -> Result<Outcome, StoreError> {
        let note = async {
            let mut transaction = self.pool.begin().await?;
            lock(&mut transaction, &report.tenant).await?;
            if let Some(known) = replay(&mut transaction, report).await? {
                return Ok(known);
            }
            let became = match insert(&mut transaction, &report.tenant, &report.points, Some(&report.actor)).await? {
                Ok(became) => became,
                Err(Full::Series) => return Ok(Outcome::TooManySeries),
                Err(Full::Points) => return Ok(Outcome::TooManyPoints),
            };
            let answer = answer(&report.points, &became);
            if let Some(key) = &report.idempotency_key {
                let insert = sqlx::query(
                    "INSERT INTO learner.metric_report (tenant, idempotency_key, body_hash, answer)
                     VALUES ($1, $2, $3, $4)",
                );
                let insert = insert.bind(&report.tenant).bind(key).bind(&report.body_hash);
                insert.bind(answer.to_string()).execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
            Ok(Outcome::Noted(answer))
        };
        note.await.map_err(StoreError::query("note business metrics"))
    }
}

/// Until the transaction ends: points of one tenant are kept by one at a time, so that twins see each other.
pub(super) async fn lock(connection: &mut PgConnection, tenant: &str) -> Result<(), sqlx::Error> {
    let lock = sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('business metrics of ' || $1, 0))");
    lock.bind(tenant).execute(connection).await.map(drop)
}

/// As [`lock`], unless somebody else has it.
pub(super) async fn try_lock(connection: &mut PgConnection, tenant: &str) -> Result<bool, sqlx::Error> {
    let lock =
        sqlx::query_scalar("SELECT pg_try_advisory_xact_lock(hashtextextended('business metrics of ' || $1, 0))");
    lock.bind(tenant).fetch_one(connection).await
}

#[cfg(test)]
impl Store {
    /// A report that does not end.
    pub async fn hold_points(&self, tenant: &str) -> sqlx::PgTransaction<'static> {
        let mut transaction = self.pool.begin().await.unwrap();
        lock(&mut transaction, tenant).await.unwrap();
        transaction
    }
}

async fn replay(connection: &mut PgConnection, report: &NewReport) -> Result<Option<Outcome>, sqlx::Error> {
    let select =
        sqlx::query("SELECT answer, body_hash FROM learner.metric_report WHERE tenant = $1 AND idempotency_key = $2");
    let select = select.bind(&report.tenant).bind(&report.idempotency_key);
    let Some(row) = select.fetch_optional(connection).await? else {
        return Ok(None);
    };
    let answer: String = row.try_get("answer")?;
    Ok(Some(Outcome::Replayed {
        answer: serde_json::from_str(&answer).unwrap_or_default(),
        body_hash: row.try_get("body_hash")?,
    }))
}

/// Under the lock. What became of each point; `actor` none: they came with a request.
pub(super) async fn insert(
    connection: &mut PgConnection,
    tenant: &str,
    points: &[Point],
    actor: Option<&str>,
) -> Result<Result<Vec<&'static str>, Full>, sqlx::Error> {
    let Some(series) = series(connection, tenant, points).await? else {
        return Ok(Err(Full::Series));
    };
    let ids: Vec<i64> = points
        .iter()
        .filter_map(|point| series.get(&key(point)).copied())
        .collect();
    // Of points that stand twice in one report the last holds, as if they had come one after the other.
    let insert = sqlx::query(
        "WITH said AS (
             SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::uuid[], $4::float8[])
                 WITH ORDINALITY AS n(series_id, at, task_id, value, place)
         ), told AS (
             SELECT said.*, coalesce(
                 lag(value) OVER (PARTITION BY series_id, at, task_id ORDER BY place),
                 (SELECT p.value FROM learner.metric_point p
                  WHERE p.series_id = said.series_id AND p.at = said.at AND p.task_id IS NOT DISTINCT FROM said.task_id
                  ORDER BY point_id DESC LIMIT 1)
             ) AS known
             FROM said
         ), kept AS (
             INSERT INTO learner.metric_point (series_id, at, task_id, value, requested, actor)
             SELECT series_id, at, task_id, value, $5, $6 FROM told WHERE known IS DISTINCT FROM value ORDER BY place
             RETURNING series_id
         ), counted AS (
             UPDATE learner.metric_series s SET points = s.points + n.points
             FROM (SELECT series_id, count(*) AS points FROM kept GROUP BY series_id) AS n
             WHERE s.series_id = n.series_id RETURNING s.points
         ), awaited AS (
             -- Figures seldom come alone: who reports more of them has some days to do so.
             INSERT INTO learner.metric_level (tenant, task_id, name, look_at)
             SELECT DISTINCT s.tenant, task_id, s.name, now() + interval '2 days'
             FROM said JOIN learner.metric_series s USING (series_id) WHERE task_id IS NOT NULL
             ON CONFLICT DO NOTHING
         )
         SELECT array(SELECT CASE WHEN known IS NULL THEN 'recorded' WHEN known = value THEN 'unchanged'
                                  ELSE 'corrected' END FROM told ORDER BY place) AS became,
                (SELECT max(points) FROM counted) AS points",
    );
    let column = |of: fn(&Point) -> f64| points.iter().map(of).collect::<Vec<f64>>();
    let insert = insert
        .bind(ids)
        .bind(points.iter().map(|point| point.at).collect::<Vec<_>>())
        .bind(points.iter().map(|point| point.task).collect::<Vec<_>>())
        .bind(column(|point| point.value))
        .bind(actor.is_none())
        .bind(actor.unwrap_or_default());
    let row = insert.fetch_one(connection).await?;
    if row
        .try_get::<Option<i64>, _>("points")?
        .is_some_and(|points| points > MOST_POINTS)
    {
        return Ok(Err(Full::Points));
    }
    let became: Vec<String> = row.try_get("became")?;
    Ok(Ok(became.iter().map(|became| word(became)).collect()))
}

fn word(became: &str) -> &'static str {
    match became {
        "recorded" => "recorded",
        "corrected" => "corrected",
        _ => "unchanged",
    }
}

type Key<'p> = (&'p str, &'p str);

fn key(point: &Point) -> Key<'_> {
    (&point.name, &point.segment)
}

/// The series of all points, made where they lack; none where that would be too many.
async fn series<'p>(
    connection: &mut PgConnection,
    tenant: &str,
    points: &'p [Point],
) -> Result<Option<BTreeMap<Key<'p>, i64>>, sqlx::Error> {
    let mut series: BTreeMap<Key<'p>, i64> = points.iter().map(|point| (key(point), 0)).collect();
    let (names, segments): (Vec<&str>, Vec<&str>) = series.keys().copied().unzip();
    let insert = sqlx::query(
        "INSERT INTO learner.metric_series (tenant, name, segment)
         SELECT $1, name, segment FROM unnest($2::text[], $3::text[]) AS n(name, segment) ON CONFLICT DO NOTHING",
    );
    let new = insert
        .bind(tenant)
        .bind(&names)
        .bind(&segments)
        .execute(&mut *connection)
        .await?;
    if new.rows_affected() > 0 {
        let count = sqlx::query_scalar("SELECT count(*) FROM learner.metric_series WHERE tenant = $1");
        let count: i64 = count.bind(tenant).fetch_one(&mut *connection).await?;
        if count > MOST_SERIES {
            return Ok(None);
        }
    }
    let select = sqlx::query(
        "SELECT series_id, name, segment FROM learner.metric_series
         JOIN unnest($2::text[], $3::text[]) AS n(name, segment) USING (name, segment) WHERE tenant = $1",
    );
    for row in select
        .bind(tenant)
        .bind(&names)
        .bind(&segments)
        .fetch_all(connection)
        .await?
    {
        let (name, segment): (String, String) = (row.try_get("name")?, row.try_get("segment")?);
        if let Some((_, id)) = series.iter_mut().find(|((n, s), _)| *n == name && *s == segment) {
            *id = row.try_get("series_id")?;
        }
    }
    Ok(Some(series))
}
