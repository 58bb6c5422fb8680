//! Events of tools, in the transaction that changes them: the relay tells them.
//!
//! They lie in the same table as the events of tasks, under an id made of the tool's.

use crate::notices::NewNotice;
use crate::store::{StoreError, notices};
use sqlx::postgres::PgConnection;
use workflow::ids::TaskId;

/// An event as it is stored.
pub struct ToolEvent {
    /// Stands for the tool where tasks have their id.
    pub stream: TaskId,
    pub sequence: i64,
    pub subject: String,
    pub body: String,
    /// Webhooks that are told of it.
    pub notices: Vec<NewNotice>,
}

/// Stores events.
///
/// # Errors
/// When the database does not answer.
pub async fn store(connection: &mut PgConnection, events: Vec<ToolEvent>) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let texts = |text: fn(&ToolEvent) -> &str| events.iter().map(text).collect::<Vec<_>>();
    sqlx::query(
        "WITH batch AS (INSERT INTO outbox_batch (created_at) VALUES (now()) RETURNING batch)
         INSERT INTO event (task_id, sequence, subject, body, batch)
         SELECT e.*, (SELECT batch FROM batch)
         FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[]) AS e",
    )
    .bind(events.iter().map(|event| event.stream.0).collect::<Vec<_>>())
    .bind(events.iter().map(|event| event.sequence).collect::<Vec<_>>())
    .bind(texts(|event| &event.subject))
    .bind(texts(|event| &event.body))
    .execute(&mut *connection)
    .await
    .map_err(StoreError::at("store the events of tools"))?;
    let told: Vec<NewNotice> = events.into_iter().flat_map(|event| event.notices).collect();
    notices::add(connection, &told).await
}
