//! When something began that may have touched the business.

use crate::store::{Store, StoreError};
use chrono::{DateTime, Utc};
use sqlx::Row;
use uuid::Uuid;

/// Most that is told of tasks that touched a metric.
pub const MOST_TOUCHES: usize = 1000;

/// What began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// What a task published.
    Task(Uuid),
    /// The first task that ran a pattern's plan.
    Pattern(Uuid),
    /// The tenant's first completed task.
    FirstTask,
}

/// When it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Began {
    pub at: DateTime<Utc>,
    /// The task it began with.
    pub task: Uuid,
    /// A terminal status: only what completed published anything.
    pub status: String,
}

/// A completed task that a metric was reported for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touch {
    pub name: String,
    pub segment: String,
    pub task: Uuid,
    pub at: DateTime<Utc>,
    /// It ran the plan of the pattern that is asked about.
    pub of_pattern: bool,
}

impl Store {
    /// When something began; none where there is no such thing, or nothing began.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn began(&self, tenant: &str, beginning: Beginning) -> Result<Option<Began>, StoreError> {
        let select = match beginning {
            Beginning::Task(task) => sqlx::query(
                "SELECT task_id, finished_at, status FROM learner.record WHERE tenant = $1 AND task_id = $2",
            )
            .bind(tenant)
            .bind(task),
            Beginning::Pattern(pattern) => sqlx::query(
                "SELECT r.task_id, r.finished_at, r.status FROM learner.pattern p
                 JOIN learner.ran e USING (form) JOIN learner.record r ON r.task_id = e.task_id
                 WHERE p.tenant = $1 AND p.pattern_id = $2 AND r.status = 'completed'
                 ORDER BY r.finished_at, r.task_id LIMIT 1",
            )
            .bind(tenant)
            .bind(pattern),
            Beginning::FirstTask => sqlx::query(
                "SELECT task_id, finished_at, status FROM learner.record WHERE tenant = $1 AND status = 'completed'
                 ORDER BY finished_at, task_id LIMIT 1",
            )
            .bind(tenant),
        };
        let read = async {
            let Some(row) = select.fetch_optional(&self.pool).await? else {
                return Ok(None);
            };
            Ok(Some(Began {
                at: row.try_get("finished_at")?,
                task: row.try_get("task_id")?,
                status: row.try_get("status")?,
            }))
        };
        read.await.map_err(StoreError::query("look when something began"))
    }

    /// Completed tasks of that time for which these metrics were reported, the latest first. `pattern`: told is
    /// which ran its plan.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn touches(
        &self,
        tenant: &str,
        names: &[String],
        [since, until]: [DateTime<Utc>; 2],
        pattern: Option<Uuid>,
    ) -> Result<Vec<Touch>, StoreError> {
        let select = sqlx::query(
            "SELECT DISTINCT s.name, s.segment, r.task_id, r.finished_at,
                    EXISTS (SELECT FROM learner.ran e JOIN learner.pattern USING (form)
                            WHERE e.task_id = r.task_id AND pattern_id = $5) AS of_pattern
             FROM learner.record r
             JOIN learner.metric_point p USING (task_id) JOIN learner.metric_series s USING (series_id)
             WHERE r.tenant = $1 AND r.status = 'completed' AND r.finished_at > $3 AND r.finished_at < $4
               AND s.tenant = $1 AND s.name = ANY($2)
             ORDER BY r.finished_at DESC, r.task_id LIMIT $6",
        );
        let select = select.bind(tenant).bind(names).bind(since).bind(until).bind(pattern);
        let read = async {
            let rows = select
                .bind(i64::try_from(MOST_TOUCHES).unwrap_or(i64::MAX))
                .fetch_all(&self.pool)
                .await?;
            let touch = |row: &sqlx::postgres::PgRow| -> Result<Touch, sqlx::Error> {
                Ok(Touch {
                    name: row.try_get("name")?,
                    segment: row.try_get("segment")?,
                    task: row.try_get("task_id")?,
                    at: row.try_get("finished_at")?,
                    of_pattern: row.try_get("of_pattern")?,
                })
            };
            rows.iter().map(touch).collect::<Result<Vec<_>, _>>()
        };
        read.await.map_err(StoreError::query("look for other tasks"))
    }
}
