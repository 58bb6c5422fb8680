//! Whom a gate is with, and that it expires all the same.

use super::acts::says;
use super::given::Given;
use super::scenario::Scenario;
use std::collections::BTreeMap;
use workflow::decision::Reply;
use workflow::obligations::{Rule, obligations};
use workflow::state::Gate;
use workflow::submission::Escalation;
use workflow::vocabulary::{Action, AttentionReason, EventKind, GateKind, Status};

/// To the lead after 10 minutes, to the boss after 40; a gate lasts an hour.
fn escalating(notation: &str) -> Given {
    let to = |after_seconds: f64, assignee: &str| Escalation {
        after_seconds,
        assignee: assignee.to_owned(),
    };
    Given::plan(notation).policy(|policy| {
        policy.assignees = BTreeMap::from([(GateKind::Step, "ann".to_owned())]);
        policy.escalation = vec![to(600.0, "lead"), to(2400.0, "boss")];
    })
}

fn gate(s: &Scenario) -> &Gate {
    &s.task.gates[0]
}

fn due(s: &Scenario) -> Option<f64> {
    let open = obligations(&s.task);
    let (_, rule, at) = open.last().unwrap();
    assert!(matches!(rule, Rule::Gate | Rule::Human));
    at.map(|t| (t - s.now).as_secs_f64())
}

#[test]
fn a_gate_is_handed_on_step_by_step_told_each_time_and_then_expires() {
    let mut s = escalating("a:asks").start();
    assert_eq!((gate(&s).assignee.as_deref(), due(&s)), (Some("ann"), Some(600.0)));
    let opened = s.event(EventKind::GateOpened).clone();
    assert_eq!((&opened["assignee"], opened.get("escalation")), (&"ann".into(), None));
    s.told();
    s.wait(599.0);
    assert!(s.told().is_empty());
    s.wait(1.0);
    assert_eq!((gate(&s).assignee.as_deref(), due(&s)), (Some("lead"), Some(1800.0)));
    let told = s.event(EventKind::GateOpened).clone();
    assert_eq!((&told["assignee"], &told["escalation"]), (&"lead".into(), &1.into()));
    assert_eq!(
        (&told["gate_id"], &told["content_hash"]),
        (&opened["gate_id"], &opened["content_hash"])
    );
    s.wait(1800.0);
    assert_eq!((gate(&s).assignee.as_deref(), due(&s)), (Some("boss"), Some(1200.0)));
    assert_eq!(s.told(), ["gate.opened", "gate.opened"]);
    s.wait(1200.0);
    assert_eq!(
        (s.status(), s.reason()),
        (Status::NeedsAttention, Some(AttentionReason::GateExpired))
    );
}

#[test]
fn after_an_outage_a_gate_is_with_whom_it_would_be_by_now_and_told_once() {
    let mut s = escalating("a:asks").start();
    s.told();
    s.wait(3000.0);
    assert_eq!((gate(&s).assignee.as_deref(), gate(&s).handed_on), (Some("boss"), 2));
    assert_eq!(s.told(), ["gate.opened"]);
    let mut s = escalating("a:asks").start();
    s.told();
    s.wait(3600.0);
    let told = s.told();
    assert_eq!(
        told.first(),
        Some(&"gate.expired"),
        "handed to nobody any more: {told:?}"
    );
}

#[test]
fn a_gate_for_attention_is_handed_on_and_never_expires() {
    let mut s = escalating("a:asks").start();
    s.wait(3600.0);
    assert_eq!(
        (gate(&s).kind, gate(&s).assignee.as_deref()),
        (GateKind::Attention, None)
    );
    assert_eq!(due(&s), Some(600.0));
    s.wait(2400.0);
    assert_eq!((gate(&s).assignee.as_deref(), due(&s)), (Some("boss"), None));
}

#[test]
fn a_request_names_its_own_first_and_anybody_may_answer() {
    for (named, first) in [("bob", "bob"), ("", "ann"), ("b\nb", "ann"), (&"b".repeat(65), "ann")] {
        let s = escalating("a:asks").metadata("assignee", named).start();
        assert_eq!(gate(&s).assignee.as_deref(), Some(first), "{named:?}");
    }
    let mut s = escalating("a:asks").start();
    s.wait(600.0);
    assert_eq!(s.human(says(Action::Approve)), Reply::Done);
    s.wait(1800.0);
    assert!(s.task.gates.is_empty());
}

#[test]
fn without_a_chain_nothing_is_due_but_the_end() {
    let s = Given::plan("a:asks").start();
    assert_eq!((gate(&s).assignee.as_deref(), due(&s)), (None, Some(3600.0)));
    assert!(s.event(EventKind::GateOpened).get("assignee").is_none());
}
