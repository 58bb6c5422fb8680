//! Taking records out of training data for good.

use super::cases;
use sqlx::PgConnection;
use uuid::Uuid;

/// Deletes everything that training data holds of a tenant's tasks: their places, imported copies, and clusters that
/// nobody else is of. To be called in the transaction that deletes the records themselves; files that were exported
/// before are for that one to drop.
///
/// What stays of a request in a cluster that has others are hashes, each of the eight least hashes of its pieces.
///
/// # Errors
/// When the database does not answer; then the caller's transaction must not commit.
pub(super) async fn forget_training(
    connection: &mut PgConnection,
    tenant: &str,
    tasks: &[Uuid],
) -> Result<(), sqlx::Error> {
    cases::lock(connection, tenant).await?;
    for statement in [
        "DELETE FROM learner.imported WHERE tenant = $1 AND record_id = ANY($2)",
        "WITH gone AS (
             DELETE FROM learner.training_case WHERE tenant = $1 AND record_id = ANY($2) RETURNING cluster
         ), empty AS (
             DELETE FROM learner.request_cluster c WHERE tenant = $1 AND cluster IN (SELECT cluster FROM gone)
               AND NOT EXISTS (SELECT FROM learner.training_case t
                               WHERE t.tenant = $1 AND t.cluster = c.cluster AND t.record_id <> ALL($2))
             RETURNING cluster
         )
         DELETE FROM learner.request_band WHERE tenant = $1 AND cluster IN (SELECT cluster FROM empty)",
    ] {
        sqlx::query(statement)
            .bind(tenant)
            .bind(tasks)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

#[cfg(test)]
impl super::Store {
    /// As the erasure of users does, records included.
    pub async fn erase_for_test(&self, tenant: &str, tasks: &[Uuid]) {
        let mut transaction = self.pool.begin().await.unwrap();
        forget_training(&mut transaction, tenant, tasks).await.unwrap();
        let delete = sqlx::query("DELETE FROM learner.record WHERE task_id = ANY($1)");
        delete.bind(tasks).execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
    }

    /// Rows that hold something of records' requests: places, bands, clusters, copies.
    pub async fn training_traces(&self) -> [i64; 4] {
        let mut counts = [0; 4];
        for (count, statement) in counts.iter_mut().zip([
            "SELECT count(*) FROM learner.training_case",
            "SELECT count(*) FROM learner.request_band",
            "SELECT count(*) FROM learner.request_cluster",
            "SELECT count(*) FROM learner.imported",
        ]) {
            *count = sqlx::query_scalar(statement).fetch_one(&self.pool).await.unwrap();
        }
        counts
    }
}
