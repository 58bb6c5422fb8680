//! Events of models: whoever changes a state tells it, in the same transaction.

use crate::models::version::{State, served_name};
use crate::store::Store;
use crate::store::events::{self, Event};
use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;
use workflow::vocabulary::EventKind;

/// A version that came to a state just now, under the lock of its row.
pub(in crate::store) struct Came<'a> {
    pub id: Uuid,
    pub tenant: &'a str,
    pub name: &'a str,
    pub version: i32,
    pub state: State,
    pub reason: Option<&'a str>,
    pub at: DateTime<Utc>,
}

/// None: nothing changes for anybody else.
fn kind(state: State) -> Option<EventKind> {
    match state {
        State::Uploaded | State::Loaded | State::SmokePassed => None,
        State::Validated => Some(EventKind::ModelValidated),
        State::Canary => Some(EventKind::ModelCanary),
        State::Promoted => Some(EventKind::ModelPromoted),
        State::RolledBack => Some(EventKind::ModelRolledBack),
        State::Inconclusive => Some(EventKind::ModelInconclusive),
        State::Failed => Some(EventKind::ModelFailed),
    }
}

impl Came<'_> {
    /// Tells of the state.
    pub async fn tell(&self, connection: &mut PgConnection, store: &Store) -> Result<(), sqlx::Error> {
        match kind(self.state) {
            Some(kind) => self.tell_as(kind, connection, store).await,
            None => Ok(()),
        }
    }

    /// Tells that there is a new version, in whichever state.
    pub async fn tell_registered(&self, connection: &mut PgConnection, store: &Store) -> Result<(), sqlx::Error> {
        self.tell_as(EventKind::ModelRegistered, connection, store).await
    }

    async fn tell_as(&self, kind: EventKind, connection: &mut PgConnection, store: &Store) -> Result<(), sqlx::Error> {
        let Some(names) = store.names() else { return Ok(()) };
        let data = json!({
            "model_id": self.id,
            "model_name": self.name,
            "version": self.version,
            "served_as": served_name(self.name, self.version),
            "state": self.state,
            "reason": self.reason,
        });
        let event = Event {
            kind,
            entity: self.id,
            tenant: self.tenant,
            at: self.at,
            data: &data,
        };
        events::store(connection, names, &event).await
    }
}
