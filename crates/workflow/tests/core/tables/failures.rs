//! Attempts: how often, when again, and what happens when they are spent.

use super::acts::{broken, flaky};
use super::given::Given;
use super::scenario::Scenario;
use workflow::decision::Reply;
use workflow::input::{Body, Failure, Outcome};
use workflow::state::JobState;
use workflow::submission::OnExhausted;
use workflow::time::Millis;
use workflow::vocabulary::{Action, AttentionReason, EventKind, Status, StepStatus};

/// Milliseconds until the job may run again.
fn pause(s: &Scenario, label: &str) -> i64 {
    match s.job(label).state {
        JobState::Ready { not_before: Some(at) } => (at - s.now).0,
        other => panic!("{label} is {other:?}"),
    }
}

#[test]
fn while_no_model_answers_a_step_waits_at_no_attempt_and_says_why_until_it_has_gone_well() {
    let mut s = Given::plan("a").start();
    for _ in 0..50 {
        let run = s.run("a");
        assert_eq!(s.postpone(&run, 30), Reply::Done);
        assert_eq!((s.task.status, s.step("a").attempt), (Status::Executing, 0));
        assert_eq!(s.step("a").error.as_ref().unwrap().code, "llm_unavailable");
        let pause = pause(&s, "a");
        assert!((27_000..=33_000).contains(&pause), "{pause} ms");
        s.wait(20.0);
        assert_eq!(s.queued(), Vec::<String>::new(), "not before its time");
        s.wait(15.0);
        assert_eq!(s.queued(), ["a"]);
    }
    s.done("a");
    assert_eq!(s.step("a").attempt, 1);
    assert!(s.step("a").error.is_none());
}

#[test]
fn a_failed_attempt_is_repeated_after_a_pause_that_doubles() {
    let mut s = Given::plan("a").start();
    for (attempt, at_least, at_most) in [(1, 900, 1100), (2, 1800, 2200)] {
        let run = s.run("a");
        s.fail(&run, flaky());
        assert_eq!(s.step("a").attempt, attempt);
        let pause = pause(&s, "a");
        assert!((at_least..=at_most).contains(&pause), "attempt {attempt}: {pause} ms");
        s.wait(0.5);
        assert_eq!(s.queued(), Vec::<String>::new(), "not before its time");
        s.wait(2.0);
        assert_eq!(s.queued(), ["a"]);
    }
    let run = s.run("a");
    s.fail(&run, flaky());
    assert_eq!(s.reason(), Some(AttentionReason::AttemptsExhausted));
    assert_eq!(s.step("a").attempt, 3);
    assert_eq!(s.step_status("a"), StepStatus::Failed);
    assert_eq!(s.event(EventKind::StepFailed)["code"], "tool_timeout");
}

#[test]
fn a_failure_that_no_repetition_mends_is_not_repeated() {
    let bad_input = Failure {
        code: "bad_input".to_owned(),
        ..flaky()
    };
    for (tool, failure, again) in [
        ("pure", flaky(), true),
        ("pure", broken(), false),
        ("pure", bad_input.clone(), true),
        ("picky", bad_input, false),
    ] {
        let mut s = Given::plan(&format!("a:{tool}")).start();
        let run = s.take("a");
        s.fail(&run, failure.clone());
        assert_eq!(s.find("a").is_some(), again, "{tool}: {failure:?}");
    }
}

#[test]
fn the_other_side_may_ask_for_a_longer_pause() {
    let mut s = Given::plan("a").start();
    let run = s.take("a");
    let throttled = Failure {
        retry_after: Some(Millis::secs(60)),
        ..flaky()
    };
    s.fail(&run, throttled);
    assert_eq!(pause(&s, "a"), 60_000);
}

#[test]
fn a_human_is_asked_only_when_the_siblings_have_ended() {
    let mut s = Given::plan("a b<a c<a d<c").start();
    s.done("a");
    let (b, c) = (s.run("b"), s.run("c"));
    s.fail(&b, broken());
    assert_eq!(s.status(), Status::Executing);
    assert_eq!(s.running(), ["c"]);
    let outcome = s.good(c.unit);
    s.end(&c, outcome);
    assert_eq!(s.reason(), Some(AttentionReason::AttemptsExhausted));
    assert_eq!(s.step_status("c"), StepStatus::Succeeded, "what siblings made is kept");
    assert_eq!(s.find("d"), None, "nothing new starts");
}

#[test]
fn exhausted_attempts_fail_the_task_where_policy_says_so() {
    let mut s = Given::plan("a").policy(|p| p.on_exhausted = OnExhausted::Fail).start();
    let run = s.take("a");
    s.fail(&run, broken());
    assert_eq!(s.status(), Status::Failed);
    assert_eq!(
        s.task.error.as_deref(),
        Some("attempts_exhausted: step a: bad_output: no")
    );
}

#[test]
fn a_retry_is_a_new_job_and_the_old_one_cannot_answer_for_it() {
    let mut s = Given::plan("a b<a").start();
    let old = s.run("a");
    s.fail(&old, broken());
    s.answer(Action::Retry);
    let new = s.take("a");
    assert_ne!(new.job, old.job);
    assert!(matches!(
        s.end(&old, Outcome::Output(Body::new("1"))),
        Reply::Ignored(_)
    ));
    assert_eq!(s.queued(), ["a"]);
    s.done("a");
    assert_eq!(s.step("a").attempt, 1, "attempts count anew");
    assert_eq!(s.step("a").error, None);
}

#[test]
fn a_human_may_do_without_what_failed() {
    let mut s = Given::plan("a b c<a d<b").start();
    let run = s.take("a");
    s.fail(&run, broken());
    s.done("b");
    s.answer(Action::Skip);
    assert_eq!(s.step_status("a"), StepStatus::Skipped);
    assert_eq!(s.step_status("c"), StepStatus::Skipped);
    assert_eq!(s.queued(), ["d"]);
}

#[test]
fn giving_up_on_what_failed_fails_the_task() {
    let mut s = Given::plan("a").start();
    let run = s.take("a");
    s.fail(&run, broken());
    s.answer(Action::Reject);
    assert_eq!(s.status(), Status::Failed);
}

#[test]
fn a_result_that_does_not_fit_its_job_is_a_failure() {
    let mut s = Given::plan("a").start();
    let run = s.take("a");
    let location = "x".to_owned();
    s.end(&run, Outcome::Published { location });
    assert_eq!(s.reason(), Some(AttentionReason::AttemptsExhausted));
    assert_eq!(s.step("a").error.as_ref().unwrap().code, "worker_protocol");
}

#[test]
fn what_a_worker_says_about_a_failure_is_cut_to_size() {
    let mut s = Given::plan("a").start();
    let run = s.take("a");
    let endless = "x".repeat(100_000);
    let failure = Failure {
        code: endless.clone(),
        message: endless,
        ..Failure::default()
    };
    s.fail(&run, failure);
    assert_eq!(s.step("a").error.as_ref().unwrap().message.len(), 500);
}

#[test]
fn a_failed_assessment_or_formatting_is_tried_again() {
    let mut s = Given::plan("a").start();
    s.done("a");
    for label in ["assess", "format blog"] {
        s.work_until(label);
        let run = s.take(label);
        s.fail(&run, flaky());
        s.wait(2.0);
        assert_eq!(s.queued(), [label]);
    }
    s.work();
    assert_eq!(s.status(), Status::AwaitingApproval);
}
