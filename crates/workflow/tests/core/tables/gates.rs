//! Human decisions: the first one wins, the others learn who was first.

use super::acts::{broken, cancel, says};
use super::given::Given;
use super::scenario::Scenario;
use workflow::decide::actions_of;
use workflow::decision::{Refusal, Reply};
use workflow::input::{Body, Decision};
use workflow::vocabulary::{Action, AskKind, AttentionReason, GateKind, Status, StepStatus};

fn awaiting_approval() -> Scenario {
    let mut s = Given::plan("a").start();
    s.work();
    assert_eq!(s.status(), Status::AwaitingApproval);
    s
}

#[test]
fn the_first_decision_wins_and_a_later_one_learns_who_was_first() {
    let mut s = awaiting_approval();
    let gate = Some(s.gate(GateKind::Publication));
    s.answer(Action::Approve);
    let at = s.now;
    s.pass(1.0);
    let already = Reply::Refused(Refusal::AlreadyDecided {
        actor: "ann".to_owned(),
        at,
        action: Action::Approve,
    });
    for gate in [gate, None] {
        let late = Decision {
            gate,
            actor: "bob".to_owned(),
            ..says(Action::Reject)
        };
        assert_eq!(s.human(late), already);
    }
    assert_eq!(s.status(), Status::Publishing);
}

#[test]
fn the_same_request_again_is_answered_and_changes_nothing() {
    let mut s = awaiting_approval();
    let approve = says(Action::Approve);
    assert_eq!(s.human(approve.clone()), Reply::Done);
    s.work();
    let after = s.task.clone();
    assert_eq!(s.human(approve), Reply::Done);
    assert_eq!(s.task, after);
    assert_eq!(s.status(), Status::Completed);
}

#[test]
fn a_decision_about_what_has_changed_since_is_stale() {
    let mut s = awaiting_approval();
    let seen = s.task.gates[0].content_hash.to_string();
    s.answer(Action::Revise);
    s.outputs("a", "\"other\"");
    s.work_until("format blog");
    let run = s.take("format blog");
    s.end(&run, workflow::input::Outcome::Deliverable(Body::new("\"new\"")));
    assert_eq!(s.status(), Status::AwaitingApproval);

    let blind = Decision {
        content_hash: Some(seen),
        ..says(Action::Approve)
    };
    assert_eq!(s.human(blind.clone()), Reply::Refused(Refusal::ApprovalStale));
    let informed = Decision {
        content_hash: Some(s.task.gates[0].content_hash.to_string()),
        ..blind
    };
    assert_eq!(s.human(informed), Reply::Done);
}

#[test]
fn nothing_is_decided_where_nothing_waits() {
    let mut s = Given::plan("a").start();
    assert_eq!(
        s.human(says(Action::Approve)),
        Reply::Refused(Refusal::NotAwaitingApproval)
    );
    let unheard_of = Decision {
        gate: Some(s.task.id.gate(workflow::ids::Serial(77))),
        ..says(Action::Approve)
    };
    assert_eq!(s.human(unheard_of), Reply::Refused(Refusal::NotAwaitingApproval));
}

#[test]
fn an_action_the_gate_does_not_allow_is_refused_with_those_it_does() {
    let mut s = awaiting_approval();
    let reply = s.human(says(Action::SendAgain));
    let allowed = actions_of(GateKind::Publication, None, None).to_vec();
    let action = Action::SendAgain;
    assert_eq!(reply, Reply::Refused(Refusal::ActionNotAllowed { action, allowed }));
    assert_eq!(s.status(), Status::AwaitingApproval);
}

#[test]
fn every_gate_can_be_turned_down_and_every_task_cancelled() {
    let reasons = AttentionReason::ALL
        .iter()
        .map(|r| (GateKind::Attention, Some(*r), None));
    let kinds = GateKind::ALL.iter().map(|k| (*k, None, None));
    let questions = AskKind::ALL.iter().map(|k| (GateKind::Step, None, Some(*k)));
    for (kind, reason, asks) in reasons.chain(kinds).chain(questions) {
        let allowed = actions_of(kind, reason, asks);
        for action in [Action::Reject, Action::Cancel] {
            assert!(allowed.contains(&action), "{kind} {reason:?}: {action}");
        }
    }
}

#[test]
fn cancelling_decides_every_open_gate() {
    let mut s = awaiting_approval();
    s.input(&cancel());
    let reply = s.human(says(Action::Approve));
    let refused = Refusal::AlreadyDecided {
        actor: "ann".to_owned(),
        at: s.now,
        action: Action::Cancel,
    };
    assert_eq!(reply, Reply::Refused(refused));
    assert_eq!(s.status(), Status::Cancelled);
}

#[test]
fn a_gate_that_expires_fails_closed() {
    let mut s = awaiting_approval();
    s.wait(3599.0);
    assert_eq!(s.status(), Status::AwaitingApproval);
    s.told();
    s.wait(1.0);
    assert_eq!(s.told(), ["gate.expired", "gate.opened", "task.needs_attention"]);
    assert_eq!(s.reason(), Some(AttentionReason::GateExpired));
    assert_eq!(s.queued(), Vec::<String>::new(), "nothing goes out");
}

#[test]
fn what_expired_can_still_be_approved_or_asked_about_anew() {
    for (plan, review, approved) in [
        ("a", true, Status::Executing),
        ("a:asks", false, Status::Executing),
        ("a", false, Status::Publishing),
    ] {
        let expired = || {
            let mut s = Given::plan(plan).policy(|p| p.plan_review = review).start();
            s.work();
            let (waits, kind) = (s.status(), s.task.gates[0].kind);
            s.wait(3600.0);
            assert_eq!(s.reason(), Some(AttentionReason::GateExpired), "{kind}");
            (s, waits, kind)
        };
        let (mut s, _, kind) = expired();
        s.answer(Action::Approve);
        assert_eq!(s.status(), approved, "{kind}");

        let (mut s, waits, kind) = expired();
        s.answer(Action::Retry);
        assert_eq!(s.status(), waits, "{kind}");
        s.gate(kind);

        let (mut s, _, kind) = expired();
        s.answer(Action::Reject);
        assert_eq!(s.status(), Status::Rejected, "{kind}: nobody wanted it");
    }
}

#[test]
fn approving_what_expired_allows_nothing_whose_own_gate_is_still_open() {
    let mut s = Given::plan("a:asks b c:asks<b").start();
    s.pass(1800.0);
    s.done("b");
    s.ask();
    s.wait(1800.0);
    assert_eq!(s.reason(), Some(AttentionReason::GateExpired));
    let approve = Decision {
        gate: Some(s.gate(GateKind::Attention)),
        ..says(Action::Approve)
    };
    assert_eq!(s.human(approve), Reply::Done);
    assert_eq!(s.queued(), ["a"]);
    assert_eq!(s.step_status("c"), StepStatus::WaitingApproval);
    s.answer(Action::Approve);
    assert_eq!(s.queued(), ["a", "c"]);
}

#[test]
fn a_late_approval_keeps_the_rules_of_the_gate_it_answers() {
    let mut s = awaiting_approval();
    s.wait(3600.0);
    let approve = |channels: &[&str]| Decision {
        channels: Some(channels.iter().map(|c| (*c).to_owned()).collect()),
        edits: [("blog".to_owned(), "\"edited\"".to_owned())].into(),
        ..says(Action::Approve)
    };
    assert_eq!(
        s.human(approve(&["nowhere"])),
        Reply::Refused(Refusal::UnknownChannel("nowhere".to_owned()))
    );
    assert_eq!(s.human(approve(&["blog"])), Reply::Done);
    assert_eq!(s.queued(), ["publish blog"]);
    let content = s.task.deliveries[0].content.unwrap();
    assert_eq!(s.text(content.payload), "\"edited\"");
}

#[test]
fn a_gate_answered_while_a_human_is_needed_moves_the_task_when_it_goes_on() {
    let mut s = Given::plan("a:asks b").start();
    let run = s.take("b");
    s.fail(&run, broken());
    let approve = Decision {
        gate: Some(s.step_gate("a")),
        ..says(Action::Approve)
    };
    assert_eq!(s.human(approve), Reply::Done);
    assert_eq!(s.reason(), Some(AttentionReason::AttemptsExhausted));
    s.answer(Action::Retry);
    assert_eq!(s.queued(), ["a", "b"]);
}
