//! Levels of evidence of tasks' metrics: due, and settled once.

use crate::store::{Store, StoreError};
use chrono::{DateTime, Utc};
use sqlx::Row;
use uuid::Uuid;

/// A metric that was reported for a task, and is to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueLevel {
    pub tenant: String,
    pub task: Uuid,
    pub name: String,
    /// The segment it was reported for, the first by name; empty: the whole.
    pub segment: String,
    /// When it was first reported.
    pub noted_at: DateTime<Utc>,
    /// Status and time of the task's end; none: it has not ended.
    pub ended: Option<(String, DateTime<Utc>)>,
}

/// What is said of it from then on.
#[derive(Clone, Debug, PartialEq)]
pub struct SettledLevel {
    /// 0-3; none: insufficient data.
    pub level: Option<u8>,
    pub before: Option<f64>,
    pub after: Option<f64>,
    pub effect: Option<f64>,
    /// 95 %.
    pub interval: Option<[f64; 2]>,
    pub statement: String,
}

impl Store {
    /// What is to be looked at by `now`, the longest due first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn due_levels(&self, now: DateTime<Utc>, limit: i64) -> Result<Vec<DueLevel>, StoreError> {
        let select = sqlx::query(
            "SELECT l.tenant, l.task_id, l.name, l.noted_at, r.status, r.finished_at,
                    coalesce((SELECT min(s.segment) FROM learner.metric_point p JOIN learner.metric_series s USING (series_id)
                              WHERE p.task_id = l.task_id AND s.tenant = l.tenant AND s.name = l.name AND s.segment <> ''),
                             '') AS segment
             FROM learner.metric_level l LEFT JOIN learner.record r ON r.task_id = l.task_id AND r.tenant = l.tenant
             WHERE l.look_at <= $1 ORDER BY l.look_at, l.tenant, l.name, l.task_id LIMIT $2",
        );
        let read = async {
            let rows = select.bind(now).bind(limit).fetch_all(&self.pool).await?;
            let due = rows.iter().map(|row| -> Result<DueLevel, sqlx::Error> {
                Ok(DueLevel {
                    tenant: row.try_get("tenant")?,
                    task: row.try_get("task_id")?,
                    name: row.try_get("name")?,
                    segment: row.try_get("segment")?,
                    noted_at: row.try_get("noted_at")?,
                    ended: Option::zip(row.try_get("status")?, row.try_get("finished_at")?),
                })
            });
            due.collect::<Result<Vec<_>, _>>()
        };
        read.await.map_err(StoreError::query("look which levels are due"))
    }

    /// Settles what is one metric's in one segment, where it is not settled.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn settle_levels(&self, levels: &[DueLevel], settled: &SettledLevel) -> Result<(), StoreError> {
        let update = sqlx::query(
            "UPDATE learner.metric_level AS l
             SET look_at = NULL, segment = n.segment, level = $5, before = $6, after = $7, effect = $8,
                 lower_end = $9, upper_end = $10, statement = $11
             FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[]) AS n(tenant, task_id, name, segment)
             WHERE l.task_id = n.task_id AND l.name = n.name AND l.tenant = n.tenant AND l.look_at IS NOT NULL",
        );
        let [tenants, names, segments] = [
            levels.iter().map(|level| level.tenant.as_str()).collect::<Vec<_>>(),
            levels.iter().map(|level| level.name.as_str()).collect(),
            levels.iter().map(|level| level.segment.as_str()).collect(),
        ];
        let update = update
            .bind(tenants)
            .bind(levels.iter().map(|level| level.task).collect::<Vec<_>>())
            .bind(names)
            .bind(segments)
            .bind(settled.level.map(i16::from))
            .bind(settled.before)
            .bind(settled.after)
            .bind(settled.effect)
            .bind(settled.interval.map(|[lower, _]| lower))
            .bind(settled.interval.map(|[_, upper]| upper))
            .bind(&settled.statement);
        let update = update.execute(&self.pool).await;
        update.map(drop).map_err(StoreError::query("settle levels"))
    }

    /// They are looked at from these times on.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn look_later(&self, levels: &[(DueLevel, DateTime<Utc>)]) -> Result<(), StoreError> {
        let update = sqlx::query(
            "UPDATE learner.metric_level AS l SET look_at = n.look_at
             FROM unnest($1::text[], $2::uuid[], $3::text[], $4::timestamptz[]) AS n(tenant, task_id, name, look_at)
             WHERE l.task_id = n.task_id AND l.name = n.name AND l.tenant = n.tenant AND l.look_at IS NOT NULL",
        );
        let update = update
            .bind(
                levels
                    .iter()
                    .map(|(level, _)| level.tenant.as_str())
                    .collect::<Vec<_>>(),
            )
            .bind(levels.iter().map(|(level, _)| level.task).collect::<Vec<_>>())
            .bind(levels.iter().map(|(level, _)| level.name.as_str()).collect::<Vec<_>>())
            .bind(levels.iter().map(|(_, at)| *at).collect::<Vec<_>>());
        let update = update.execute(&self.pool).await;
        update.map(drop).map_err(StoreError::query("put levels off"))
    }

    /// They are looked at no more, and nothing is said of them.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn forget_levels(&self, levels: &[DueLevel]) -> Result<(), StoreError> {
        let delete = sqlx::query(
            "DELETE FROM learner.metric_level l USING unnest($1::text[], $2::uuid[], $3::text[]) AS n(tenant, task_id, name)
             WHERE l.task_id = n.task_id AND l.name = n.name AND l.tenant = n.tenant AND l.look_at IS NOT NULL",
        );
        let delete = delete
            .bind(levels.iter().map(|level| level.tenant.as_str()).collect::<Vec<_>>())
            .bind(levels.iter().map(|level| level.task).collect::<Vec<_>>())
            .bind(levels.iter().map(|level| level.name.as_str()).collect::<Vec<_>>());
        let delete = delete.execute(&self.pool).await;
        delete.map(drop).map_err(StoreError::query("forget levels"))
    }
}

#[cfg(test)]
impl Store {
    /// As if nothing could be settled of this metric.
    pub async fn break_levels_of(&self, name: &str) {
        let check = format!("ALTER TABLE learner.metric_level ADD CHECK (name <> '{name}' OR look_at IS NOT NULL)");
        sqlx::query(sqlx::AssertSqlSafe(check))
            .execute(&self.pool)
            .await
            .unwrap();
    }
}
