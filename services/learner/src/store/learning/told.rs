//! Events of patterns.

use crate::patterns::standing::State;
use crate::store::events::{self, Event};
use bus::Names;
use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;
use workflow::vocabulary::EventKind;

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

/// Stores the event of a change, under the lock.
pub async fn store(connection: &mut PgConnection, names: &Names, came: &Came<'_>) -> Result<(), sqlx::Error> {
    let Some(kind) = kind(came.state) else {
        return Ok(());
    };
    let data = json!({"pattern_id": came.pattern, "state": came.state, "reason": came.reason, "actor": came.actor});
    let event = Event {
        kind,
        entity: came.pattern,
        tenant: came.tenant,
        at: came.at,
        data: &data,
    };
    events::store(connection, names, &event).await
}
