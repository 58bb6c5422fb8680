//! How a request becomes a task.

use super::acts::says;
use super::given::{Given, plan};
use workflow::decision::{Refusal, Reply};
use workflow::input::Input;
use workflow::state::SUBMISSION;
use workflow::vocabulary::{Action, EventKind, Status};

#[test]
fn a_clients_plan_is_executed_without_a_planner() {
    let mut s = Given::plan("a b<a").start();
    assert_eq!(s.status(), Status::Executing);
    assert_eq!(s.queued(), ["a"]);
    assert_eq!(
        s.told(),
        ["task.submitted", "task.planned", "task.executing", "step.queued"]
    );
    assert_eq!(s.event(EventKind::TaskPlanned)["origin"], "client");
    assert!(s.text(SUBMISSION).contains("write a post"));
}

#[test]
fn without_a_plan_the_planner_is_asked() {
    let mut s = Given::request().start();
    assert_eq!((s.status(), s.queued()), (Status::Planning, vec!["plan".to_owned()]));
    s.done("plan");
    assert_eq!(s.event(EventKind::TaskPlanned)["origin"], "planner");
    assert_eq!((s.status(), s.queued()), (Status::Executing, vec!["a".to_owned()]));
}

#[test]
fn a_clients_plan_that_is_refused_makes_no_task() {
    let refused = Given::plan("a:unheard_of").accept().err();
    let Some(Refusal::PlanInvalid(faults)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(faults.len(), 1, "{faults:?}");
}

#[test]
fn a_task_is_accepted_once() {
    let mut s = Given::plan("a").start();
    let again = Input::Submitted(s.submission.clone().into());
    assert_eq!(s.input(&again), Reply::Refused(Refusal::Exists));
}

#[test]
fn a_plan_under_review_starts_only_when_a_human_approves_it() {
    let mut s = Given::plan("a").policy(|p| p.plan_review = true).start();
    assert_eq!(s.status(), Status::AwaitingPlanReview);
    assert_eq!(s.queued(), Vec::<String>::new());
    assert_eq!(s.told(), ["task.submitted", "task.planned", "gate.opened"]);
    s.answer(Action::Approve);
    assert_eq!(s.told(), ["gate.decided", "task.executing", "step.queued"]);
    assert_eq!(s.status(), Status::Executing);
}

#[test]
fn a_plan_sent_back_is_made_again_with_the_feedback_and_reviewed_again() {
    let mut s = Given::plan("a").policy(|p| p.plan_review = true).start();
    let mut revise = says(Action::Revise);
    revise.feedback = Some("research first".to_owned());
    assert_eq!(s.human(revise), Reply::Done);
    assert_eq!((s.status(), s.queued()), (Status::Planning, vec!["plan".to_owned()]));
    let feedback = s.task.plan_feedback.last().copied().unwrap();
    assert_eq!(s.text(feedback), "\"research first\"");

    s.done("plan");
    assert_eq!(s.task.plan.as_ref().unwrap().version, 2);
    assert_eq!(s.status(), Status::AwaitingPlanReview);
    assert_eq!(s.task.steps.len(), 2);
}

#[test]
fn a_plan_that_a_human_edits_runs_as_they_wrote_it() {
    let mut s = Given::request().policy(|p| p.plan_review = true).start();
    s.done("plan");
    let edit = |notation: &str| {
        let mut edit = says(Action::Edit);
        edit.plan = Some(serde_json::from_value(plan(notation)).unwrap());
        edit
    };
    let Reply::Refused(Refusal::PlanInvalid(faults)) = s.human(edit("a:unheard_of")) else {
        panic!("a tool that is not there");
    };
    assert_eq!(
        (faults[0].code.as_str(), s.status()),
        ("plan_tool", Status::AwaitingPlanReview)
    );
    assert!(
        matches!(s.human(says(Action::Edit)), Reply::Refused(Refusal::WrongState(_))),
        "no plan"
    );
    let mut approve = edit("a c");
    approve.action = Action::Approve;
    assert!(
        matches!(s.human(approve), Reply::Refused(Refusal::WrongState(_))),
        "an approval of another plan"
    );

    s.told();
    assert_eq!(s.human(edit("a c")), Reply::Done);
    assert_eq!(
        (s.status(), s.queued()),
        (Status::Executing, vec!["a".to_owned(), "c".to_owned()])
    );
    assert_eq!(s.told()[..3], ["gate.decided", "task.planned", "task.executing"]);
    let told = s.event(EventKind::TaskPlanned);
    assert_eq!((&told["origin"], &told["version"]), (&"human".into(), &2.into()));
    assert!(
        s.task.plan.as_ref().unwrap().intent.is_some(),
        "what was understood stands"
    );
}

#[test]
fn a_plan_that_is_turned_down_ends_the_task_before_it_did_anything() {
    let mut s = Given::plan("a").policy(|p| p.plan_review = true).start();
    s.answer(Action::Reject);
    assert_eq!(s.status(), Status::Rejected);
    assert!(s.published.is_empty());
}

#[test]
fn step_events_are_left_out_where_policy_says_so() {
    let mut s = Given::plan("a").policy(|p| p.step_events = false).start();
    s.done("a");
    assert_eq!(s.told(), ["task.submitted", "task.planned", "task.executing"]);
}
