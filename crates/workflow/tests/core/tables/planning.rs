//! Plans of the planner: untrusted, sent back once with the reasons, then a human's matter.

use super::acts::{broken, flaky, planned, says};
use super::given::Given;
use serde_json::json;
use workflow::decision::{Refusal, Reply};
use workflow::forecast::Forecast;
use workflow::input::{Body, Outcome};
use workflow::submission::OnExhausted;
use workflow::vocabulary::{Action, AttentionReason, EventKind, Status};

#[test]
fn a_refused_plan_is_sent_back_once_with_the_reasons() {
    let mut s = Given::request().start();
    let first = s.take("plan");
    s.end(&first, planned("a:unheard_of"));
    assert_eq!((s.status(), s.queued()), (Status::Planning, vec!["plan".to_owned()]));
    let reasons = s.task.plan_feedback.last().copied().unwrap();
    assert!(s.text(reasons).contains("unheard_of"), "{}", s.text(reasons));

    let second = s.take("plan");
    assert_ne!(first.job, second.job, "another planning is another job");
    s.end(&second, planned("a<b b<a"));
    assert_eq!(s.reason(), Some(AttentionReason::PlanInvalid));
    assert!(s.task.plan.is_none());
}

#[test]
fn another_tenants_tool_is_as_unknown_as_one_that_nobody_has() {
    let refused = |tool: &str| match Given::plan(&format!("a:{tool}")).accept().err() {
        Some(Refusal::PlanInvalid(faults)) => faults[0].detail.replace(tool, "?"),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused("theirs"), refused("unheard_of"));
    let mut s = Given::request().start();
    for _ in 0..2 {
        let run = s.take("plan");
        s.end(&run, planned("a:theirs"));
    }
    assert_eq!(s.reason(), Some(AttentionReason::PlanInvalid));
}

#[test]
fn a_plan_that_is_good_the_second_time_is_executed() {
    let mut s = Given::request().start();
    let run = s.take("plan");
    s.end(&run, planned("a:unheard_of"));
    s.done("plan");
    assert_eq!(s.status(), Status::Executing);
    assert_eq!(s.task.plan.as_ref().unwrap().version, 1);
}

#[test]
fn a_result_of_the_planning_before_is_ignored() {
    let mut s = Given::request().start();
    let first = s.take("plan");
    s.end(&first, planned("a:unheard_of"));
    assert!(matches!(s.end(&first, planned("late")), Reply::Ignored(_)));
    assert_eq!(s.status(), Status::Planning);
}

#[test]
fn a_human_who_explains_gets_a_planning_with_a_second_chance_of_its_own() {
    let mut s = Given::request().start();
    for _ in 0..2 {
        let run = s.take("plan");
        s.end(&run, planned("a:unheard_of"));
    }
    let mut revise = says(Action::Revise);
    revise.feedback = Some("use pure tools".to_owned());
    s.human(revise);
    assert_eq!(s.task.plan_feedback.len(), 2);
    let run = s.take("plan");
    s.end(&run, planned("a:unheard_of"));
    assert_eq!(s.status(), Status::Planning, "sent back, not given up");
    s.done("plan");
    assert_eq!(s.status(), Status::Executing);
}

#[test]
fn planning_is_retried_like_any_job() {
    let mut s = Given::request().start();
    let run = s.take("plan");
    s.fail(&run, flaky());
    s.wait(2.0);
    let run = s.take("plan");
    s.fail(&run, broken());
    assert_eq!(s.reason(), Some(AttentionReason::AttemptsExhausted));
    s.answer(Action::Retry);
    s.done("plan");
    assert_eq!(s.status(), Status::Executing);
}

#[test]
fn no_valid_plan_fails_the_task_where_policy_says_so() {
    let mut s = Given::request().policy(|p| p.on_exhausted = OnExhausted::Fail).start();
    for _ in 0..2 {
        let run = s.take("plan");
        s.end(&run, planned("a:unheard_of"));
    }
    assert_eq!(s.status(), Status::Failed);
    assert!(s.task.error.as_ref().unwrap().starts_with("plan_invalid"));
}

#[test]
fn what_is_expected_of_a_plan_is_told_with_it_and_decides_nothing() {
    let end = |forecast: Option<Forecast>| {
        let mut s = Given::request().start();
        let run = s.take("plan");
        let mut outcome = planned("a:pure");
        if let Outcome::Planned { forecast: told, .. } = &mut outcome {
            *told = forecast;
        }
        s.end(&run, outcome);
        s
    };
    let forecast = Forecast {
        quality: Some(0.0),
        cost_usd: Some(1e6),
        duration_seconds: None,
    };
    let (with, without) = (end(Some(forecast)), end(None));
    assert_eq!(with.task, without.task);
    let told = with.event(EventKind::TaskPlanned);
    assert_eq!(
        told["forecast"],
        json!({"quality": 0.0, "cost_usd": 1e6, "duration_seconds": null})
    );
    assert_eq!(without.event(EventKind::TaskPlanned).get("forecast"), None);
}

/// What a planner writes is untrusted, its size too; the law on compactness is checked at every write.
#[test]
fn a_monstrous_plan_does_not_bloat_the_state() {
    let mut s = Given::request().start();
    for _ in 0..2 {
        let run = s.take("plan");
        let plan = json!({ "x".repeat(100_000): 1 });
        let document = Body::new("{}");
        let forecast = None;
        s.end(
            &run,
            Outcome::Planned {
                plan,
                document,
                forecast,
            },
        );
    }
    assert_eq!(s.reason(), Some(AttentionReason::PlanInvalid));
}
