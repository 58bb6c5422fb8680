//! What becomes of a tool when an executor says what it is: a pure function of its row and of what was said before.

use super::transitions::{ANNOUNCED, By, Change, Definition, REGISTERED, new_row};
use crate::store::catalog::ToolRow;
use std::collections::BTreeSet;
use workflow::tool::{ToolSource, ToolSpecification};
use workflow::vocabulary::{EventKind, ToolState};

/// What executors said of a tool before this announcement, each the last time: hashes of definitions.
#[derive(Clone, Debug, Default)]
pub struct Said<'a> {
    /// The one that announces; none where it had no such tool, or is new.
    pub before: Option<&'a str>,
    /// The others, as far as they were heard as lately as it was.
    pub others: BTreeSet<&'a str>,
}

impl Said<'_> {
    /// The one that announces says what it said, and has not heard yet what another one says still: not its server went
    /// back, but the executor is behind.
    fn is_behind(&self, row: &ToolRow, hash: &str) -> bool {
        let waits = row.pending_hash.as_deref();
        self.before == Some(hash)
            && waits != Some(hash)
            && (self.others.contains(row.version_hash.as_str()) || self.others_say(waits))
    }

    fn others_say(&self, hash: Option<&str>) -> bool {
        hash.is_some_and(|hash| self.others.contains(hash))
    }
}

/// An executor says what a tool is.
///
/// Shipped and operator-configured tools follow their configuration. A tool of a foreign server or document whose
/// definition differs is suspended until somebody approves it; the definition in force stays the one that was approved. What a
/// human decided (suspended, removed) no announcement undoes.
///
/// Of executors that differ the one that says something new is believed: what others only repeat neither takes back what
/// was approved nor hides what waits, as long as somebody says that.
///
/// The configuration's tools take the place of registered ones with their ids.
pub fn announced(known: Option<&ToolRow>, found: &Definition<'_>, said: &Said<'_>, by: By<'_>) -> Option<Change> {
    let change = becomes(known, found, said, by)?;
    Some(Change {
        definitions: change.definitions || known.map(in_force) != Some(in_force(&change.row)),
        ..change
    })
}

/// What executors are told of a tool that they publish with, or that their agents call.
fn in_force(row: &ToolRow) -> (&str, &str, bool) {
    (&row.version_hash, &row.state, row.stopped)
}

fn becomes(known: Option<&ToolRow>, found: &Definition<'_>, said: &Said<'_>, by: By<'_>) -> Option<Change> {
    if is_registered(found.spec) {
        return None;
    }
    let Some(row) = known else {
        let row = found_row(found, ToolState::Active, by);
        return Some(Change::new(row, true, &[EventKind::ToolDiscovered]));
    };
    if row.origin == REGISTERED {
        return Some(taken(row, found, by));
    }
    let hash = found.spec.version_hash().to_string();
    if said.is_behind(row, &hash) {
        return None;
    }
    let mut next = row.clone();
    next.seen(by);
    let waits_still = said.others_say(row.pending_hash.as_deref());
    if row.version_hash == hash {
        let restated = row.spec != found.document || row.words.is_empty();
        if !restated && (row.pending.is_none() || waits_still) {
            return None;
        }
        next.restate(found, waits_still);
        return Some(Change::new(next, false, &[]));
    }
    let is_own = !is_foreign(found.spec);
    if is_own || says_the_same(row, found.spec) {
        next.restate(found, waits_still && !is_own);
        return Some(Change::new(next, false, &[EventKind::ToolChanged]));
    }
    if row.pending.as_deref() == Some(found.document) {
        return None;
    }
    next.pending = Some(found.document.to_owned());
    next.pending_hash = Some(hash);
    if row.state == ToolState::Active.as_str() {
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

fn found_row(found: &Definition<'_>, state: ToolState, by: By<'_>) -> ToolRow {
    let mut row = new_row(found, ANNOUNCED, state, by);
    row.changed_by = String::new();
    row
}

/// The operator has given this id's namespace away since somebody registered it. Plans that name it meant another tool: a
/// foreign server gets none of them before somebody approves.
fn taken(row: &ToolRow, found: &Definition<'_>, by: By<'_>) -> Change {
    let state = match is_foreign(found.spec) {
        true => ToolState::AwaitingApproval,
        false => ToolState::Active,
    };
    let mut next = found_row(found, state, by);
    next.events = row.events;
    Change {
        // Executors serve the registered one no longer.
        definitions: true,
        ..Change::new(next, false, &[EventKind::ToolDiscovered])
    }
}

/// A caller defined it: the executor says only what it was told, and it may be behind.
pub fn is_registered(spec: &ToolSpecification) -> bool {
    spec.binding_hash.is_some() && !is_foreign(spec)
}

impl ToolRow {
    /// In force is what is said now; what waits goes on waiting or was taken back.
    fn restate(&mut self, found: &Definition<'_>, waits_still: bool) {
        if !waits_still {
            self.pending = None;
            self.pending_hash = None;
        }
        self.define(found);
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::transitions::{self, approved};
    use crate::view::story;
    use chrono::DateTime;
    use workflow::vocabulary::EffectClass;

    const BY: By<'_> = By {
        actor: "executor-1",
        at: DateTime::UNIX_EPOCH,
    };

    fn spec(version: &str) -> ToolSpecification {
        ToolSpecification {
            source: ToolSource::Mcp,
            description: version.to_owned(),
            ..story::tool("srv.t", EffectClass::ReadOnly, false)
        }
    }

    fn hash(version: &str) -> String {
        spec(version).version_hash().to_string()
    }

    fn announce(row: Option<&ToolRow>, spec: &ToolSpecification, said: &Said<'_>) -> Option<ToolRow> {
        let document = serde_json::to_string(spec).unwrap();
        let definition = Definition {
            spec,
            document: &document,
        };
        announced(row, &definition, said, BY).map(|change| change.row)
    }

    /// `v2` was approved in place of `v1`; where `waits`, the server has said that since.
    fn row(waits: Option<&str>) -> ToolRow {
        let said = Said::default();
        let first = announce(None, &spec("v1"), &said).unwrap();
        let second = announce(Some(&first), &spec("v2"), &said).unwrap();
        let row = approved(&second, None, BY).unwrap().unwrap().row;
        match waits {
            Some(version) => announce(Some(&row), &spec(version), &said).unwrap(),
            None => row,
        }
    }

    #[test]
    fn an_executor_that_is_behind_undoes_nothing_and_a_server_that_went_back_is_heard() {
        const ACTIVE: (&str, Option<&str>) = ("active", None);
        const STOPPED: (&str, Option<&str>) = ("suspended", None);
        const BACK: (&str, Option<&str>) = ("suspended", Some("v1"));
        const WAITS: (&str, Option<&str>) = ("suspended", Some("v3"));
        // What waits, what is announced, what its executor said before, what others say, and what becomes of it.
        type Case<'c> = (
            Option<&'c str>,
            &'c str,
            Option<&'c str>,
            &'c [&'c str],
            (&'c str, Option<&'c str>),
        );
        let cases: &[Case<'_>] = &[
            (None, "v1", Some("v1"), &["v2"], ACTIVE),
            (None, "v1", Some("v1"), &["v1", "v2"], ACTIVE),
            (None, "v1", Some("v2"), &["v2"], BACK),
            (None, "v1", None, &["v2"], BACK),
            (None, "v1", Some("v1"), &["v1"], BACK),
            (None, "v1", Some("v1"), &[], BACK),
            (None, "v2", Some("v1"), &["v1"], ACTIVE),
            (Some("v3"), "v1", Some("v1"), &["v3"], WAITS),
            (Some("v3"), "v1", Some("v1"), &["v2"], WAITS),
            (Some("v3"), "v1", Some("v2"), &["v3"], BACK),
            (Some("v3"), "v1", Some("v1"), &[], BACK),
            (Some("v3"), "v2", Some("v2"), &["v3"], WAITS),
            (Some("v3"), "v2", Some("v3"), &["v3"], WAITS),
            (Some("v3"), "v2", Some("v3"), &["v2"], STOPPED),
            (Some("v3"), "v2", Some("v2"), &[], STOPPED),
            (Some("v3"), "v3", Some("v3"), &["v2"], WAITS),
            (Some("v3"), "v3", Some("v2"), &[], WAITS),
        ];
        for case in cases {
            let (waits, says, before, others, expected) = *case;
            let before = before.map(hash);
            let others: Vec<String> = others.iter().copied().map(hash).collect();
            let said = Said {
                before: before.as_deref(),
                others: others.iter().map(String::as_str).collect(),
            };
            let row = row(waits);
            let after = announce(Some(&row), &spec(says), &said).unwrap_or(row);
            let waits = after.pending_hash.clone();
            assert_eq!(
                (after.state.as_str(), waits, after.version_hash),
                (expected.0, expected.1.map(hash), hash("v2")),
                "{case:?}"
            );
        }
    }

    #[test]
    fn an_executor_with_the_old_configuration_takes_back_no_word_of_the_operator() {
        let own = |description: &str| ToolSpecification {
            source: ToolSource::Api,
            ..spec(description)
        };
        let stronger = |version: &str| ToolSpecification {
            effects: EffectClass::Once,
            ..spec(version)
        };
        for (old, new) in [(own("old"), own("new")), (spec("v"), stronger("v"))] {
            let (old_hash, new_hash) = (old.version_hash().to_string(), new.version_hash().to_string());
            let row = announce(None, &old, &Said::default()).unwrap();
            let said = Said {
                before: Some(&old_hash),
                others: BTreeSet::from([old_hash.as_str()]),
            };
            let row = announce(Some(&row), &new, &said).unwrap();
            assert_eq!((row.state.as_str(), &row.version_hash), ("active", &new_hash));
            let said = Said {
                before: Some(&old_hash),
                others: BTreeSet::from([new_hash.as_str()]),
            };
            assert_eq!(announce(Some(&row), &old, &said), None);
            let alone = Said {
                before: Some(&old_hash),
                ..Said::default()
            };
            let row = announce(Some(&row), &old, &alone).unwrap();
            assert_eq!((row.state.as_str(), row.version_hash), ("active", old_hash));
        }
    }

    #[test]
    fn the_configuration_takes_an_id_and_a_foreign_server_waits_for_approval_first() {
        let registered = ToolSpecification {
            source: ToolSource::Api,
            binding_hash: Some("h".to_owned()),
            ..spec("mine")
        };
        let document = serde_json::to_string(&registered).unwrap();
        let definition = Definition {
            spec: &registered,
            document: &document,
        };
        let mine = transitions::registered(None, "a", &definition, "{}", ToolState::Active, BY);
        let mine = mine.unwrap().row;
        let said = Said::default();
        assert_eq!(announce(Some(&mine), &registered, &said), None);
        assert_eq!(announce(None, &registered, &said), None, "nobody's but its tenant's");
        let own = ToolSpecification {
            source: ToolSource::Api,
            ..spec("theirs")
        };
        for (found, state) in [(own, "active"), (spec("theirs"), "awaiting_approval")] {
            let row = announce(Some(&mine), &found, &said).unwrap();
            assert_eq!((row.state.as_str(), row.tenant.as_str()), (state, ""));
            assert_eq!((row.origin.as_str(), &row.registration), (ANNOUNCED, &None));
            assert_eq!(row.version_hash, found.version_hash().to_string());
            assert_eq!(
                announce(Some(&row), &registered, &said),
                None,
                "an executor that is behind"
            );
        }
    }

    #[test]
    fn the_operators_word_on_effects_hides_no_change_that_waits() {
        let waiting = row(Some("v3"));
        let (before, others) = (hash("v2"), hash("v3"));
        let said = Said {
            before: Some(&before),
            others: BTreeSet::from([others.as_str()]),
        };
        let stronger = ToolSpecification {
            effects: EffectClass::Once,
            ..spec("v2")
        };
        let after = announce(Some(&waiting), &stronger, &said).unwrap();
        assert_eq!(after.pending_hash, waiting.pending_hash);
        assert_eq!(after.version_hash, stronger.version_hash().to_string());
    }
}
