//! What becomes of a tool when an executor says what it is: a pure function of its row and of what was said before.

use super::transitions::{ANNOUNCED, By, Change, Definition, REGISTERED, new_row};
use crate::store::catalog::ToolRow;
use workflow::tool::{ToolSource, ToolSpecification};
use workflow::vocabulary::{EventKind, ToolState};

/// An executor says what a tool is.
///
/// Shipped and operator-configured tools follow their configuration. A tool of a foreign server or document whose
/// definition differs is suspended until somebody approves it; the definition in force stays the one that was approved. What a
/// human decided (suspended, removed) no announcement undoes.
pub fn announced(known: Option<&ToolRow>, found: &Definition<'_>, by: By<'_>) -> Option<Change> {
    let Some(row) = known else {
        let mut row = new_row(found, ANNOUNCED, ToolState::Active, by);
        row.changed_by = String::new();
        return Some(Change::new(row, true, &[EventKind::ToolDiscovered]));
    };
    if row.origin == REGISTERED {
        return None;
    }
    let active = row.state == ToolState::Active.as_str();
    let hash = found.spec.version_hash().to_string();
    let mut next = row.clone();
    if row.version_hash == hash {
        let restated = row.spec != found.document || row.words.is_empty();
        if !restated && row.pending.is_none() {
            return None;
        }
        next.pending = None;
        next.pending_hash = None;
        next.define(found);
        next.seen(by);
        return Some(Change::new(next, false, &[]));
    }
    next.seen(by);
    if !is_foreign(found.spec) || says_the_same(row, found.spec) {
        next.pending = None;
        next.pending_hash = None;
        next.define(found);
        return Some(Change::new(next, false, &[EventKind::ToolChanged]));
    }
    if row.pending.as_deref() == Some(found.document) {
        return None;
    }
    next.pending = Some(found.document.to_owned());
    next.pending_hash = Some(hash);
    if active {
        ToolState::Suspended.as_str().clone_into(&mut next.state);
        return Some(Change::new(
            next,
            false,
            &[EventKind::ToolChanged, EventKind::ToolSuspended],
        ));
    }
    // A server that changes over and over is told of once, until somebody decides.
    let told: &[EventKind] = match row.pending {
        Some(_) => &[],
        None => &[EventKind::ToolChanged],
    };
    Some(Change::new(next, false, told))
}

/// The server says what it said; what its tool does outside is the operator's word, and that is another one now.
fn says_the_same(row: &ToolRow, found: &ToolSpecification) -> bool {
    let known: Option<ToolSpecification> = serde_json::from_str(&row.spec).ok();
    known.is_some_and(|known| {
        let found = ToolSpecification {
            effects: known.effects,
            ..found.clone()
        };
        found.version_hash() == known.version_hash()
    })
}

/// Servers are foreign whatever an executor says of them.
pub fn is_foreign(spec: &ToolSpecification) -> bool {
    spec.foreign || spec.source == ToolSource::Mcp
}
