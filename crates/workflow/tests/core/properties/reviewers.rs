//! People who decide at once, late, twice, about what has changed, and beside a cancellation or an expiry: every order
//! of a small task is gone through, and each has one right end.

use crate::tables::acts::{cancel, says};
use crate::tables::given::Given;
use crate::tables::scenario::Scenario;
use std::collections::{BTreeMap, BTreeSet};
use workflow::decision::{Refusal, Reply};
use workflow::hash::Fingerprint;
use workflow::ids::GateId;
use workflow::input::{Decision, Input};
use workflow::vocabulary::{Action, GateKind, Status};

/// Something that happens at most once, at any moment from when it can.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Event {
    /// Of the gate about a step, by its id and the hash that was seen when it opened first.
    Step(&'static str, Action),
    /// Of the first publication gate, likewise.
    Publication(&'static str, Action),
    /// By the hash of the first publication gate alone.
    ByHash(Action),
    /// Whatever is asked now.
    Blindly(Action),
    Cancel,
    /// Every gate that is open expires.
    Expiry,
}

/// What was met, how often.
type Met = BTreeMap<String, u32>;

struct Explorer {
    seen: BTreeSet<(String, u32)>,
    met: Met,
}

impl Explorer {
    fn explore(begin: Scenario, events: &[Event]) -> Self {
        let mut explorer = Self {
            seen: BTreeSet::new(),
            met: Met::new(),
        };
        let mut open = vec![(begin, 0_u32)];
        while let Some((s, done)) = open.pop() {
            let state = serde_json::to_string(&s.task).unwrap();
            if !explorer.seen.insert((state, done)) {
                continue;
            }
            *explorer.met.entry(s.status().to_string()).or_default() += 1;
            for label in s.queued() {
                let mut next = s.clone();
                next.done(&label);
                open.push((next, done));
            }
            for (at, event) in events.iter().enumerate().filter(|(at, _)| done & (1 << at) == 0) {
                if let Some(next) = explorer.happen(&s, *event, at) {
                    open.push((next, done | 1 << at));
                }
            }
        }
        explorer
    }

    /// None: it cannot happen yet.
    fn happen(&mut self, s: &Scenario, event: Event, at: usize) -> Option<Scenario> {
        let mut next = s.clone();
        let decision = match event {
            Event::Cancel => {
                let reply = next.input(&cancel());
                cancelled(s, &next, &reply);
                return Some(next);
            }
            Event::Expiry => {
                next.wait(3600.0);
                assert_eq!(
                    next.task.gates.iter().filter(|g| g.kind != GateKind::Attention).count(),
                    0
                );
                return Some(next);
            }
            Event::Step(key, action) => of_gate(s, GateKind::Step, Some(key), action)?,
            Event::Publication(_, action) => of_gate(s, GateKind::Publication, None, action)?,
            Event::ByHash(action) => Decision {
                gate: None,
                ..of_gate(s, GateKind::Publication, None, action)?
            },
            Event::Blindly(action) => says(action),
        };
        let decision = Decision {
            request: Fingerprint::of([at.to_be_bytes().as_slice()]),
            ..decision
        };
        let reply = next.input(&Input::GateDecided(decision.clone()));
        self.note(event, &reply);
        decided(s, &next, &decision, &reply);
        Some(next)
    }

    fn note(&mut self, event: Event, reply: &Reply) {
        let word = match reply {
            Reply::Done => "done".to_owned(),
            Reply::Refused(refusal) => {
                let text = format!("{refusal:?}");
                text.split([' ', '(']).next().unwrap_or_default().to_owned()
            }
            other => panic!("{event:?}: {other:?}"),
        };
        *self.met.entry(format!("{event:?}: {word}")).or_default() += 1;
    }

    fn has_met(&self, facts: &[&str]) {
        for fact in facts {
            assert!(self.met.contains_key(*fact), "nobody met {fact:?}: {:#?}", self.met);
        }
    }
}

/// About the gate of that kind that opened first; none: there was none yet.
fn of_gate(s: &Scenario, kind: GateKind, key: Option<&str>, action: Action) -> Option<Decision> {
    let row = s
        .gates
        .iter()
        .find(|row| row.kind == kind && row.step_key.as_deref() == key)?;
    Some(Decision {
        gate: Some(row.gate),
        content_hash: Some(row.content_hash.to_string()),
        approved: (action == Action::Edit).then(|| r#"{"arguments":{}}"#.to_owned()),
        ..says(action)
    })
}

fn cancelled(before: &Scenario, after: &Scenario, reply: &Reply) {
    if before.status().is_terminal() && before.status() != Status::Cancelled {
        assert_eq!(*reply, Reply::Refused(Refusal::AlreadyTerminal));
        assert_eq!(after.task, before.task);
    } else {
        assert_eq!(after.status(), Status::Cancelled, "nothing is in flight here");
    }
}

/// A decision is taken where its gate is open and is what was seen, and then the gate is closed; else nothing changes.
fn decided(before: &Scenario, after: &Scenario, decision: &Decision, reply: &Reply) {
    let id = |serial| before.task.id.gate(serial);
    let open: Vec<(GateId, String)> = (before.task.gates.iter())
        .map(|g| (id(g.serial), g.content_hash.to_string()))
        .collect();
    let meant = match decision.gate {
        Some(gate) => open.iter().find(|(id, _)| *id == gate),
        None => open.first().filter(|_| open.len() == 1),
    };
    if *reply != Reply::Done {
        assert_eq!(
            after.task, before.task,
            "{decision:?} was refused and changed something"
        );
        return;
    }
    let (gate, hash) = meant.unwrap_or_else(|| panic!("{decision:?} was taken without a gate: {open:?}"));
    assert!(
        decision.content_hash.as_ref().is_none_or(|seen| seen == hash),
        "what was not seen was decided"
    );
    assert!(
        !after.task.gates.iter().any(|g| id(g.serial) == *gate),
        "the gate is still open"
    );
    let closed = after
        .gates
        .iter()
        .filter(|row| row.gate == *gate && row.decided.is_some());
    assert_eq!(closed.count(), 1, "a gate was decided twice");
    if decision.action == Action::Reject {
        assert_eq!(after.status(), Status::Rejected);
    }
}

#[test]
fn two_calls_are_each_decided_once_whoever_decides_when() {
    let begin = Given::plan("a:asks b:asks c<a,b").channels(&[]).start();
    let events = [
        Event::Step("a", Action::Approve),
        Event::Step("a", Action::Reject),
        Event::Step("b", Action::Approve),
        Event::Step("b", Action::Edit),
        Event::Blindly(Action::Approve),
        Event::Cancel,
        Event::Expiry,
    ];
    let explorer = Explorer::explore(begin, &events);
    println!("{} states, {:#?}", explorer.seen.len(), explorer.met);
    explorer.has_met(&[
        "completed",
        "rejected",
        "cancelled",
        "needs_attention",
        "Step(\"a\", Approve): done",
        "Step(\"a\", Approve): AlreadyDecided",
        "Step(\"a\", Reject): AlreadyDecided",
        "Step(\"b\", Edit): done",
        "Step(\"b\", Edit): AlreadyDecided",
        "Blindly(Approve): GateAmbiguous",
        "Blindly(Approve): done",
    ]);
}

#[test]
fn a_publication_is_decided_once_and_as_it_was_seen() {
    let begin = Given::plan("a").channels(&["blog"]).start();
    let events = [
        Event::Publication("ann", Action::Approve),
        Event::Publication("bob", Action::Approve),
        Event::Publication("eve", Action::Revise),
        Event::ByHash(Action::Approve),
        Event::Blindly(Action::Approve),
        Event::Cancel,
        Event::Expiry,
    ];
    let explorer = Explorer::explore(begin, &events);
    println!("{} states, {:#?}", explorer.seen.len(), explorer.met);
    explorer.has_met(&[
        "completed",
        "cancelled",
        "needs_attention",
        "Publication(\"ann\", Approve): done",
        "Publication(\"ann\", Approve): AlreadyDecided",
        "Publication(\"bob\", Approve): AlreadyDecided",
        "Publication(\"eve\", Revise): done",
        "Publication(\"eve\", Revise): AlreadyDecided",
        "ByHash(Approve): ApprovalStale",
        "ByHash(Approve): done",
        "Blindly(Approve): done",
    ]);
}
