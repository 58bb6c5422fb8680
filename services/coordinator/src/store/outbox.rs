//! Acknowledgements of events that no later commit has recorded yet.

use super::StoreError;
use super::commit::BatchAck;
use sqlx::postgres::PgConnection;

/// Records what the events stream acknowledged.
///
/// # Errors
/// When the database does not answer; the relay then tells those events again.
pub async fn record(connection: &mut PgConnection, acks: &[BatchAck]) -> Result<(), StoreError> {
    let column = |of: fn(&BatchAck) -> i64| acks.iter().map(of).collect::<Vec<i64>>();
    sqlx::query(
        "UPDATE outbox_batch SET stream_created = a.created, first_sequence = a.first, last_sequence = a.last
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS a (batch, created, first, last)
         WHERE outbox_batch.batch = a.batch AND outbox_batch.last_sequence IS NULL",
    )
    .bind(column(|a| a.batch))
    .bind(column(|a| a.stream_created))
    .bind(column(|a| i64::try_from(a.first).unwrap_or(i64::MAX)))
    .bind(column(|a| i64::try_from(a.last).unwrap_or(i64::MAX)))
    .execute(connection)
    .await
    .map_err(StoreError::at("record acknowledged events"))?;
    Ok(())
}
