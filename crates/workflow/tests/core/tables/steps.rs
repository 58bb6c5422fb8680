//! Which steps run, and when.

use super::acts::says;
use super::given::Given;
use workflow::decision::{Refusal, Reply};
use workflow::input::{Decision, Outcome};
use workflow::vocabulary::{Action, EventKind, Status, StepStatus};

fn skipped() -> Outcome {
    Outcome::Skipped {
        reason: "nobody is interested".to_owned(),
    }
}

#[test]
fn what_can_run_side_by_side_does() {
    let mut s = Given::plan("a b<a c<a d<b,c").start();
    assert_eq!(s.queued(), ["a"]);
    s.done("a");
    assert_eq!(s.queued(), ["b", "c"]);
    s.done("c");
    assert_eq!(s.queued(), ["b"], "d waits for both");
    s.done("b");
    assert_eq!(s.queued(), ["d"]);
    s.done("d");
    assert_eq!((s.status(), s.queued()), (Status::Assessing, vec!["assess".to_owned()]));
}

#[test]
fn a_step_that_only_waits_for_another_waits_all_the_same() {
    let mut s = Given::plan("b~a a").start();
    assert_eq!(s.queued(), ["a"]);
    s.done("a");
    assert_eq!(s.queued(), ["b"]);
}

#[test]
fn a_step_is_told_queued_started_and_succeeded() {
    let mut s = Given::plan("a").start();
    s.told();
    let run = s.run("a");
    assert_eq!(s.step_status("a"), StepStatus::Running);
    let outcome = s.good(run.unit);
    s.end(&run, outcome);
    assert_eq!(s.told(), ["step.started", "step.succeeded"]);
    assert_eq!(s.event(EventKind::StepSucceeded)["step_status"], "succeeded");
    assert_eq!(s.event(EventKind::StepSucceeded)["attempt"], 1);
}

#[test]
fn what_depends_on_a_skipped_step_is_skipped_and_nothing_else() {
    let mut s = Given::plan("a b<a c<a d<b e~d f<c").start();
    s.done("a");
    let run = s.take("b");
    s.end(&run, skipped());
    for key in ["b", "d", "e"] {
        assert_eq!(s.step_status(key), StepStatus::Skipped, "{key}");
    }
    assert_eq!(s.queued(), ["c"]);
    s.work_until("assess");
    assert_eq!(s.step_status("f"), StepStatus::Succeeded);
    assert_eq!(s.status(), Status::Assessing);
}

#[test]
fn a_plan_of_skipped_steps_is_assessed_all_the_same() {
    let mut s = Given::plan("a b<a").start();
    let run = s.take("a");
    s.end(&run, skipped());
    assert_eq!(s.queued(), ["assess"]);
}

#[test]
fn a_step_that_asks_first_waits_for_a_human_while_others_run() {
    let mut s = Given::plan("a b:asks").start();
    assert_eq!(
        s.status(),
        Status::Executing,
        "a waiting status shows only when nothing runs"
    );
    assert_eq!(s.step_status("b"), StepStatus::WaitingApproval);
    assert_eq!(s.queued(), ["a"]);
    s.done("a");
    assert_eq!(s.status(), Status::AwaitingStepApproval);
    s.answer(Action::Approve);
    assert_eq!((s.status(), s.queued()), (Status::Executing, vec!["b".to_owned()]));
    s.done("b");
    assert_eq!(s.status(), Status::Assessing);
}

#[test]
fn a_human_may_do_without_a_step_and_what_depends_on_it() {
    let mut s = Given::plan("a:asks b<a").start();
    s.answer(Action::Skip);
    assert_eq!(s.step_status("b"), StepStatus::Skipped);
    assert_eq!(s.status(), Status::Assessing);
}

#[test]
fn a_step_that_is_turned_down_ends_the_task() {
    let mut s = Given::plan("a:asks b").start();
    s.answer(Action::Reject);
    assert_eq!(s.status(), Status::Rejected);
    assert!(s.task.jobs.is_empty());
}

#[test]
fn several_steps_may_ask_at_once_and_each_is_answered_by_its_gate() {
    let mut s = Given::plan("a:asks b:asks").start();
    let (a, b) = (s.step_gate("a"), s.step_gate("b"));
    assert_eq!(
        s.human(says(Action::Approve)),
        Reply::Refused(Refusal::GateAmbiguous(vec![a, b]))
    );
    let approve_b = Decision {
        gate: Some(b),
        ..says(Action::Approve)
    };
    assert_eq!(s.human(approve_b), Reply::Done);
    assert_eq!(s.queued(), ["b"]);
    assert_eq!(s.step_status("a"), StepStatus::WaitingApproval);
}

#[test]
fn what_a_human_allowed_needs_no_second_word_for_a_second_attempt() {
    let mut s = Given::plan("a:asks").start();
    s.answer(Action::Approve);
    let run = s.take("a");
    s.fail(&run, super::acts::flaky());
    s.wait(2.0);
    assert_eq!(s.queued(), ["a"]);
}
