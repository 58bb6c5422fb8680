//! Series, day by day.

use crate::store::{Store, StoreError};
use chrono::NaiveDate;
use sqlx::Row;

/// Most series that one analysis reads.
pub const MOST_READ: i64 = 500;

/// A metric in one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    pub id: i64,
    pub name: String,
    /// Empty: the whole.
    pub segment: String,
}

/// Mean of what holds of a day, UTC.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Daily {
    pub series: i64,
    pub day: NaiveDate,
    pub value: f64,
}

/// How a day's ended tasks went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TaskDay {
    pub day: NaiveDate,
    pub completed: i64,
    /// Mean overall score of those that were judged.
    pub quality: Option<f64>,
}

impl Store {
    /// The series of these names, or of all; those of at most `names` names, in their order, but `segment` first: it is
    /// not to be beyond those that are read. Then how many names there are, and how many series of those names are not
    /// among these.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn series(
        &self,
        tenant: &str,
        only: Option<&[String]>,
        segment: Option<&str>,
        names: i64,
    ) -> Result<(Vec<Series>, i64, i64), StoreError> {
        let select = sqlx::query(
            "WITH named AS (
                 SELECT DISTINCT name FROM learner.metric_series
                 WHERE tenant = $1 AND ($2::text[] IS NULL OR name = ANY($2))
             ), first AS (SELECT name FROM named ORDER BY name LIMIT $3)
             SELECT series_id, name, segment, (SELECT count(*) FROM named) AS names, count(*) OVER () AS series
             FROM learner.metric_series JOIN first USING (name) WHERE tenant = $1
             ORDER BY segment IS DISTINCT FROM $5, name, segment LIMIT $4",
        );
        let read = async {
            let select = select.bind(tenant).bind(only).bind(names).bind(MOST_READ).bind(segment);
            let rows = select.fetch_all(&self.pool).await?;
            let total = rows.first().map_or(Ok(0), |row| row.try_get("names"))?;
            let there: i64 = rows.first().map_or(Ok(0), |row| row.try_get("series"))?;
            let left_out = (there - MOST_READ).max(0);
            let series = rows.iter().map(|row| -> Result<Series, sqlx::Error> {
                Ok(Series {
                    id: row.try_get("series_id")?,
                    name: row.try_get("name")?,
                    segment: row.try_get("segment")?,
                })
            });
            Ok((series.collect::<Result<Vec<_>, _>>()?, total, left_out))
        };
        read.await.map_err(StoreError::query("read business metrics"))
    }

    /// The days of series from `since` until before `until`, in no order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn daily(&self, series: &[i64], [since, until]: [NaiveDate; 2]) -> Result<Vec<Daily>, StoreError> {
        let select = sqlx::query(
            "SELECT series_id, day, avg(value) AS value FROM (
                 SELECT DISTINCT ON (series_id, at, task_id) series_id, (at AT TIME ZONE 'UTC')::date AS day, value
                 FROM learner.metric_point
                 WHERE series_id = ANY($1) AND at >= $2::date::timestamp AT TIME ZONE 'UTC'
                   AND at < $3::date::timestamp AT TIME ZONE 'UTC'
                 ORDER BY series_id, at, task_id, point_id DESC
             ) AS held GROUP BY series_id, day",
        );
        let read = async {
            let rows = select
                .bind(series)
                .bind(since)
                .bind(until)
                .fetch_all(&self.pool)
                .await?;
            let daily = rows.iter().map(|row| -> Result<Daily, sqlx::Error> {
                Ok(Daily {
                    series: row.try_get("series_id")?,
                    day: row.try_get("day")?,
                    value: row.try_get("value")?,
                })
            });
            daily.collect::<Result<Vec<_>, _>>()
        };
        read.await.map_err(StoreError::query("read business metrics by day"))
    }

    /// The tenant's tasks by the day of their end.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn task_days(&self, tenant: &str, [since, until]: [NaiveDate; 2]) -> Result<Vec<TaskDay>, StoreError> {
        let select = sqlx::query(
            "SELECT (finished_at AT TIME ZONE 'UTC')::date AS day, count(*) FILTER (WHERE status = 'completed') AS completed,
                    avg(quality) AS quality
             FROM learner.record
             WHERE tenant = $1 AND finished_at >= $2::date::timestamp AT TIME ZONE 'UTC'
               AND finished_at < $3::date::timestamp AT TIME ZONE 'UTC'
             GROUP BY day",
        );
        let read = async {
            let rows = select
                .bind(tenant)
                .bind(since)
                .bind(until)
                .fetch_all(&self.pool)
                .await?;
            let days = rows.iter().map(|row| -> Result<TaskDay, sqlx::Error> {
                Ok(TaskDay {
                    day: row.try_get("day")?,
                    completed: row.try_get("completed")?,
                    quality: row.try_get("quality")?,
                })
            });
            days.collect::<Result<Vec<_>, _>>()
        };
        read.await.map_err(StoreError::query("read tasks by day"))
    }

    /// What came with requests and was not kept: why, and how many.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn left_out(&self, tenant: &str) -> Result<Vec<(String, i64)>, StoreError> {
        let select =
            sqlx::query_as("SELECT reason, points FROM learner.metric_left_out WHERE tenant = $1 ORDER BY reason");
        let read = select.bind(tenant).fetch_all(&self.pool).await;
        read.map_err(StoreError::query("read what was left out"))
    }
}
