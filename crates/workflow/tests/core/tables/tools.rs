//! Tools that somebody took out of use: what has begun ends, and nothing else begins.

use super::acts::{flaky, says, wish};
use super::given::Given;
use super::scenario::Scenario;
use workflow::decision::{EffectReply, Refusal, Reply};
use workflow::input::{Decision, EffectEnd, EffectRequest, Input};
use workflow::state::EffectState;
use workflow::submission::OnExhausted;
use workflow::tool::{Catalog, OutOfUse};
use workflow::vocabulary::{Action, AttentionReason, EffectClass, Status, StepStatus, ToolState};

fn error<'s>(s: &'s Scenario, key: &str) -> (&'s str, &'s str) {
    let error = s.step(key).error.as_ref().expect("the step has an error");
    (&error.code, &error.message)
}

#[test]
fn a_step_whose_tool_is_out_of_use_ends_before_it_begins_and_goes_on_once_the_tool_is_back() {
    for (state, code) in [
        (ToolState::Suspended, "tool_suspended"),
        (ToolState::AwaitingApproval, "tool_suspended"),
        (ToolState::Removed, "tool_removed"),
    ] {
        let mut s = Given::plan("a b:once<a").start();
        s.put("once", state);
        s.done("a");
        assert_eq!(
            (s.reason(), s.queued()),
            (Some(AttentionReason::AttemptsExhausted), vec![])
        );
        assert_eq!(error(&s, "b").0, code);
        assert!(
            error(&s, "b").1.contains("POST /tools/once/approve"),
            "{:?}",
            error(&s, "b")
        );
        assert!(s.published.iter().all(|(job, _)| job != "b"));
        s.answer(Action::Retry);
        assert_eq!(
            s.reason(),
            Some(AttentionReason::AttemptsExhausted),
            "nothing has changed"
        );
        s.put("once", ToolState::Active);
        s.answer(Action::Retry);
        assert_eq!((s.status(), s.queued()), (Status::Executing, vec!["b".to_owned()]));
        s.done("b");
        assert_eq!((s.status(), &s.step("b").error), (Status::Assessing, &None));
    }
}

#[test]
fn the_task_fails_where_its_policy_says_so() {
    let mut s = Given::plan("a b:once<a")
        .policy(|p| p.on_exhausted = OnExhausted::Fail)
        .start();
    s.put("once", ToolState::Suspended);
    s.done("a");
    assert_eq!(s.status(), Status::Failed);
    assert!(s.task.error.as_ref().unwrap().contains("tool_suspended"));
}

#[test]
fn what_runs_is_left_to_end_and_is_waited_for() {
    let mut s = Given::plan("a b c:once<b").start();
    let run = s.run("a");
    s.put("pure", ToolState::Suspended);
    s.put("once", ToolState::Suspended);
    s.done("b");
    assert_eq!(s.step_status("c"), StepStatus::Failed);
    assert_eq!((s.status(), s.running()), (Status::Executing, vec!["a".to_owned()]));
    let outcome = s.good(run.unit);
    assert_eq!(s.end(&run, outcome), Reply::Done);
    assert_eq!(s.step_status("a"), StepStatus::Succeeded);
    assert_eq!(s.reason(), Some(AttentionReason::AttemptsExhausted));
}

#[test]
fn what_was_queued_before_it_went_out_of_use_sends_nothing() {
    let mut s = Given::plan("a:once").start();
    s.put("once", ToolState::Suspended);
    let run = s.run("a");
    assert_eq!(s.begin(&run, EffectClass::Once), EffectReply::Refused("tool_suspended"));
    assert!(s.task.effects.is_empty());
    s.fail(&run, crate::tables::acts::broken());
    s.put("once", ToolState::Active);
    s.answer(Action::Retry);
    s.sends_and_ends("a", EffectClass::Once);
    assert_eq!(s.status(), Status::Assessing);
}

#[test]
fn nothing_is_published_with_a_tool_that_is_out_of_use() {
    let mut s = Given::plan("a").channels(&["blog"]).start();
    s.work();
    s.answer(Action::Approve);
    let run = s.run("publish blog");
    let with = |tool: &str| {
        let tool = Some(tool.to_owned());
        Input::EffectBegun(EffectRequest {
            tool,
            ..wish(&run, EffectClass::Once)
        })
    };
    s.put("once", ToolState::Suspended);
    assert_eq!(
        s.input(&with("once")),
        Reply::Effect(EffectReply::Refused("tool_suspended"))
    );
    assert!(s.task.effects.is_empty());
    // What only changed is published with as it was approved; executors see to that.
    s.changed("once");
    let reply = s.input(&with("once"));
    assert!(matches!(reply, Reply::Effect(EffectReply::Send { .. })), "{reply:?}");
}

#[test]
fn channels_publish_with_tools_that_no_plan_may_name_too() {
    let mut s = Given::plan("a").channels(&["blog"]).start();
    s.work();
    s.answer(Action::Approve);
    let run = s.run("publish blog");
    let tool = Some("not.of.the.catalog".to_owned());
    let asked = EffectRequest {
        tool,
        ..wish(&run, EffectClass::Once)
    };
    let reply = s.input(&Input::EffectBegun(asked));
    assert!(matches!(reply, Reply::Effect(EffectReply::Send { .. })), "{reply:?}");
}

#[test]
fn what_is_ready_beside_it_does_not_begin_either() {
    let mut s = Given::plan("a b:once<a c<a").start();
    s.put("once", ToolState::Suspended);
    s.done("a");
    assert_eq!((s.queued(), s.step_status("c")), (vec![], StepStatus::Pending));
    s.put("once", ToolState::Active);
    s.answer(Action::Retry);
    assert_eq!(s.queued(), ["b", "c"]);
}

#[test]
fn a_failed_attempt_is_not_repeated_and_an_effect_in_flight_is_settled() {
    let mut s = Given::plan("a").start();
    let run = s.run("a");
    s.put("pure", ToolState::Suspended);
    s.fail(&run, flaky());
    s.wait(2.0);
    assert_eq!(error(&s, "a").0, "tool_suspended");

    let mut s = Given::plan("a:keyed").start();
    let run = s.run("a");
    s.sends(&run, EffectClass::Keyed);
    s.put("keyed", ToolState::Suspended);
    s.wait(16.0);
    s.wait(1.0);
    let run = s.run("a");
    assert!(matches!(s.begin(&run, EffectClass::Keyed), EffectReply::Send { .. }));
    s.sent(&run, EffectEnd::Confirmed);
    let outcome = s.good(run.unit);
    s.end(&run, outcome);
    assert_eq!(s.task.effects[0].state, EffectState::Confirmed);
    assert_eq!(s.status(), Status::Assessing);
}

#[test]
fn a_call_of_it_is_not_let_through_and_its_gate_stays_open() {
    let mut s = Given::plan("a:asks").start();
    s.put("asks", ToolState::Suspended);
    let edit = Decision {
        approved: Some("{\"arguments\":{}}".to_owned()),
        ..says(Action::Edit)
    };
    let approve = says(Action::Approve);
    for decision in [edit, approve.clone()] {
        let refused = Refusal::ToolOutOfUse(OutOfUse {
            tool_id: "asks".to_owned(),
            state: ToolState::Suspended,
        });
        assert_eq!(s.human(decision), Reply::Refused(refused));
    }
    assert_eq!((s.status(), s.task.gates.len()), (Status::AwaitingStepApproval, 1));
    s.put("asks", ToolState::Active);
    assert_eq!(
        s.human(approve),
        Reply::Done,
        "the very same word, now that it may be given"
    );
    assert_eq!(s.queued(), ["a"]);

    let mut s = Given::plan("a:asks").start();
    s.put("asks", ToolState::Removed);
    s.answer(Action::Skip);
    assert_eq!(s.step_status("a"), StepStatus::Skipped);
}

#[test]
fn a_tool_that_the_catalog_does_not_know_is_left_to_whoever_serves_it() {
    let mut s = Given::plan("a b<a").start();
    s.catalog = Catalog::default();
    s.done("a");
    assert_eq!(s.queued(), ["b"], "it may have been registered a moment ago, elsewhere");
}
