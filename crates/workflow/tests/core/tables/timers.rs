//! What is due when, and that a look at what is due settles it.

use super::acts::{LICENCE, broken, cancel, flaky, pause, says};
use super::given::Given;
use super::scenario::Scenario;
use workflow::decision::{Refusal, Reply};
use workflow::input::Decision;
use workflow::obligations::{Rule, next_due, obligations};
use workflow::vocabulary::{Action, AttentionReason, EffectClass, GateKind, Status};

/// Rules in force, and in how many seconds each is due.
fn due(s: &Scenario) -> Vec<(Rule, Option<f64>)> {
    let open = obligations(&s.task).into_iter();
    open.map(|(_, rule, at)| (rule, at.map(|t| (t - s.now).as_secs_f64())))
        .collect()
}

#[test]
fn every_state_of_a_job_has_its_rule() {
    let mut s = Given::plan("a").start();
    assert_eq!(due(&s), [(Rule::LookUp, Some(10.0))]);
    let run = s.run("a");
    assert_eq!(due(&s), [(Rule::Lease, Some(15.0))]);
    s.fail(&run, flaky());
    let [(Rule::Dispatch, Some(pause))] = due(&s)[..] else {
        panic!("{:?}", due(&s));
    };
    assert!((0.9..=1.1).contains(&pause));
}

#[test]
fn a_job_that_waits_for_room_is_due_now() {
    let mut s = Given::plan("a b").start();
    s.room = false;
    let run = s.take("a");
    s.release(&run);
    assert!(due(&s).contains(&(Rule::Dispatch, Some(0.0))));
}

#[test]
fn a_paused_task_waits_for_a_human_and_for_what_runs() {
    let mut s = Given::plan("a b").start();
    s.run("a");
    let b = s.take("b");
    s.input(&pause());
    s.release(&b);
    assert_eq!(due(&s), [(Rule::Lease, Some(15.0)), (Rule::Human, None)]);
}

#[test]
fn a_gate_is_due_when_it_expires_and_one_for_attention_never() {
    let mut s = Given::plan("a:asks").start();
    assert_eq!(due(&s), [(Rule::Gate, Some(3600.0))]);
    s.wait(3600.0);
    assert_eq!(s.status(), Status::NeedsAttention);
    assert_eq!(due(&s), [(Rule::Human, None)]);
    assert_eq!(next_due(&s.task), None, "only a human moves it");
}

#[test]
fn an_effect_is_watched_by_its_job_and_then_by_its_licence() {
    let mut s = Given::plan("a:once").start();
    let run = s.run("a");
    s.sends(&run, EffectClass::Once);
    assert_eq!(due(&s), [(Rule::Lease, Some(15.0)), (Rule::Licence, None)]);
    s.input(&cancel());
    assert_eq!(due(&s), [(Rule::Licence, Some(LICENCE as f64))]);
    s.wait(LICENCE as f64);
    assert_eq!((s.status(), due(&s)), (Status::Cancelled, vec![]));
}

#[test]
fn a_task_that_took_too_long_is_a_humans_matter_and_gets_new_time_from_them() {
    let mut s = Given::plan("a b<a")
        .policy(|p| p.max_duration_seconds = Some(60.0))
        .start();
    s.run("a");
    s.leases_end = false;
    s.wait(59.0);
    assert_eq!(s.running(), ["a"]);
    s.wait(1.0);
    assert_eq!(s.reason(), Some(AttentionReason::Deadline));
    s.answer(Action::Retry);
    assert_eq!(s.queued(), ["a"]);
    assert!(due(&s).contains(&(Rule::Deadline, Some(60.0))));
}

#[test]
fn a_paused_task_has_a_deadline_all_the_same() {
    let mut s = Given::plan("a").policy(|p| p.max_duration_seconds = Some(60.0)).start();
    s.input(&pause());
    s.wait(60.0);
    assert_eq!(s.reason(), Some(AttentionReason::Deadline));
}

#[test]
fn a_deadline_is_not_looked_at_again_and_again_while_a_human_is_needed() {
    let mut s = Given::plan("a").policy(|p| p.max_duration_seconds = Some(60.0)).start();
    let run = s.take("a");
    s.fail(&run, broken());
    assert_eq!(next_due(&s.task), None, "a human is needed already");
    s.wait(60.0);
    s.answer(Action::Retry);
    assert_eq!(next_due(&s.task), Some(s.now), "it is late when it goes on");
    s.wait(0.0);
    assert_eq!(s.reason(), Some(AttentionReason::Deadline));
}

#[test]
fn a_gate_beside_attention_expires_too() {
    let mut s = Given::plan("a:asks b").start();
    let run = s.take("b");
    s.fail(&run, broken());
    assert_eq!(due(&s), [(Rule::Gate, Some(3600.0)), (Rule::Human, None)]);
    s.wait(3600.0);
    assert_eq!(due(&s), [(Rule::Human, None)]);
    let retry = Decision {
        gate: Some(s.gate(GateKind::Attention)),
        ..says(Action::Retry)
    };
    assert_eq!(s.human(retry), Reply::Done);
    s.step_gate("a");
}

#[test]
fn a_call_that_expires_while_a_human_looks_at_another_is_not_let_through_with_it() {
    let mut s = Given::plan("a:asks c b:asks~c").start();
    s.pass(100.0);
    s.done("c");
    s.ask();
    s.wait(3500.0);
    assert_eq!(s.reason(), Some(AttentionReason::GateExpired));
    let seen = s
        .task
        .gates
        .iter()
        .find(|g| g.kind == GateKind::Attention)
        .unwrap()
        .content_hash;
    let first = s.gate(GateKind::Attention);
    s.wait(100.0);
    let approve = |gate, hash: Option<String>| Decision {
        gate,
        content_hash: hash,
        ..says(Action::Approve)
    };
    let late = s.human(approve(Some(first), None));
    assert!(
        matches!(late, Reply::Refused(Refusal::AlreadyDecided { .. })),
        "{late:?}"
    );
    let stale = s.human(approve(None, Some(seen.to_string())));
    assert_eq!(stale, Reply::Refused(Refusal::ApprovalStale));
    assert_eq!(s.human(approve(None, None)), Reply::Done);
    assert_eq!(s.queued(), ["a", "b"]);
}

#[test]
fn nothing_is_due_in_a_task_that_has_ended() {
    let mut s = Given::plan("a").channels(&[]).start();
    s.work();
    s.answer(Action::Approve);
    assert_eq!((s.status(), next_due(&s.task)), (Status::Completed, None));
    let after = s.task.clone();
    s.wait(1e6);
    assert_eq!(s.task, after);
}
