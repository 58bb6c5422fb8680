//! The ways into `needs_attention` beside another gate or failure, and that each has a way out.

use super::acts::{broken, cancel, retry, says, score};
use super::given::Given;
use super::scenario::Scenario;
use workflow::decision::Reply;
use workflow::input::{Decision, Input};
use workflow::vocabulary::{Action, AttentionReason, GateKind, Status, StepStatus};

/// Its time is over while it waits for the gate of that kind.
fn late_at(kind: GateKind) -> Scenario {
    let mut s = Given::plan("a")
        .policy(|p| {
            p.max_duration_seconds = Some(60.0);
            p.plan_review = kind == GateKind::Plan;
        })
        .start();
    s.work();
    s.wait(60.0);
    assert_eq!(s.reason(), Some(AttentionReason::Deadline));
    s
}

fn answer(s: &mut Scenario, kind: GateKind, action: Action) {
    let gate = Some(s.gate(kind));
    assert_eq!(s.human(Decision { gate, ..says(action) }), Reply::Done);
}

#[test]
fn a_plan_or_publication_may_be_approved_before_or_after_the_overdue_task_goes_on() {
    for (kind, goes_on) in [
        (GateKind::Plan, Status::Executing),
        (GateKind::Publication, Status::Publishing),
    ] {
        let mut s = late_at(kind);
        answer(&mut s, kind, Action::Approve);
        assert_eq!(s.status(), Status::NeedsAttention, "{kind}");
        answer(&mut s, GateKind::Attention, Action::Retry);
        assert_eq!(s.status(), goes_on, "{kind}");

        let mut s = late_at(kind);
        answer(&mut s, GateKind::Attention, Action::Retry);
        answer(&mut s, kind, Action::Approve);
        assert_eq!(s.status(), goes_on, "{kind}");
    }
}

#[test]
fn an_overdue_publication_that_is_sent_back_is_made_again_when_the_task_goes_on() {
    let mut s = late_at(GateKind::Publication);
    answer(&mut s, GateKind::Publication, Action::Revise);
    assert_eq!(s.queued(), Vec::<String>::new());
    answer(&mut s, GateKind::Attention, Action::Retry);
    assert_eq!((s.status(), s.queued()), (Status::Refining, vec!["a".to_owned()]));
}

#[test]
fn an_input_in_quarantine_stops_the_task_once_nothing_runs() {
    let mut s = Given::plan("a b").start();
    let run = s.run("a");
    s.input(&Input::Poisoned {
        detail: "x".repeat(100_000),
    });
    assert_eq!(s.status(), Status::Executing);
    let outcome = s.good(run.unit);
    s.end(&run, outcome);
    s.done("b");
    assert_eq!(s.reason(), Some(AttentionReason::Internal));
    s.answer(Action::Retry);
    assert_eq!(s.queued(), ["assess"]);
}

#[test]
fn an_input_in_quarantine_does_not_bring_an_ended_task_back() {
    let mut s = Given::plan("a").start();
    s.input(&cancel());
    let detail = "late".to_owned();
    assert!(matches!(s.input(&Input::Poisoned { detail }), Reply::Ignored(_)));
    assert_eq!(s.status(), Status::Cancelled);
}

#[test]
fn a_step_whose_gate_expired_meanwhile_is_asked_about_again() {
    let failed_beside_a_gate = || {
        let mut s = Given::plan("a:asks b").start();
        let run = s.take("b");
        s.fail(&run, broken());
        s.wait(3600.0);
        assert_eq!(s.reason(), Some(AttentionReason::AttemptsExhausted));
        s
    };
    let mut s = failed_beside_a_gate();
    s.answer(Action::Skip);
    assert_eq!(s.status(), Status::AwaitingStepApproval);
    s.step_gate("a");

    let mut s = failed_beside_a_gate();
    assert_eq!(s.input(&retry(Some("b"), false)), Reply::Done);
    s.step_gate("a");
    assert_eq!(s.queued(), ["b"]);
}

#[test]
fn a_step_that_failed_beside_what_a_human_settled_is_asked_about_next() {
    let mut s = Given::plan("a:asks b").start();
    let run = s.run("b");
    s.leases_end = false;
    s.wait(3600.0);
    assert_eq!(s.status(), Status::Executing, "the gate expired, b still runs");
    s.fail(&run, broken());
    assert_eq!(s.reason(), Some(AttentionReason::GateExpired));
    s.answer(Action::Approve);
    assert_eq!(s.step_status("b"), StepStatus::Failed);
    s.work();
    assert_eq!(s.reason(), Some(AttentionReason::AttemptsExhausted));
    s.answer(Action::Retry);
    s.work();
    assert_eq!(s.status(), Status::AwaitingApproval);
}

#[test]
fn starting_over_from_one_step_takes_other_failed_ones_along() {
    let mut s = Given::plan("a b").start();
    let run = s.take("b");
    s.done("a");
    s.fail(&run, broken());
    assert_eq!(s.input(&retry(Some("a"), false)), Reply::Done);
    assert_eq!(s.queued(), ["a", "b"]);
}

#[test]
fn starting_over_after_the_deadline_gives_a_new_one() {
    let mut s = Given::plan("a").policy(|p| p.max_duration_seconds = Some(60.0)).start();
    s.wait(60.0);
    s.input(&retry(Some("a"), false));
    assert_eq!(s.queued(), ["a"]);
    s.wait(60.0);
    assert_eq!(s.reason(), Some(AttentionReason::Deadline));
}

#[test]
fn what_was_approved_below_the_threshold_is_never_published_by_policy() {
    let mut s = Given::plan("a")
        .policy(|p| {
            p.max_refinements = 0;
            p.auto_approve = true;
            p.auto_approve_min_quality = 0.0;
        })
        .start();
    s.done("a");
    s.judge(score(0.49));
    s.answer(Action::Approve);
    s.work();
    assert_eq!(s.status(), Status::AwaitingApproval);
}
