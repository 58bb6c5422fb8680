//! The ledger of one job's outside effects.

use super::acts::{KEY_TTL, LICENCE, cancel, end_of, retry, unclear, wish};
use super::given::Given;
use super::scenario::{Run, Scenario};
use workflow::decision::{EffectReply, FrozenRequest, Reply};
use workflow::input::{EffectEnd, EffectRequest, Input};
use workflow::state::{DeliveryState, EffectState};
use workflow::time::Millis;
use workflow::vocabulary::{Action, AttentionReason, EffectClass, EventKind, Status};

/// A step that was licensed to send and whose worker is not heard of again; another run has the job.
fn lost_while_sending(class: EffectClass) -> (Scenario, Run) {
    let mut s = Given::plan(&format!("a:{class}")).start();
    let first = s.run("a");
    s.sends(&first, class);
    s.wait(15.0);
    s.wait(1.0);
    let second = s.run("a");
    (s, second)
}

/// The blog's publication is unknown to everybody, and a human is asked.
fn unknown_publication() -> (Scenario, Run) {
    let mut s = publishing();
    let run = s.run("publish blog");
    s.sends(&run, EffectClass::Once);
    s.fail(&run, unclear());
    assert_eq!(s.reason(), Some(AttentionReason::EffectUnknown));
    (s, run)
}

fn publishing() -> Scenario {
    let mut s = Given::plan("a").channels(&["blog"]).start();
    s.work();
    s.answer(Action::Approve);
    s
}

#[test]
fn the_request_is_frozen_by_the_first_who_asks() {
    let mut s = Given::plan("a:keyed").start();
    let run = s.run("a");
    let ask = wish(&run, EffectClass::Keyed);
    let request = FrozenRequest::Given(ask.request.clone());
    let within = Millis::secs(LICENCE);
    assert_eq!(s.begin(&run, EffectClass::Keyed), EffectReply::Send { request, within });
    let effect = s.task.effects[0].clone();
    assert_eq!(effect.state, EffectState::Sent);
    assert_eq!(s.text(effect.request), &*ask.request.text);
    assert_eq!(s.ledger.len(), 1);
}

#[test]
fn a_run_that_did_not_hear_its_licence_hears_the_same_one_again() {
    for class in [EffectClass::Keyed, EffectClass::Once] {
        let mut s = Given::plan(&format!("a:{class}")).start();
        let run = s.run("a");
        s.sends(&run, class);
        let effect = s.task.effects[0].clone();
        s.pass(4.0);
        let request = FrozenRequest::Stored(effect.request);
        let within = Millis::secs(LICENCE - 4);
        assert_eq!(s.begin(&run, class), EffectReply::Send { request, within }, "{class}");
        assert_eq!(s.task.effects[0], effect, "{class}: nothing is extended");
    }
}

#[test]
fn no_other_run_sends_while_a_licence_lives() {
    let mut s = Given::plan("a:keyed").start();
    let first = s.run("a");
    let slow = EffectRequest {
        send_within: Millis::secs(60),
        ..wish(&first, EffectClass::Keyed)
    };
    s.input(&Input::EffectBegun(slow));
    s.pass(20.0);
    let second = s.take("a");
    assert_eq!(
        s.begin(&second, EffectClass::Keyed),
        EffectReply::Refused("superseded"),
        "the lease covers the licence"
    );
    s.pass(11.0);
    assert_eq!(s.begin(&second, EffectClass::Keyed), EffectReply::Busy);
    s.pass(30.0);
    s.sends(&second, EffectClass::Keyed);
}

#[test]
fn what_can_be_repeated_is_licensed_with_the_bytes_that_are_stored() {
    // The key is remembered; a `queryable` effect is looked up by whoever sees that the bytes are stored ones.
    for class in [EffectClass::Keyed, EffectClass::Queryable] {
        let (mut s, second) = lost_while_sending(class);
        let frozen = s.task.effects[0].request;
        let reply = s.begin(&second, class);
        let expected = EffectReply::Send {
            request: FrozenRequest::Stored(frozen),
            within: Millis::secs(LICENCE),
        };
        assert_eq!(reply, expected, "{class}");
        assert_eq!(s.task.effects.len(), 1);
        assert_eq!(s.task.effects[0].run, second.id);
    }
}

#[test]
fn what_cannot_be_repeated_safely_is_unknown_and_never_resent() {
    for (class, seconds) in [
        (EffectClass::Once, 0.0),
        // The receiver has forgotten the key.
        (EffectClass::Keyed, KEY_TTL as f64),
    ] {
        let (mut s, second) = lost_while_sending(class);
        s.pass(seconds);
        let unknown = EffectReply::Ended {
            state: EffectState::Unknown,
            response: None,
        };
        assert_eq!(s.begin(&second, class), unknown, "{class}");
        assert_eq!(s.begin(&second, class), unknown, "{class}, asked again");
        s.fail(&second, unclear());
        assert_eq!(s.reason(), Some(AttentionReason::EffectUnknown), "{class}");
    }
}

#[test]
fn what_ended_is_answered_from_the_ledger() {
    for (ended, state) in [
        (EffectEnd::Confirmed, EffectState::Confirmed),
        (EffectEnd::Rejected, EffectState::Rejected),
    ] {
        let mut s = Given::plan("a:once").start();
        let first = s.run("a");
        s.sends(&first, EffectClass::Once);
        s.sent(&first, ended);
        s.wait(15.0);
        s.wait(1.0);
        let second = s.run("a");
        let response = s.task.effects[0].response;
        assert!(response.is_some());
        assert_eq!(
            s.begin(&second, EffectClass::Once),
            EffectReply::Ended { state, response }
        );
    }
}

#[test]
fn an_end_is_recorded_once_and_a_confirmation_stands() {
    let mut s = Given::plan("a:once").start();
    let run = s.run("a");
    s.sends(&run, EffectClass::Once);
    let confirmed = Reply::Effect(EffectReply::Recorded(EffectState::Confirmed));
    assert_eq!(s.sent(&run, EffectEnd::Confirmed), confirmed);
    let after = s.task.clone();
    for ended in [EffectEnd::Confirmed, EffectEnd::Rejected, EffectEnd::Unknown] {
        assert_eq!(s.sent(&run, ended), confirmed, "{ended:?}");
    }
    assert_eq!(s.task, after);
    let never = Input::EffectEnded {
        job: run.job,
        run: run.id,
        ordinal: 5,
        ended: EffectEnd::Confirmed,
        response: wish(&run, EffectClass::Once).request,
    };
    assert_eq!(s.input(&never), Reply::Ignored("no such effect"));
}

#[test]
fn a_result_tells_that_its_effect_happened_where_the_end_was_lost() {
    let mut s = Given::plan("a:once").start();
    s.sends_and_ends("a", EffectClass::Once);
    assert_eq!(s.task.effects[0].state, EffectState::Confirmed);
}

#[test]
fn a_late_end_answers_for_the_human_who_was_asked() {
    let (mut s, run) = unknown_publication();
    s.sent(&run, EffectEnd::Confirmed);
    assert_eq!(s.status(), Status::Completed);
    assert_eq!(s.task.deliveries[0].state, DeliveryState::Published);
}

#[test]
fn a_late_end_changes_nothing_once_a_human_has_decided() {
    let (mut s, run) = unknown_publication();
    s.answer(Action::SendAgain);
    let reply = s.sent(&run, EffectEnd::Confirmed);
    assert_eq!(reply, Reply::Effect(EffectReply::Recorded(EffectState::Unknown)));
    assert_eq!(s.queued(), ["publish blog"]);
}

#[test]
fn a_human_settles_what_nobody_knows() {
    for (action, status, state) in [
        (Action::MarkDone, Status::Completed, DeliveryState::MarkedDone),
        (Action::Skip, Status::Completed, DeliveryState::Unknown),
        (Action::SendAgain, Status::Publishing, DeliveryState::Pending),
        (Action::Reject, Status::Failed, DeliveryState::Unknown),
    ] {
        let (mut s, _) = unknown_publication();
        s.answer(action);
        assert_eq!((s.status(), s.task.deliveries[0].state), (status, state), "{action}");
    }
}

#[test]
fn sending_again_is_a_new_job_under_a_new_key() {
    let (mut s, old) = unknown_publication();
    assert_eq!(s.input(&retry(None, true)), Reply::Done);
    let new = s.run("publish blog");
    assert_ne!(new.job, old.job);
    s.sends(&new, EffectClass::Once);
    assert_eq!(s.task.effects.len(), 2, "both stand in the ledger");
}

#[test]
fn a_step_marked_done_is_done() {
    let mut s = Given::plan("a:once b<a").start();
    let run = s.run("a");
    s.sends(&run, EffectClass::Once);
    s.fail(&run, unclear());
    s.answer(Action::MarkDone);
    assert_eq!(s.queued(), ["b"]);
}

#[test]
fn a_cancelled_task_waits_for_what_is_in_flight_and_says_what_became_of_it() {
    for (end, state) in [
        (Some(EffectEnd::Confirmed), Some("published")),
        (Some(EffectEnd::Rejected), None),
        (None, Some("unknown")),
    ] {
        let mut s = publishing();
        let run = s.run("publish blog");
        s.sends(&run, EffectClass::Once);
        s.input(&cancel());
        assert_eq!(s.status(), Status::Cancelling, "{end:?}");
        assert_eq!(
            s.begin(&run, EffectClass::Once),
            EffectReply::Refused("cancelled"),
            "{end:?}"
        );
        match end {
            Some(end) => drop(s.input(&end_of(&run, end))),
            None => s.wait(LICENCE as f64),
        }
        assert_eq!(s.status(), Status::Cancelled, "{end:?}");
        let published = &s.event(EventKind::TaskCancelled)["published"];
        assert_eq!(published[0]["state"].as_str(), state, "{end:?}: {published}");
    }
}

#[test]
fn a_cancelled_task_says_what_was_confirmed_before_its_result_came() {
    let mut s = publishing();
    let run = s.run("publish blog");
    s.sends(&run, EffectClass::Once);
    s.sent(&run, EffectEnd::Confirmed);
    s.input(&cancel());
    assert_eq!(s.status(), Status::Cancelled);
    assert_eq!(s.event(EventKind::TaskCancelled)["published"][0]["state"], "published");
}
