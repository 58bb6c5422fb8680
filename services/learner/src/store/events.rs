//! Events of what is kept here, written with the change they tell of.

use super::Store;
use bus::{Names, Token};
use chrono::{DateTime, Utc};
use outbox::{Attachment, CloudEvent};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;
use workflow::ids::TaskId;
use workflow::vocabulary::EventKind;

#[cfg(test)]
impl Store {
    /// What was told of a pattern, a model or an experiment, in order.
    pub async fn told(&self, entity: Uuid) -> Vec<Value> {
        let select = sqlx::query_scalar("SELECT body FROM learner.event WHERE task_id = $1 ORDER BY sequence");
        let bodies: Vec<String> = select.bind(entity).fetch_all(&self.pool).await.unwrap();
        bodies.iter().map(|body| serde_json::from_str(body).unwrap()).collect()
    }
}

impl Store {
    /// How events are named; none: nobody is told.
    pub(super) fn names(&self) -> Option<&Names> {
        self.rules.names.as_ref()
    }
}

/// Something that happened.
pub(super) struct Event<'a> {
    pub kind: EventKind,
    /// The pattern, the model or the experiment.
    pub entity: Uuid,
    pub tenant: &'a str,
    pub at: DateTime<Utc>,
    pub data: &'a Value,
}

/// Stores an event. Under a lock of its entity, so that its numbers have no gap.
pub(super) async fn store(connection: &mut PgConnection, names: &Names, event: &Event<'_>) -> Result<(), sqlx::Error> {
    // Tenants are checked where they enter; one that cannot be a subject has no events.
    let Ok(tenant) = Token::parse(event.tenant) else {
        return Ok(());
    };
    let next = sqlx::query_scalar("SELECT coalesce(max(sequence), 0) + 1 FROM learner.event WHERE task_id = $1");
    let sequence: i64 = next.bind(event.entity).fetch_one(&mut *connection).await?;
    let number = u64::try_from(sequence).unwrap_or_default();
    let (subject, time) = (
        event.entity.to_string(),
        service::clock::rfc3339(event.at.timestamp_millis()),
    );
    let body = CloudEvent::new(&Attachment {
        id: TaskId(event.entity).event(number),
        source: "/orchestrator/learner",
        kind: event.kind,
        subject: &subject,
        time: &time,
        sequence: number,
        tenant: event.tenant,
        traceparent: "",
        data: event.data,
    });
    let Ok(body) = body.to_json() else {
        return Ok(());
    };
    let insert = sqlx::query(
        "WITH new AS (INSERT INTO learner.outbox_batch DEFAULT VALUES RETURNING batch)
         INSERT INTO learner.event (task_id, sequence, batch, subject, body) SELECT $1, $2, batch, $3, $4 FROM new",
    );
    let insert = insert
        .bind(event.entity)
        .bind(sequence)
        .bind(names.event_subject(event.kind, &tenant))
        .bind(body);
    insert.execute(connection).await.map(drop)
}
