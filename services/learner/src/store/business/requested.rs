//! Figures that came with requests: read once a record, in the transaction that keeps it.

use super::points::{insert, lock, try_lock};
use crate::business::{Point, Requested, requested};
use crate::store::{Store, StoreError};
use sqlx::{PgConnection, Row};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Records read with one transaction.
const PAGE: i64 = 64;
/// Why a point is not kept.
const NO_ROOM: &str = "too_many_business_metrics";

/// Keeps what came with requests, by tenant. What does not fit in is counted: nobody is there to be told.
async fn note_requested(connection: &mut PgConnection, requested: Vec<(String, Requested)>) -> Result<(), sqlx::Error> {
    let mut tenants: BTreeMap<String, (Vec<Point>, BTreeMap<&'static str, i64>)> = BTreeMap::new();
    for (tenant, requested) in requested {
        let (points, left_out) = tenants.entry(tenant).or_default();
        points.extend(requested.points);
        for (why, count) in requested.left_out {
            *left_out.entry(why).or_default() += count;
        }
    }
    for (tenant, (points, mut left_out)) in tenants {
        lock(connection, &tenant).await?;
        *left_out.entry(NO_ROOM).or_default() += keep(connection, &tenant, &points).await?;
        for (why, count) in left_out.into_iter().filter(|(_, count)| *count > 0) {
            let upsert = sqlx::query(
                "INSERT INTO learner.metric_left_out (tenant, reason, points, last_at) VALUES ($1, $2, $3, now())
                 ON CONFLICT (tenant, reason) DO UPDATE SET points = metric_left_out.points + $3, last_at = now()",
            );
            upsert
                .bind(&tenant)
                .bind(why)
                .bind(count)
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}

/// As [`note_requested`], but for figures of tenants whose points are being kept just now: nobody who keeps records waits
/// for reports. Answers the tasks whose figures are still to be read.
pub(in crate::store) async fn note_unless_busy(
    connection: &mut PgConnection,
    requested: Vec<(Uuid, String, Requested)>,
) -> Result<Vec<Uuid>, sqlx::Error> {
    let mut free: BTreeMap<String, bool> = BTreeMap::new();
    let (mut now, mut later) = (Vec::new(), Vec::new());
    for (task, tenant, requested) in requested {
        let free = match free.get(&tenant) {
            Some(free) => *free,
            None => {
                let got = try_lock(connection, &tenant).await?;
                free.insert(tenant.clone(), got);
                got
            }
        };
        if free {
            now.push((tenant, requested));
        } else {
            later.push(task);
        }
    }
    note_requested(connection, now).await?;
    Ok(later)
}

/// Metric by metric: one that has no room must not keep out the others. How many points had none.
async fn keep(connection: &mut PgConnection, tenant: &str, points: &[Point]) -> Result<i64, sqlx::Error> {
    let mut by_name: BTreeMap<&str, Vec<Point>> = BTreeMap::new();
    for point in points {
        by_name.entry(&point.name).or_default().push(point.clone());
    }
    let mut left_out = 0;
    for points in by_name.values() {
        // Taken back where it does not fit in.
        sqlx::query("SAVEPOINT metric").execute(&mut *connection).await?;
        if insert(connection, tenant, points, None).await?.is_err() {
            sqlx::query("ROLLBACK TO SAVEPOINT metric")
                .execute(&mut *connection)
                .await?;
            left_out += i64::try_from(points.len()).unwrap_or(i64::MAX);
        }
        sqlx::query("RELEASE SAVEPOINT metric")
            .execute(&mut *connection)
            .await?;
    }
    Ok(left_out)
}

impl Store {
    /// Reads the figures of records that were kept before there were any, or while their tenant was busy; some at a time.
    /// False: none is left that can be read now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn read_figures(&self) -> Result<bool, StoreError> {
        let read = async {
            let mut transaction = self.pool.begin().await?;
            let select = sqlx::query(
                "SELECT task_id, tenant, record FROM learner.record WHERE NOT figures_read
                 ORDER BY finished_at, task_id LIMIT $1 FOR UPDATE SKIP LOCKED",
            );
            let rows = select.bind(PAGE).fetch_all(&mut *transaction).await?;
            if rows.is_empty() {
                return Ok(false);
            }
            let mut tasks: Vec<Uuid> = Vec::new();
            let mut found = Vec::new();
            for row in &rows {
                let (task, raw): (Uuid, String) = (row.try_get("task_id")?, row.try_get("record")?);
                tasks.push(task);
                if let Some(requested) = requested(task, &raw) {
                    found.push((task, row.try_get("tenant")?, requested));
                }
            }
            let later = note_unless_busy(&mut transaction, found).await?;
            tasks.retain(|task| !later.contains(task));
            let update = sqlx::query("UPDATE learner.record SET figures_read = true WHERE task_id = ANY($1)");
            update.bind(&tasks).execute(&mut *transaction).await?;
            transaction.commit().await?;
            // Of tenants that are busy they are read the next time.
            Ok(!tasks.is_empty())
        };
        read.await.map_err(StoreError::query("read the figures of records"))
    }
}

#[cfg(test)]
impl Store {
    /// As after an upgrade from before there were figures.
    pub async fn forget_figures(&self) {
        for statement in [
            "TRUNCATE learner.metric_series, learner.metric_point, learner.metric_left_out",
            "UPDATE learner.record SET figures_read = false",
        ] {
            sqlx::query(statement).execute(&self.pool).await.unwrap();
        }
    }

    /// All values of the default tenant's metric, as they came.
    pub async fn history(&self, name: &str) -> Vec<f64> {
        let select = sqlx::query_scalar(
            "SELECT value FROM learner.metric_point JOIN learner.metric_series USING (series_id)
             WHERE tenant = 'default' AND name = $1 ORDER BY point_id",
        );
        select.bind(name).fetch_all(&self.pool).await.unwrap()
    }
}
