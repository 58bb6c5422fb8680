//! Cancel, pause, resume, retry.

use super::acts::{broken, cancel, pause, resume, retry, score, unclear};
use super::given::Given;
use super::scenario::Scenario;
use workflow::decision::{Refusal, Reply};
use workflow::input::Input;
use workflow::state::Money;
use workflow::time::Millis;
use workflow::vocabulary::{Action, AttentionReason, EffectClass, GateKind, Status, StepStatus};

/// `b` has failed for good, `a` and `c` are done.
fn failed() -> Scenario {
    let mut s = Given::plan("a b<a c<a d<b").start();
    s.done("a");
    let run = s.take("b");
    s.done("c");
    s.fail(&run, broken());
    assert_eq!(s.reason(), Some(AttentionReason::AttemptsExhausted));
    s
}

#[test]
fn a_cancelled_task_ends_at_once_where_nothing_is_in_flight() {
    let mut s = Given::plan("a b<a c:asks").start();
    s.run("a");
    assert_eq!(s.input(&cancel()), Reply::Done);
    assert_eq!(s.status(), Status::Cancelled);
    assert_eq!(s.task.error.as_deref(), Some("cancelled by ann"));
    for key in ["a", "b", "c"] {
        assert_eq!(s.step_status(key), StepStatus::Cancelled, "{key}");
    }
}

#[test]
fn cancelling_again_changes_nothing() {
    let mut s = Given::plan("a").start();
    s.input(&cancel());
    let after = s.task.clone();
    assert_eq!(s.input(&cancel()), Reply::Done);
    assert_eq!(s.task, after);
}

#[test]
fn what_has_ended_is_not_cancelled_paused_resumed_or_retried() {
    let mut s = Given::plan("a").channels(&[]).start();
    s.work();
    s.answer(Action::Approve);
    assert_eq!(s.status(), Status::Completed);
    for input in [cancel(), pause(), resume(), retry(None, true)] {
        assert_eq!(s.input(&input), Reply::Refused(Refusal::AlreadyTerminal), "{input:?}");
    }
}

#[test]
fn what_waits_is_cancelled_too() {
    let mut s = Given::plan("a").start();
    s.input(&pause());
    s.input(&cancel());
    assert_eq!(s.status(), Status::Cancelled);

    let mut s = failed();
    s.input(&cancel());
    assert_eq!((s.status(), &s.task.attention), (Status::Cancelled, &None));
}

#[test]
fn a_paused_task_ends_what_runs_and_starts_nothing() {
    let mut s = Given::plan("a b<a").start();
    let run = s.run("a");
    s.input(&pause());
    assert_eq!(s.status(), Status::Paused);
    assert!(matches!(s.beat(&run), Reply::Continue { .. }));
    let outcome = s.good(run.unit);
    s.end(&run, outcome);
    assert_eq!(s.step_status("a"), StepStatus::Succeeded);
    assert_eq!(s.queued(), Vec::<String>::new());
    s.wait(3600.0);
    assert_eq!(s.queued(), Vec::<String>::new());

    s.told();
    assert_eq!(s.input(&resume()), Reply::Done);
    assert_eq!((s.status(), s.queued()), (Status::Executing, vec!["b".to_owned()]));
    assert_eq!(s.told(), ["task.resumed", "step.queued"]);
}

#[test]
fn a_decision_on_a_paused_task_counts_when_it_goes_on() {
    let mut s = Given::plan("a").channels(&["blog"]).start();
    s.work();
    s.input(&pause());
    s.answer(Action::Approve);
    assert_eq!(s.status(), Status::Paused);
    s.input(&resume());
    assert_eq!(
        (s.status(), s.queued()),
        (Status::Publishing, vec!["publish blog".to_owned()])
    );
}

#[test]
fn what_fails_while_paused_needs_attention_when_it_goes_on() {
    let mut s = Given::plan("a").start();
    let run = s.run("a");
    s.input(&pause());
    s.fail(&run, broken());
    assert_eq!(s.status(), Status::Paused);
    s.input(&resume());
    assert_eq!(s.reason(), Some(AttentionReason::AttemptsExhausted));
}

#[test]
fn pausing_twice_is_pausing_once_and_only_what_is_paused_is_resumed() {
    let mut s = Given::plan("a").start();
    let moving = Refusal::WrongState("the task is not paused");
    assert_eq!(s.input(&resume()), Reply::Refused(moving));
    s.input(&pause());
    let after = s.task.clone();
    assert_eq!(s.input(&pause()), Reply::Done);
    assert_eq!(s.task, after);
}

#[test]
fn what_needs_attention_cannot_be_paused() {
    let mut s = failed();
    assert!(matches!(s.input(&pause()), Reply::Refused(Refusal::WrongState(_))));
}

#[test]
fn a_retry_continues_what_failed_and_keeps_what_is_done() {
    let mut s = failed();
    assert_eq!(s.input(&retry(None, false)), Reply::Done);
    assert_eq!(s.queued(), ["b"]);
    assert!(s.task.gates.is_empty());
    s.work();
    assert_eq!(s.status(), Status::AwaitingApproval);
}

#[test]
fn a_retry_may_start_over_from_a_step() {
    let mut s = failed();
    s.input(&retry(Some("a"), false));
    assert_eq!(s.queued(), ["a"]);
    assert_eq!(s.step_status("c"), StepStatus::Pending);
    s.done("a");
    assert_eq!(
        s.queued(),
        ["b", "c"],
        "what depends on it runs again, its output unchanged or not"
    );
}

#[test]
fn a_retry_is_refused_where_nothing_has_failed_or_the_step_is_unknown() {
    let mut s = Given::plan("a").start();
    assert!(matches!(
        s.input(&retry(None, false)),
        Reply::Refused(Refusal::WrongState(_))
    ));
    let mut s = failed();
    let refused = Reply::Refused(Refusal::UnknownStep("z".to_owned()));
    assert_eq!(s.input(&retry(Some("z"), false)), refused);
    s.gate(GateKind::Attention);
}

#[test]
fn what_may_have_happened_is_retried_only_by_saying_send_again() {
    let mut s = Given::plan("a:once").start();
    let run = s.run("a");
    s.sends(&run, EffectClass::Once);
    s.fail(&run, unclear());
    for from in [None, Some("a")] {
        assert!(matches!(
            s.input(&retry(from, false)),
            Reply::Refused(Refusal::ActionNotAllowed { .. })
        ));
    }
    assert_eq!(s.input(&retry(Some("a"), true)), Reply::Done);
    let again = s.run("a");
    s.sends(&again, EffectClass::Once);
}

#[test]
fn a_retry_may_raise_the_budget() {
    let mut s = Given::plan("a").policy(|p| p.max_cost_usd_micros = Some(1)).start();
    assert_eq!(s.reason(), Some(AttentionReason::BudgetExceeded));
    let raise = Input::RetryRequested {
        actor: "ann".to_owned(),
        from_step: None,
        raise_budget: Some(Money {
            usd_micros: 100,
            ..Money::default()
        }),
        more_time: Millis::default(),
        send_again: false,
    };
    assert_eq!(s.input(&raise), Reply::Done);
    assert_eq!(s.queued(), ["a"]);
}

#[test]
fn a_retry_after_low_quality_is_one_more_round() {
    let mut s = Given::plan("a b<a").policy(|p| p.max_refinements = 0).start();
    s.work_until("assess");
    s.judge(score(0.1));
    s.input(&retry(None, false));
    assert_eq!((s.task.round, s.queued()), (1, vec!["b".to_owned()]));
}
