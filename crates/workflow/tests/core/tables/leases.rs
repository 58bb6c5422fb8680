//! Who holds a job, and what a lost run means.

use super::acts::{broken, cancel, failed, flaky, usd};
use super::given::Given;
use super::scenario::{Run, Scenario};
use workflow::decision::Reply;
use workflow::ids::{JobId, RunId, TaskId};
use workflow::input::{Body, Cost, Outcome};
use workflow::state::JobState;
use workflow::vocabulary::{Action, AttentionReason};

/// The worker of `label` is not heard of again; the job waits for its next run and gets it.
fn lose(s: &mut Scenario, label: &str) {
    s.run(label);
    s.wait(15.0);
    s.wait(1.0);
}

#[test]
fn the_first_heartbeat_starts_an_attempt_and_the_next_ones_extend_its_lease() {
    let mut s = Given::plan("a").start();
    let run = s.take("a");
    assert_eq!(s.beat(&run), Reply::Continue { attempt: 1 });
    s.pass(5.0);
    assert_eq!(s.beat(&run), Reply::Continue { attempt: 1 });
    s.wait(14.9);
    assert_eq!(s.running(), ["a"], "15 s from the last heartbeat");
    s.wait(0.2);
    assert_eq!(s.running(), Vec::<String>::new());
}

#[test]
fn a_second_run_stops_while_the_first_lives_and_takes_over_when_it_does_not() {
    let mut s = Given::plan("a").start();
    let first = s.run("a");
    let second = s.take("a");
    assert_eq!(s.beat(&second), Reply::Stop("superseded"));
    s.pass(15.0);
    assert_eq!(s.beat(&second), Reply::Continue { attempt: 2 });
    assert_eq!(s.job("a").losses, 1);
    assert_eq!(s.beat(&first), Reply::Stop("superseded"));
}

#[test]
fn a_lost_run_is_followed_by_another_after_a_pause_and_costs_no_tool_attempt() {
    let mut s = Given::plan("a").start();
    s.run("a");
    s.wait(15.0);
    assert_eq!(s.queued(), Vec::<String>::new());
    s.wait(1.0);
    assert_eq!(s.queued(), ["a"]);
    let job = s.job("a");
    assert_eq!((job.losses, job.failures, job.attempt, job.dispatch), (1, 0, 1, 2));
    let run = s.take("a");
    assert_eq!(s.beat(&run), Reply::Continue { attempt: 2 });
}

#[test]
fn no_lease_ends_before_everybody_had_time_to_be_heard() {
    let mut s = Given::plan("a").start();
    s.leases_end = false;
    s.run("a");
    s.wait(60.0);
    assert_eq!(s.running(), ["a"]);
    s.leases_end = true;
    s.wait(0.0);
    assert_eq!(s.job("a").losses, 1);
}

#[test]
fn after_two_losses_a_job_runs_alone_and_three_more_make_it_poison() {
    let mut s = Given::plan("a").start();
    for (losses, alone) in [(1, 0), (2, 0), (3, 1), (4, 2)] {
        lose(&mut s, "a");
        let job = s.job("a");
        assert_eq!((job.losses, job.losses_alone), (losses, alone));
    }
    lose(&mut s, "a");
    assert_eq!(s.reason(), Some(AttentionReason::Poison));
    assert_eq!(s.step("a").error.as_ref().unwrap().code, "poison");

    s.answer(Action::Retry);
    assert_eq!(s.job("a").losses, 0, "a human's retry is a new job");
}

#[test]
fn a_copy_of_an_earlier_dispatch_does_not_run_what_must_run_alone() {
    let mut s = Given::plan("a").start();
    lose(&mut s, "a");
    let copy = s.take("a");
    lose(&mut s, "a");
    assert_eq!((s.job("a").losses, s.job("a").dispatch), (2, 3));
    assert_eq!(s.beat(&copy), Reply::Stop("superseded"));
    assert_eq!(s.queued(), ["a"], "its own dispatch is still to run");
    let alone = s.take("a");
    assert_eq!(s.beat(&alone), Reply::Continue { attempt: 3 });
}

#[test]
fn nobody_takes_over_from_a_dead_run_what_must_run_alone_from_now_on() {
    let mut s = Given::plan("a").start();
    lose(&mut s, "a");
    s.run("a");
    let copy = s.take("a");
    s.pass(15.0);
    assert_eq!(s.beat(&copy), Reply::Stop("superseded"));
    assert_eq!(s.job("a").losses, 2);
    s.wait(1.0);
    assert_eq!((s.queued(), s.job("a").dispatch), (vec!["a".to_owned()], 3));
}

#[test]
fn losses_and_failures_are_counted_apart() {
    let mut s = Given::plan("a").start();
    lose(&mut s, "a");
    for _ in 0..2 {
        let run = s.take("a");
        s.fail(&run, flaky());
        s.wait(3.0);
    }
    let job = s.job("a");
    assert_eq!((job.losses, job.failures), (1, 2), "a third attempt is left");
}

#[test]
fn a_failure_of_an_old_run_is_ignored_and_paid() {
    let mut s = Given::plan("a").start();
    let old = s.run("a");
    s.wait(15.0);
    s.wait(1.0);
    let new = s.run("a");
    let reply = s.input(&failed(&old, broken(), usd(3)));
    assert_eq!(reply, Reply::Ignored("not the current attempt"));
    assert_eq!(s.running(), ["a"]);
    assert_eq!(s.costs.last().map(|c| (c.run, c.cost.clone())), Some((old.id, usd(3))));
    assert_eq!(s.beat(&new), Reply::Continue { attempt: 2 });
}

#[test]
fn the_first_success_of_any_run_counts() {
    let mut s = Given::plan("a").start();
    let old = s.run("a");
    s.wait(15.0);
    s.wait(1.0);
    let new = s.run("a");
    assert_eq!(s.end(&old, Outcome::Output(Body::new("\"old\""))), Reply::Done);
    assert!(matches!(
        s.end(&new, Outcome::Output(Body::new("\"new\""))),
        Reply::Ignored(_)
    ));
    assert_eq!(s.beat(&new), Reply::Stop("finished"));
    let output = s.step("a").output.unwrap();
    assert_eq!(s.text(output.payload), "\"old\"");
}

#[test]
fn a_job_handed_back_is_dispatched_again_and_costs_no_attempt() {
    for heard_of in [false, true] {
        let mut s = Given::plan("a").start();
        let run = if heard_of { s.run("a") } else { s.take("a") };
        assert_eq!(s.release(&run), Reply::Done);
        assert_eq!(s.queued(), ["a"]);
        let job = s.job("a");
        assert_eq!((job.attempt, job.failures, job.losses, job.dispatch), (0, 0, 0, 2));
        assert_eq!(s.release(&run), Reply::Ignored("not the current run"));
    }
}

#[test]
fn a_run_that_is_over_is_not_brought_back_by_a_late_heartbeat() {
    let fails: fn(&mut Scenario, &Run) = |s, run| drop(s.fail(run, flaky()));
    let hands_back: fn(&mut Scenario, &Run) = |s, run| drop(s.release(run));
    for ends in [fails, hands_back] {
        let mut s = Given::plan("a").start();
        let run = s.run("a");
        s.room = false;
        ends(&mut s, &run);
        let waiting = s.task.clone();
        assert_eq!(s.beat(&run), Reply::Stop("superseded"));
        let copy = Run { id: s.run_id(), ..run };
        assert_eq!(s.beat(&copy), Reply::Stop("superseded"), "its message delivered again");
        assert_eq!(s.task, waiting);
    }
}

#[test]
fn a_run_nobody_waits_for_is_stopped() {
    let mut s = Given::plan("a").start();
    let run = s.run("a");
    let forged = Run { dispatch: 9, ..run };
    assert_eq!(s.beat(&forged), Reply::Stop("unknown"), "a dispatch that never was");
    let elsewhere = TaskId(uuid::Uuid::from_u128(7)).job(workflow::ids::Serial(1));
    let foreign = Run { job: elsewhere, ..run };
    assert_eq!(s.beat(&foreign), Reply::Stop("unknown"), "another task's job");
    let future = s.task.id.job(workflow::ids::Serial(99));
    let unborn = Run { job: future, ..run };
    assert_eq!(s.beat(&unborn), Reply::Stop("unknown"), "a job that is not yet");
    s.input(&cancel());
    assert_eq!(s.beat(&run), Reply::Stop("cancelled"));
}

#[test]
fn results_for_what_never_was_change_nothing() {
    let mut s = Given::plan("a").start();
    let run = s.take("a");
    let before = s.task.clone();
    let jobs = [
        run.job,
        s.task.id.job(workflow::ids::Serial(99)),
        JobId(uuid::Uuid::nil()),
    ];
    for (job, dispatch) in jobs.into_iter().zip([9, 1, 1]) {
        let id = RunId(uuid::Uuid::nil());
        let forged = Run {
            job,
            dispatch,
            id,
            ..run
        };
        assert!(matches!(
            s.end(&forged, Outcome::Output(Body::new("1"))),
            Reply::Ignored(_)
        ));
        assert!(matches!(
            s.input(&failed(&forged, broken(), Cost::default())),
            Reply::Ignored(_)
        ));
        assert!(matches!(s.release(&forged), Reply::Ignored(_)));
    }
    assert_eq!(s.task, before);
}

#[test]
fn a_running_job_is_not_looked_up() {
    let mut s = Given::plan("a").start();
    s.run("a");
    s.wait(12.0);
    assert!(s.lookups.is_empty());
    assert!(matches!(s.job("a").state, JobState::Running { .. }));
}
