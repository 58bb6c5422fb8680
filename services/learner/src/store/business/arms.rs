//! Tasks that chance planned with memory or without, and what was reported for them afterwards.

use crate::store::{Store, StoreError};
use chrono::{DateTime, Utc};
use sqlx::Row;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Tasks that are compared at most, the latest.
const MOST_TASKS: i64 = 20_000;

/// A task that had patterns to be offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arm {
    pub task: Uuid,
    /// They were withheld from it.
    pub withheld: bool,
    pub at: DateTime<Utc>,
}

/// Mean of what was reported for a task, by series and task.
pub type Outcomes = BTreeMap<i64, BTreeMap<Uuid, f64>>;

impl Store {
    /// What was reported for tasks after they were planned, where memory was offered or withheld; and all such tasks of
    /// the tenant that ended, whether or not anything was reported for them.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn arms(&self, tenant: &str, series: &[i64]) -> Result<(Vec<Arm>, Outcomes), StoreError> {
        let read = async {
            let outcomes = self.outcomes(series).await?;
            if outcomes.is_empty() {
                return Ok((Vec::new(), outcomes));
            }
            let select = sqlx::query(
                "SELECT task_id, bool_or(withheld) AS withheld, min(offered_at) AS at
                 FROM learner.offer JOIN learner.record USING (task_id) WHERE tenant = $1 AND NOT offer.passed
                 GROUP BY task_id ORDER BY at DESC, task_id LIMIT $2",
            );
            let rows = select.bind(tenant).bind(MOST_TASKS).fetch_all(&self.pool).await?;
            let arms = rows.iter().map(|row| -> Result<Arm, sqlx::Error> {
                Ok(Arm {
                    task: row.try_get("task_id")?,
                    withheld: row.try_get("withheld")?,
                    at: row.try_get("at")?,
                })
            });
            Ok((arms.collect::<Result<Vec<_>, _>>()?, outcomes))
        };
        read.await
            .map_err(StoreError::query("read what was reported for tasks"))
    }

    /// What came with a request was measured before the task did anything: it is no outcome of it.
    async fn outcomes(&self, series: &[i64]) -> Result<Outcomes, sqlx::Error> {
        let select = sqlx::query(
            "SELECT series_id, task_id, avg(value) AS value FROM (
                 SELECT DISTINCT ON (series_id, at, task_id) series_id, at, task_id, value, requested
                 FROM learner.metric_point WHERE series_id = ANY($1) AND task_id IS NOT NULL
                 ORDER BY series_id, at, task_id, point_id DESC
             ) AS held
             JOIN (SELECT task_id, min(offered_at) AS offered_at FROM learner.offer WHERE NOT passed GROUP BY task_id) AS o USING (task_id)
             WHERE NOT requested AND at >= offered_at
             GROUP BY series_id, task_id",
        );
        let mut outcomes = Outcomes::new();
        for row in select.bind(series).fetch_all(&self.pool).await? {
            let of_series = outcomes.entry(row.try_get("series_id")?).or_default();
            of_series.insert(row.try_get("task_id")?, row.try_get("value")?);
        }
        Ok(outcomes)
    }
}
