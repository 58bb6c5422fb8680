//! Writing what became of a tool, with what is told of it.

use super::transitions::Change;
use crate::notices::Subscriptions;
use crate::store::StoreError;
use crate::store::catalog::telling::{self, ToolEvent};
use crate::store::catalog::{ToolRow, signals, writing};
use bus::Token;
use bus::names::Names;
use outbox::{Attachment, CloudEvent};
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use workflow::hash::Fingerprint;
use workflow::ids::TaskId;
use workflow::time::Timestamp;
use workflow::vocabulary::EventKind;

/// For whom, when and why something is told.
#[derive(Clone, Copy)]
pub struct Telling<'a> {
    pub names: &'a Names,
    pub tenant: &'a Token,
    /// W3C trace context, or empty.
    pub traceparent: &'a str,
    pub at: Timestamp,
    pub subscriptions: &'a Subscriptions,
}

/// Writes rows, their events and the signal to executors; how many rows: a new id may have been taken meanwhile.
///
/// # Errors
/// When the database does not answer.
pub async fn apply(
    connection: &mut PgConnection,
    mut changes: Vec<Change>,
    telling: &Telling<'_>,
) -> Result<usize, StoreError> {
    for Change { row, told, .. } in &mut changes {
        row.events = row.events.saturating_add(i64::try_from(told.len()).unwrap_or(0));
    }
    let rows = |is_new| -> Vec<&ToolRow> {
        let wanted = changes.iter().filter(|change| change.is_new == is_new);
        wanted.map(|change| &change.row).collect()
    };
    let mut written = writing::insert(connection, &rows(true)).await?;
    written.extend(writing::update(connection, &rows(false)).await?);
    changes.retain(|change| written.contains(&change.row.tool_id));
    let events: Vec<_> = changes.iter().flat_map(|change| events(change, telling)).collect();
    telling::store(connection, events).await?;
    if changes.iter().any(|change| change.definitions) {
        signals::definitions_changed(connection).await?;
    }
    Ok(changes.len())
}

/// Numbered up to the row's last one.
fn events(change: &Change, telling: &Telling<'_>) -> Vec<ToolEvent> {
    let last_first = (0..).zip(change.told.iter().rev());
    let numbered = last_first.map(|(before, kind)| (change.row.events.saturating_sub(before), *kind));
    let mut events: Vec<_> = numbered
        .filter_map(|(sequence, kind)| event(&change.row, kind, sequence, telling))
        .collect();
    events.reverse();
    events
}

fn event(row: &ToolRow, kind: EventKind, sequence: i64, telling: &Telling<'_>) -> Option<ToolEvent> {
    let stream = stream_of(&row.tool_id);
    let number = u64::try_from(sequence).unwrap_or(0);
    let (data, time) = (data(row), service::clock::rfc3339(telling.at.0));
    let body = CloudEvent::new(&Attachment {
        id: stream.event(number),
        source: crate::EVENTS_SOURCE,
        kind,
        subject: &row.tool_id,
        time: &time,
        sequence: number,
        tenant: telling.tenant.as_str(),
        traceparent: telling.traceparent,
        data: &data,
    });
    Some(ToolEvent {
        stream,
        sequence,
        subject: telling.names.event_subject(kind, telling.tenant),
        body: body.to_json().ok()?,
        notices: telling.subscriptions.notices(kind, stream, number),
    })
}

fn data(row: &ToolRow) -> Value {
    json!({
        "tool_id": row.tool_id,
        "source": row.source,
        "origin": row.origin,
        "state": row.state,
        "version_hash": row.version_hash,
        "pending_version_hash": row.pending_hash,
        "changed_by": row.changed_by,
    })
}

/// Where tasks have their id. Marked as version 8, so that it is no task's, which are of version 7.
fn stream_of(tool_id: &str) -> TaskId {
    let hash = Fingerprint::of([b"tool".as_slice(), tool_id.as_bytes()]);
    TaskId(uuid::Builder::from_custom_bytes(hash.to_bytes()).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::stream_of;

    #[test]
    fn the_events_of_a_tool_lie_where_no_task_has_its_own() {
        let stream = stream_of("srv.t");
        assert_eq!(stream.0.get_version_num(), 8);
        assert_eq!(stream, stream_of("srv.t"));
        assert_ne!(stream.event(1), stream_of("srv.u").event(1));
    }
}
