//! What becomes of a tool: pure functions of its row and of what happened.

use crate::store::catalog::ToolRow;
use chrono::{DateTime, Utc};
use workflow::tool::{ToolSource, ToolSpecification};
use workflow::vocabulary::{EventKind, ToolState};

/// Found by an executor.
pub const ANNOUNCED: &str = "announced";
/// Defined by a caller.
pub const REGISTERED: &str = "registered";

/// A definition, as its source gave it.
pub struct Definition<'a> {
    pub spec: &'a ToolSpecification,
    /// JSON text of `spec`.
    pub document: &'a str,
}

/// Who did it, and when.
#[derive(Clone, Copy)]
pub struct By<'a> {
    pub actor: &'a str,
    pub at: DateTime<Utc>,
}

/// What is written, and what is told of it.
#[derive(Debug, PartialEq)]
pub struct Change {
    pub row: ToolRow,
    pub is_new: bool,
    /// In order.
    pub told: Vec<EventKind>,
    /// Executors have to read again which definitions are in force.
    pub definitions: bool,
}

/// Why nothing is changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refused {
    /// The id is another tool's.
    Exists,
    /// The tool was found, not registered: its source defines it.
    NotRegistered,
    /// It was taken out of use.
    Removed,
    /// Another definition than the one that was looked at waits.
    Stale { waiting: String },
}

/// An executor says what a tool is.
///
/// Shipped and operator-configured tools follow their configuration. A tool of a foreign server or document whose
/// definition differs is suspended until somebody approves it; the definition in force stays the one that was approved. What a
/// human decided (suspended, removed) no announcement undoes.
pub fn announced(known: Option<&ToolRow>, found: &Definition<'_>, by: By<'_>) -> Option<Change> {
    let change = becomes(known, found, by)?;
    let before = known.map(in_force);
    Some(Change {
        definitions: before != Some(in_force(&change.row)),
        ..change
    })
}

/// What executors are told of a tool that they publish with, or that their agents call.
fn in_force(row: &ToolRow) -> (&str, &str, bool) {
    (&row.version_hash, &row.state, row.pending.is_some())
}

fn becomes(known: Option<&ToolRow>, found: &Definition<'_>, by: By<'_>) -> Option<Change> {
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

/// A caller defines a tool, which is its tenant's alone. A registered one that was removed may be defined anew.
///
/// # Errors
/// [`Refused::Exists`].
pub fn registered(
    known: Option<&ToolRow>,
    tenant: &str,
    defined: &Definition<'_>,
    registration: &str,
    state: ToolState,
    by: By<'_>,
) -> Result<Change, Refused> {
    let mut row = new_row(defined, REGISTERED, state, by);
    tenant.clone_into(&mut row.tenant);
    row.registration = Some(registration.to_owned());
    row.announced_by = None;
    row.announced_at = None;
    match known {
        None => Ok(Change::of_registered(row, true, &[EventKind::ToolDiscovered])),
        Some(old) if old.origin == REGISTERED && old.is_removed() && old.tenant == tenant => {
            row.events = old.events;
            Ok(Change::of_registered(row, false, &[EventKind::ToolChanged]))
        }
        Some(_) => Err(Refused::Exists),
    }
}

/// A caller defines a registered tool differently. `state` is that of a new one; what was suspended stays so.
///
/// # Errors
/// [`Refused::NotRegistered`], [`Refused::Removed`].
pub fn changed(
    row: &ToolRow,
    defined: &Definition<'_>,
    registration: &str,
    state: ToolState,
    by: By<'_>,
) -> Result<Option<Change>, Refused> {
    if row.origin != REGISTERED {
        return Err(Refused::NotRegistered);
    }
    let state = match ToolState::parse(&row.state) {
        Some(ToolState::Removed) => return Err(Refused::Removed),
        Some(ToolState::Suspended) => ToolState::Suspended,
        _ => state,
    };
    if row.registration.as_deref() == Some(registration) {
        return Ok(None);
    }
    let mut next = row.clone();
    next.registration = Some(registration.to_owned());
    next.define(defined);
    next.decided(state, by);
    Ok(Some(Change::of_registered(next, false, &[EventKind::ToolChanged])))
}

/// A human lets plans use the tool, as it was seen. `seen`: the hash of the definition that was looked at.
///
/// # Errors
/// [`Refused::Stale`].
pub fn approved(row: &ToolRow, seen: Option<&str>, by: By<'_>) -> Result<Option<Change>, Refused> {
    let waiting = row.pending_hash.as_ref().unwrap_or(&row.version_hash);
    if seen.is_some_and(|seen| seen != waiting) {
        return Err(Refused::Stale {
            waiting: waiting.clone(),
        });
    }
    if row.state == ToolState::Active.as_str() && row.pending.is_none() {
        return Ok(None);
    }
    let mut next = row.clone();
    next.pending_hash = None;
    // A row bears only what was read as a specification when it was announced.
    let pending = next.pending.take();
    if let Some((document, spec)) = pending.and_then(|text| serde_json::from_str(&text).ok().map(|spec| (text, spec))) {
        next.define(&Definition {
            spec: &spec,
            document: &document,
        });
    }
    next.decided(ToolState::Active, by);
    Ok(Some(Change {
        // Channels publish with what is in force.
        definitions: true,
        ..Change::decided(next, EventKind::ToolChanged)
    }))
}

/// A human stops plans from using the tool.
///
/// # Errors
/// [`Refused::Removed`].
pub fn suspended(row: &ToolRow, by: By<'_>) -> Result<Option<Change>, Refused> {
    match ToolState::parse(&row.state) {
        Some(ToolState::Removed) => Err(Refused::Removed),
        Some(ToolState::Suspended) => Ok(None),
        _ => {
            let mut next = row.clone();
            next.decided(ToolState::Suspended, by);
            Ok(Some(Change::decided(next, EventKind::ToolSuspended)))
        }
    }
}

/// A human takes the tool out of use. Its row stays: running tasks, and approval, go by it.
pub fn removed(row: &ToolRow, by: By<'_>) -> Option<Change> {
    (!row.is_removed()).then(|| {
        let mut next = row.clone();
        next.decided(ToolState::Removed, by);
        Change::decided(next, EventKind::ToolChanged)
    })
}

impl Change {
    fn new(row: ToolRow, is_new: bool, told: &[EventKind]) -> Self {
        Self {
            row,
            is_new,
            told: told.to_vec(),
            definitions: false,
        }
    }

    fn of_registered(row: ToolRow, is_new: bool, told: &[EventKind]) -> Self {
        Self {
            definitions: true,
            ..Self::new(row, is_new, told)
        }
    }

    fn decided(row: ToolRow, told: EventKind) -> Self {
        Self {
            // Whether it is registered or published with: executors hold to what is in force.
            definitions: true,
            ..Self::new(row, false, &[told])
        }
    }
}

impl ToolRow {
    /// Of other tools a tenant learns nothing.
    pub fn is_seen_by(&self, tenant: &str) -> bool {
        self.tenant.is_empty() || self.tenant == tenant
    }

    /// Out of use; only a human brings it back.
    pub fn is_removed(&self) -> bool {
        self.state == ToolState::Removed.as_str()
    }

    /// Another definition is in force.
    fn define(&mut self, definition: &Definition<'_>) {
        let spec = definition.spec;
        self.spec = definition.document.to_owned();
        self.version_hash = spec.version_hash().to_string();
        self.source = spec.source.as_str().to_owned();
        // No column can hold NUL, which a JSON text may.
        self.category = spec.category.replace('\0', "");
        self.words = format!("{} {} {}", spec.tool_id, spec.name, spec.description)
            .replace('\0', "")
            .to_lowercase();
    }

    fn decided(&mut self, state: ToolState, by: By<'_>) {
        state.as_str().clone_into(&mut self.state);
        by.actor.clone_into(&mut self.changed_by);
        self.changed_at = by.at;
    }

    fn seen(&mut self, by: By<'_>) {
        self.announced_by = Some(by.actor.to_owned());
        self.announced_at = Some(by.at);
    }
}

fn new_row(definition: &Definition<'_>, origin: &str, state: ToolState, by: By<'_>) -> ToolRow {
    let mut row = ToolRow {
        tool_id: definition.spec.tool_id.clone(),
        tenant: String::new(),
        spec: String::new(),
        version_hash: String::new(),
        source: String::new(),
        category: String::new(),
        words: String::new(),
        state: String::new(),
        origin: origin.to_owned(),
        registration: None,
        pending: None,
        pending_hash: None,
        announced_by: None,
        announced_at: None,
        changed_by: String::new(),
        changed_at: by.at,
        revision: 1,
        events: 0,
    };
    row.define(definition);
    row.decided(state, by);
    row.seen(by);
    row
}

#[cfg(test)]
#[path = "transitions_tests.rs"]
mod tests;
