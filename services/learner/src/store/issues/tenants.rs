//! Tenants of which something is known that their issues, or what goes with success, do not say yet.

use crate::store::{Store, StoreError};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;

/// What nobody saw for long is past without anything new.
const SETTLED_AT_LEAST_EVERY: TimeDelta = TimeDelta::days(1);

impl Store {
    /// Tenants of which something new is known that their issues do not say yet.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn unsettled_tenants(&self, now: DateTime<Utc>) -> Result<Vec<String>, StoreError> {
        let select = sqlx::query_scalar(
            "SELECT tenant FROM learner.issue_tenant
             WHERE has_news OR settled_at IS NULL OR settled_at < $1 ORDER BY tenant",
        );
        let tenants = select.bind(now - SETTLED_AT_LEAST_EVERY).fetch_all(&self.pool).await;
        tenants.map_err(StoreError::query("look for tenants with issues"))
    }
}

/// Something that issues and associations are made of has changed for these tenants.
pub async fn note_news(connection: &mut PgConnection, tenants: &[String]) -> Result<(), sqlx::Error> {
    let upsert = sqlx::query(
        "INSERT INTO learner.issue_tenant (tenant) SELECT DISTINCT n FROM unnest($1::text[]) AS n ORDER BY n
         ON CONFLICT (tenant) DO UPDATE SET has_news = true, news = issue_tenant.news + 1",
    );
    upsert.bind(tenants).execute(connection).await.map(drop)
}

/// All that was noted up to here is settled; what is noted from now on waits for the end of the transaction.
pub(super) async fn take_news(
    connection: &mut PgConnection,
    tenant: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let upsert = sqlx::query(
        "INSERT INTO learner.issue_tenant (tenant, has_news, settled_at) VALUES ($1, false, $2)
         ON CONFLICT (tenant) DO UPDATE SET has_news = false, settled_at = excluded.settled_at",
    );
    upsert.bind(tenant).bind(now).execute(connection).await.map(drop)
}
