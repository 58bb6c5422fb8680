//! Erasures that the coordinator is still to be told of.

use super::{Store, StoreError};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// Orders read with one query.
const MOST: i64 = 100;

/// A user whose tasks the coordinator is to erase, as far as they were accepted until then.
#[derive(sqlx::FromRow, Clone, Debug, PartialEq, Eq)]
pub struct ErasureOrder {
    pub tenant: String,
    pub user_name: String,
    pub asked_at: DateTime<Utc>,
}

/// With the erasure itself.
pub(super) async fn order(connection: &mut PgConnection, tenant: &str, user: &str) -> Result<(), sqlx::Error> {
    let upsert = sqlx::query(
        "INSERT INTO learner.erasure_order (tenant, user_name) VALUES ($1, $2)
         ON CONFLICT (tenant, user_name) DO UPDATE SET asked_at = excluded.asked_at",
    );
    upsert.bind(tenant).bind(user).execute(connection).await.map(drop)
}

impl Store {
    /// What is to be told, the oldest first; of one user where one is named.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn erasure_orders(&self, of: Option<(&str, &str)>) -> Result<Vec<ErasureOrder>, StoreError> {
        let select = sqlx::query_as(
            "SELECT tenant, user_name, asked_at FROM learner.erasure_order
             WHERE $1::text IS NULL OR (tenant = $1 AND user_name = $2) ORDER BY asked_at LIMIT $3",
        );
        let select = select.bind(of.map(|(tenant, _)| tenant)).bind(of.map(|(_, user)| user));
        let orders = select.bind(MOST).fetch_all(&self.pool).await;
        orders.map_err(StoreError::query("read erasures to tell of"))
    }

    /// The coordinator keeps it now. An erasure that was asked for since is still to be told.
    ///
    /// # Errors
    /// When the database does not answer; it is told again then, which changes nothing.
    pub async fn erasure_told(&self, order: &ErasureOrder) -> Result<(), StoreError> {
        let delete =
            sqlx::query("DELETE FROM learner.erasure_order WHERE tenant = $1 AND user_name = $2 AND asked_at = $3");
        let delete = delete.bind(&order.tenant).bind(&order.user_name).bind(order.asked_at);
        let deleted = delete.execute(&self.pool).await.map(drop);
        deleted.map_err(StoreError::query("note that an erasure was told"))
    }
}
