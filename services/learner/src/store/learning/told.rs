//! Events of patterns, written with the change they tell of.

use crate::patterns::standing::State;
use bus::{Names, Token};
use chrono::{DateTime, Utc};
use outbox::{Attachment, CloudEvent};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;
use workflow::ids::TaskId;
use workflow::vocabulary::EventKind;

#[cfg(test)]
impl crate::store::Store {
    /// What was told of a pattern, in order.
    pub async fn told(&self, pattern: Uuid) -> Vec<serde_json::Value> {
        let select = sqlx::query_scalar("SELECT body FROM learner.event WHERE task_id = $1 ORDER BY sequence");
        let bodies: Vec<String> = select.bind(pattern).fetch_all(&self.pool).await.unwrap();
        bodies.iter().map(|body| serde_json::from_str(body).unwrap()).collect()
    }
}

/// A state that a pattern came to.
pub struct Came<'a> {
    pub pattern: Uuid,
    pub tenant: &'a str,
    pub state: State,
    pub reason: &'a str,
    /// Who said so; none: what came of it.
    pub actor: Option<&'a str>,
    pub at: DateTime<Utc>,
}

/// Events are not told of candidates and trials: nothing changes for anybody else.
fn kind(state: State) -> Option<EventKind> {
    match state {
        State::Active => Some(EventKind::PatternActivated),
        State::Demoted => Some(EventKind::PatternDemoted),
        State::Retired => Some(EventKind::PatternRetired),
        State::Candidate | State::Trial => None,
    }
}

/// Stores the event of a change. Under the lock, so that a pattern's numbers have no gap.
pub async fn store(connection: &mut PgConnection, names: &Names, came: &Came<'_>) -> Result<(), sqlx::Error> {
    // Tenants are checked where they enter; one that cannot be a subject has no events.
    let Some((kind, tenant)) = kind(came.state).zip(Token::parse(came.tenant).ok()) else {
        return Ok(());
    };
    let next = sqlx::query_scalar("SELECT coalesce(max(sequence), 0) + 1 FROM learner.event WHERE task_id = $1");
    let sequence: i64 = next.bind(came.pattern).fetch_one(&mut *connection).await?;
    let number = u64::try_from(sequence).unwrap_or_default();
    let (subject, time) = (
        came.pattern.to_string(),
        service::clock::rfc3339(came.at.timestamp_millis()),
    );
    let data = json!({"pattern_id": came.pattern, "state": came.state, "reason": came.reason, "actor": came.actor});
    let body = CloudEvent::new(&Attachment {
        id: TaskId(came.pattern).event(number),
        source: "/orchestrator/learner",
        kind,
        subject: &subject,
        time: &time,
        sequence: number,
        tenant: came.tenant,
        traceparent: "",
        data: &data,
    });
    let Ok(body) = body.to_json() else {
        return Ok(());
    };
    let insert = sqlx::query(
        "WITH new AS (INSERT INTO learner.outbox_batch DEFAULT VALUES RETURNING batch)
         INSERT INTO learner.event (task_id, sequence, batch, subject, body) SELECT $1, $2, batch, $3, $4 FROM new",
    );
    let insert = insert
        .bind(came.pattern)
        .bind(sequence)
        .bind(names.event_subject(kind, &tenant))
        .bind(body);
    insert.execute(connection).await.map(drop)
}
