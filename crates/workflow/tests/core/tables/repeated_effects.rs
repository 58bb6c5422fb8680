//! No job sends again, unasked, what an earlier job of the same unit sent or may have sent.

use super::acts::{LICENCE, broken, flaky, retry, says, score, unclear, wish};
use super::given::Given;
use super::scenario::{Run, Scenario};
use workflow::decision::{EffectReply, Reply};
use workflow::input::{Body, Decision, EffectEnd, EffectRequest, Input};
use workflow::state::{DeliveryState, EffectState};
use workflow::submission::OnExhausted;
use workflow::vocabulary::{Action, AttentionReason, EffectClass, EventKind, GateKind, Status, StepStatus};

fn publishing(channels: &[&str], set: impl FnOnce(&mut workflow::submission::Policy)) -> Scenario {
    let mut s = Given::plan("a").channels(channels).policy(set).start();
    s.work();
    s.answer(Action::Approve);
    s
}

/// A run asks to send this text.
fn asks(s: &mut Scenario, run: &Run, text: &str) -> EffectReply {
    let wish = EffectRequest {
        request: Body::new(text),
        ..wish(run, EffectClass::Once)
    };
    match s.input(&Input::EffectBegun(wish)) {
        Reply::Effect(reply) => reply,
        other => panic!("{other:?}"),
    }
}

fn is_licence(reply: &EffectReply) -> bool {
    matches!(reply, EffectReply::Send { .. })
}

#[test]
fn a_retry_of_something_else_does_not_resend_what_nobody_knows() {
    let mut s = Given::plan("a b:once").start();
    let (a, b) = (s.run("a"), s.run("b"));
    s.sends(&b, EffectClass::Once);
    s.fail(&a, broken());
    s.fail(&b, unclear());
    assert_eq!(s.reason(), Some(AttentionReason::AttemptsExhausted));
    s.answer(Action::Retry);
    s.work();
    assert_eq!(s.reason(), Some(AttentionReason::EffectUnknown), "asked about it first");
    s.answer(Action::SendAgain);
    assert_eq!(s.queued(), ["a", "b"]);
}

#[test]
fn a_step_cut_off_while_sending_is_a_humans_matter_before_it_runs_again() {
    let mut s = Given::plan("a:once")
        .policy(|p| p.max_duration_seconds = Some(8.0))
        .start();
    let run = s.run("a");
    s.sends(&run, EffectClass::Once);
    s.wait(8.0);
    assert_eq!(s.reason(), Some(AttentionReason::Deadline));
    s.answer(Action::Retry);
    assert_eq!(s.queued(), Vec::<String>::new(), "its licence still lives");
    s.wait(2.0);
    assert_eq!(s.reason(), Some(AttentionReason::EffectUnknown));
    assert_eq!(s.step_status("a"), StepStatus::Failed);
}

#[test]
fn a_publication_cut_off_while_sending_is_asked_about_before_the_task_completes() {
    let mut s = publishing(&["blog"], |p| p.max_duration_seconds = Some(5.0));
    let run = s.run("publish blog");
    s.sends(&run, EffectClass::Once);
    s.wait(LICENCE as f64);
    s.wait(LICENCE as f64);
    assert_eq!(s.reason(), Some(AttentionReason::Deadline));
    assert_eq!(s.task.deliveries[0].state, DeliveryState::Unknown);
    s.answer(Action::Retry);
    assert_eq!(s.reason(), Some(AttentionReason::EffectUnknown));
    s.answer(Action::MarkDone);
    assert_eq!(s.status(), Status::Completed);
}

#[test]
fn a_confirmed_publication_whose_job_is_dropped_is_not_published_again() {
    let mut s = publishing(&["blog", "linkedin"], |_| {});
    let blog = s.run("publish blog");
    s.sends(&blog, EffectClass::Keyed);
    s.sent(&blog, EffectEnd::Confirmed);
    s.wait(15.0);
    assert_eq!(s.job("publish blog").losses, 1, "lost before its result");
    let linkedin = s.take("publish linkedin");
    s.fail(&linkedin, broken());
    assert_eq!(s.reason(), Some(AttentionReason::Publication));
    s.answer(Action::Retry);
    assert_eq!(s.queued(), ["publish linkedin"]);
    assert_eq!(s.task.deliveries[0].state, DeliveryState::Published);
}

#[test]
fn a_confirmed_effect_answers_for_the_same_request_of_a_new_job() {
    let mut s = Given::plan("a:once").start();
    let old = s.run("a");
    assert!(is_licence(&asks(&mut s, &old, "\"order\"")));
    s.sent(&old, EffectEnd::Confirmed);
    s.fail(&old, broken());
    s.answer(Action::Retry);
    let new = s.run("a");
    assert_ne!(new.job, old.job);
    let recorded = EffectReply::Ended {
        state: EffectState::Confirmed,
        response: s.task.effects[0].response,
    };
    assert_eq!(asks(&mut s, &new, "\"order\""), recorded);
    assert!(is_licence(&asks(&mut s, &new, "\"another order\"")));
}

#[test]
fn starting_over_from_a_step_repeats_its_effect_only_when_the_human_says_so() {
    for send_again in [false, true] {
        let mut s = Given::plan("a:once b<a").policy(|p| p.max_refinements = 0).start();
        let run = s.run("a");
        asks(&mut s, &run, "\"order\"");
        let outcome = s.good(run.unit);
        s.end(&run, outcome);
        s.done("b");
        s.judge(score(0.1));
        assert_eq!(s.input(&retry(Some("a"), send_again)), Reply::Done);
        let run = s.run("a");
        let reply = asks(&mut s, &run, "\"order\"");
        assert_eq!(is_licence(&reply), send_again, "{reply:?}");
    }
}

#[test]
fn new_content_is_published_anew_when_a_human_starts_over_and_approves_it() {
    let mut s = publishing(&["blog", "linkedin"], |_| {});
    let blog = s.run("publish blog");
    s.sends(&blog, EffectClass::Keyed);
    let outcome = s.good(blog.unit);
    s.end(&blog, outcome);
    let linkedin = s.take("publish linkedin");
    s.fail(&linkedin, broken());
    s.input(&retry(Some("a"), false));
    s.work();
    s.answer(Action::Approve);
    let again = s.run("publish blog");
    s.sends(&again, EffectClass::Keyed);
}

#[test]
fn of_two_unknown_publications_a_late_end_settles_only_its_own() {
    let mut s = publishing(&["blog", "linkedin"], |_| {});
    let (blog, linkedin) = (s.run("publish blog"), s.run("publish linkedin"));
    for run in [&blog, &linkedin] {
        s.sends(run, EffectClass::Once);
    }
    s.fail(&blog, unclear());
    s.fail(&linkedin, unclear());
    s.sent(&blog, EffectEnd::Confirmed);
    assert_eq!(s.reason(), Some(AttentionReason::EffectUnknown), "the other is open");
    s.sent(&linkedin, EffectEnd::Confirmed);
    assert_eq!(s.status(), Status::Completed);
}

#[test]
fn policy_gives_nothing_up_while_an_effect_is_in_flight_or_unknown() {
    let fail = |p: &mut workflow::submission::Policy| p.on_exhausted = OnExhausted::Fail;
    let mut s = Given::plan("a b:once").policy(fail).start();
    let (a, b) = (s.run("a"), s.run("b"));
    s.sends(&b, EffectClass::Once);
    s.fail(&a, broken());
    s.fail(&b, unclear());
    assert_eq!(s.status(), Status::NeedsAttention);

    let mut s = Given::plan("a:once")
        .policy(|p| {
            fail(p);
            p.max_duration_seconds = Some(5.0);
        })
        .start();
    let run = s.run("a");
    s.sends(&run, EffectClass::Once);
    s.wait(5.0);
    assert_eq!(s.status(), Status::NeedsAttention);
}

#[test]
fn marking_the_unknown_done_does_not_mark_what_failed_beside_it() {
    let mut s = Given::plan("a:once b").start();
    let (a, b) = (s.run("a"), s.run("b"));
    s.sends(&a, EffectClass::Once);
    s.fail(&a, unclear());
    s.fail(&b, broken());
    assert_eq!(s.reason(), Some(AttentionReason::EffectUnknown));
    s.answer(Action::MarkDone);
    assert_eq!(s.step_status("a"), StepStatus::Succeeded);
    assert_eq!(s.step_status("b"), StepStatus::Failed);
    assert_eq!(s.reason(), Some(AttentionReason::AttemptsExhausted), "asked about next");
}

#[test]
fn giving_up_while_an_effect_is_in_flight_leaves_it_on_record_as_unknown() {
    let mut s = publishing(&["blog"], |p| p.max_duration_seconds = Some(5.0));
    let run = s.run("publish blog");
    s.sends(&run, EffectClass::Once);
    s.wait(5.0);
    let reject = Decision {
        gate: Some(s.gate(GateKind::Attention)),
        ..says(Action::Reject)
    };
    assert_eq!(s.human(reject), Reply::Done);
    assert_eq!(s.status(), Status::Failed);
    assert_eq!(s.ledger.last().map(|row| row.state), Some(EffectState::Unknown));
    assert_eq!(s.event(EventKind::TaskFailed)["published"][0]["state"], "unknown");

    s.sent(&run, EffectEnd::Confirmed);
    assert_eq!(
        s.task.effects[0].state,
        EffectState::Confirmed,
        "late news are still news"
    );
    assert_eq!(s.status(), Status::Failed);
}

#[test]
fn a_failed_sending_is_repeated_by_the_next_attempt_at_once() {
    let mut s = Given::plan("a:keyed").start();
    let first = s.run("a");
    s.sends(&first, EffectClass::Keyed);
    s.fail(&first, flaky());
    s.wait(2.0);
    let second = s.run("a");
    s.sends(&second, EffectClass::Keyed);
}
