//! Taking away exports that were kept long enough.

use super::{Store, StoreError};

/// Pieces of files deleted with one statement, a MiB each.
const PIECES: i64 = 64;

impl Store {
    /// Exports that were completed so many days ago have expired.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn expire_exports(&self, days: u32) -> Result<(), StoreError> {
        let update = sqlx::query(
            "UPDATE learner.export SET state = 'expired', result = NULL
             WHERE state = 'completed' AND finished_at < now() - make_interval(days => $1)",
        );
        let update = update
            .bind(i32::try_from(days).unwrap_or(i32::MAX))
            .execute(&self.pool)
            .await;
        update.map(drop).map_err(StoreError::query("expire exports"))
    }

    /// Deletes some bytes of expired exports; who began to read them has an hour. False: there are none.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn drop_expired_bytes(&self, days: u32) -> Result<bool, StoreError> {
        let delete = sqlx::query(
            "DELETE FROM learner.export_chunk WHERE (export_id, no) IN (
                 SELECT c.export_id, c.no FROM learner.export e JOIN learner.export_chunk c USING (export_id)
                 WHERE e.state = 'expired' AND e.finished_at < now() - make_interval(days => $1, hours => 1) LIMIT $2)",
        );
        let delete = delete.bind(i32::try_from(days).unwrap_or(i32::MAX)).bind(PIECES);
        let deleted = delete.execute(&self.pool).await;
        let deleted = deleted.map_err(StoreError::query("delete expired exports"))?;
        Ok(deleted.rows_affected() > 0)
    }

    /// Forgets that there were exports, as long after they expired as they were kept; failed ones too.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn forget_expired_exports(&self, days: u32) -> Result<(), StoreError> {
        let delete = sqlx::query(
            "DELETE FROM learner.export e WHERE state IN ('expired', 'failed')
               AND finished_at < now() - 2 * make_interval(days => $1, hours => 1)
               AND NOT EXISTS (SELECT FROM learner.export_chunk c WHERE c.export_id = e.export_id)",
        );
        let delete = delete
            .bind(i32::try_from(days).unwrap_or(i32::MAX))
            .execute(&self.pool)
            .await;
        delete.map(drop).map_err(StoreError::query("forget expired exports"))
    }
}

#[cfg(test)]
impl Store {
    /// As if every export had ended so many days earlier than it did.
    pub async fn age_exports(&self, days: i32) {
        let age = sqlx::query("UPDATE learner.export SET finished_at = finished_at - make_interval(days => $1)");
        age.bind(days).execute(&self.pool).await.unwrap();
    }

    /// What a statement fails with of which the server says `code`.
    pub async fn fails_with(&self, code: &str) -> StoreError {
        let raise = format!("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$");
        let failed = sqlx::query(sqlx::AssertSqlSafe(raise)).execute(&self.pool).await;
        StoreError::query("do it")(failed.unwrap_err())
    }

    /// Pieces of files there are.
    pub async fn export_pieces(&self) -> i64 {
        let count = sqlx::query_scalar("SELECT count(*) FROM learner.export_chunk");
        count.fetch_one(&self.pool).await.unwrap()
    }
}
