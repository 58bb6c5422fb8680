//! What is dispatched and silent: looked up, published again, never counted as an attempt.

use super::acts::broken;
use super::given::Given;
use super::scenario::Scenario;
use workflow::decide::MAX_REQUEUES;
use workflow::decision::Reply;
use workflow::input::{Found, Input};
use workflow::state::{JobState, Money, Stored};
use workflow::vocabulary::{Action, AttentionReason, Status};

const PLACE: Stored = Stored {
    sequence: 7,
    stream_created: 1,
};

fn stored(s: &mut Scenario, label: &str) -> Reply {
    let run = s.take(label);
    s.input(&Input::Published {
        job: run.job,
        dispatch: run.dispatch,
        stored: PLACE,
    })
}

fn looked_up(s: &mut Scenario, label: &str, found: Found) -> Reply {
    let run = s.take(label);
    s.input(&Input::LookedUp {
        job: run.job,
        dispatch: run.dispatch,
        found,
    })
}

#[test]
fn a_silent_job_is_looked_up_after_ten_seconds_where_it_was_stored() {
    let mut s = Given::plan("a").start();
    stored(&mut s, "a");
    s.wait(9.9);
    assert!(s.lookups.is_empty());
    s.wait(0.2);
    let asked: Vec<_> = s.lookups.iter().map(|l| (l.dispatch, l.stored)).collect();
    assert_eq!(asked, [(1, Some(PLACE))]);
}

#[test]
fn a_dispatch_that_nobody_acknowledged_has_no_place_and_is_published_again() {
    let mut s = Given::plan("a").start();
    s.wait(10.0);
    assert_eq!(s.lookups.len(), 1);
    assert_eq!(s.lookups[0].stored, None);
}

#[test]
fn after_an_outage_everything_queued_is_looked_up_at_once() {
    let mut s = Given::plan("a b c").start();
    s.run("b");
    s.input(&Input::QueueDoubted);
    assert_eq!(s.lookups.len(), 2);
}

#[test]
fn what_is_gone_or_unclaimed_is_dispatched_again_and_nothing_else() {
    for (found, dispatch) in [
        (Found::There, 1),
        (Found::Outage, 1),
        (Found::Gone, 2),
        (Found::ThereUnclaimed, 2),
    ] {
        let mut s = Given::plan("a").start();
        let grant = s.job("a").grant;
        looked_up(&mut s, "a", found);
        let job = s.job("a");
        assert_eq!(
            (job.dispatch, job.attempt, job.grant),
            (dispatch, 0, grant),
            "{found:?}"
        );
        assert_eq!(s.published.last(), Some(&("a".to_owned(), dispatch)), "{found:?}");
    }
}

#[test]
fn a_place_or_an_answer_for_an_older_dispatch_is_ignored() {
    let mut s = Given::plan("a").start();
    let old = s.take("a");
    looked_up(&mut s, "a", Found::Gone);
    let late = [
        Input::Published {
            job: old.job,
            dispatch: 1,
            stored: PLACE,
        },
        Input::LookedUp {
            job: old.job,
            dispatch: 1,
            found: Found::Gone,
        },
    ];
    for input in late {
        assert_eq!(s.input(&input), Reply::Ignored("not queued"));
    }
    assert!(matches!(s.job("a").state, JobState::Queued { stored: None, .. }));
}

#[test]
fn a_copy_of_an_older_dispatch_may_run_the_job() {
    let mut s = Given::plan("a").start();
    let old = s.take("a");
    looked_up(&mut s, "a", Found::Gone);
    assert_eq!(s.beat(&old), Reply::Continue { attempt: 1 });
}

#[test]
fn however_long_a_job_waits_in_the_queue_it_costs_no_attempt() {
    let mut s = Given::plan("a").start();
    for _ in 0..20 {
        s.wait(60.0);
        looked_up(&mut s, "a", Found::Outage);
        looked_up(&mut s, "a", Found::Gone);
    }
    let run = s.take("a");
    assert_eq!(run.dispatch, 21);
    assert_eq!(s.beat(&run), Reply::Continue { attempt: 1 });
    assert_eq!((s.job("a").failures, s.job("a").losses), (0, 0));
}

#[test]
fn a_job_dispatched_again_and_again_without_an_outage_is_a_fault_of_ours() {
    let mut s = Given::plan("a").start();
    for _ in 0..MAX_REQUEUES {
        looked_up(&mut s, "a", Found::Gone);
    }
    assert_eq!(s.status(), Status::Executing);
    looked_up(&mut s, "a", Found::Gone);
    assert_eq!(s.reason(), Some(AttentionReason::Internal));
    assert_eq!(s.task.reserved, Money::default());
    s.answer(Action::Retry);
    assert_eq!(s.queued(), ["a"]);
}

#[test]
fn a_job_nobody_takes_does_not_keep_a_human_waiting_who_is_needed_already() {
    let mut s = Given::plan("a b").start();
    let run = s.take("b");
    s.fail(&run, broken());
    for _ in 0..=MAX_REQUEUES {
        looked_up(&mut s, "a", Found::Gone);
    }
    assert_eq!(s.reason(), Some(AttentionReason::AttemptsExhausted));
    s.answer(Action::Retry);
    assert_eq!(s.queued(), ["a", "b"]);
}

#[test]
fn a_broker_that_loses_everything_at_every_restart_makes_no_job_suspect() {
    let mut s = Given::plan("a").start();
    for _ in 0..MAX_REQUEUES * 3 {
        s.input(&Input::QueueDoubted);
        looked_up(&mut s, "a", Found::Gone);
    }
    assert_eq!((s.status(), s.job("a").attempt), (Status::Executing, 0));
}
