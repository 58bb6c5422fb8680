//! Forks: what is the same is taken over, what differs is done again.

use super::acts::{blaming, retry};
use super::given::{CATALOG, Given};
use super::scenario::Scenario;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use workflow::decision::Reply;
use workflow::fork::{Offer, Reusable, Reuse, Source, offers, with_effects};
use workflow::submission::Submission;
use workflow::vocabulary::{Action, EffectClass, EventKind, GateKind, PlanOrigin, Status, StepStatus};

/// Diamond: `a`, then `b` and `c`, then `d`.
const DIAMOND: &str = "a b<a c<a d<b,c";

fn done(notation: &str) -> Scenario {
    let mut source = Given::plan(notation).start();
    source.work_until("assess");
    source
}

fn fork(source: &Scenario, from: Option<u16>, change: impl FnOnce(&mut Submission)) -> Scenario {
    let mut asked = source.submission.clone();
    change(&mut asked);
    let known = Source {
        task: &source.task,
        plan: source.plan.as_ref().unwrap(),
        submission: &source.submission,
    };
    let reusable = |offer: Offer| {
        let output = source.payloads[&offer.output.payload].clone();
        let input = offer.input;
        let reusable = Reusable {
            input,
            output,
            items: offer.items,
        };
        (offer.key, reusable)
    };
    let offered = offers(known, from, &asked, CATALOG.of("default"))
        .into_iter()
        .map(reusable);
    let reuse = Reuse {
        origin: PlanOrigin::Planner,
        intent: None,
        steps: offered.collect::<BTreeMap<_, _>>(),
        effects: with_effects(known),
    };
    Scenario::forked(asked, &reuse)
}

fn reused(scenario: &Scenario) -> Vec<&str> {
    let steps = scenario
        .plan
        .as_ref()
        .unwrap()
        .plan
        .steps
        .iter()
        .zip(&scenario.task.steps);
    steps
        .filter(|(_, step)| step.reused)
        .map(|(step, _)| step.key.as_str())
        .collect()
}

fn argument(submission: &mut Submission, step: usize, value: Value) {
    let plan = submission.plan.as_mut().unwrap();
    plan.steps[step].arguments.insert("x".to_owned(), value);
}

#[test]
fn a_fork_of_a_finished_task_without_changes_is_judged_at_once() {
    let mut forked = fork(&done(DIAMOND), None, |_| {});
    assert_eq!(reused(&forked), ["a", "b", "c", "d"]);
    assert_eq!(
        (forked.status(), forked.queued()),
        (Status::Assessing, vec!["assess".to_owned()])
    );
    let told = forked.told();
    assert_eq!(told.iter().filter(|kind| **kind == "step.succeeded").count(), 4);
    assert_eq!(forked.event(EventKind::StepSucceeded)["reused"], true);
    assert_eq!(forked.event(EventKind::TaskPlanned)["origin"], "planner");
}

#[test]
fn from_a_step_on_it_and_what_depends_on_it_is_done_again() {
    let mut forked = fork(&done(DIAMOND), Some(1), |_| {});
    assert_eq!(reused(&forked), ["a", "c"]);
    assert_eq!(forked.queued(), ["b"]);
    forked.done("b");
    assert_eq!(forked.queued(), ["d"], "c stands");
    assert_eq!(reused(&forked), ["a", "c"]);
}

#[test]
fn another_argument_is_done_again_with_what_takes_its_output() {
    let forked = fork(&done(DIAMOND), None, |asked| argument(asked, 2, json!(7)));
    assert_eq!(reused(&forked), ["a", "b"]);
    assert_eq!(forked.queued(), ["c"]);
}

#[test]
fn the_same_output_again_leaves_what_takes_it_done() {
    let source = done("a b<a");
    let output = source.step("a").output.unwrap();
    let mut forked = fork(&source, Some(0), |_| {});
    assert_eq!(reused(&forked), [""; 0], "what follows from an output waits for it");
    forked.done("a");
    let again = forked.step("a").output.unwrap();
    assert_eq!(
        (again.hash == output.hash, forked.queued()),
        (true, vec!["b".to_owned()])
    );
}

#[test]
fn another_request_is_read_anew_by_all_that_can_read_it() {
    let source = done("a b<a");
    assert_eq!(
        reused(&fork(&source, None, |asked| asked.request = "another".to_owned())),
        [""; 0]
    );
    let tone = |asked: &mut Submission| drop(asked.preferences.insert("tone".to_owned(), json!("dry")));
    assert_eq!(reused(&fork(&source, None, tone)), [""; 0]);
    let foreign = fork(&done("a:foreign b<a"), None, |asked| {
        asked.request = "another".to_owned()
    });
    assert_eq!(reused(&foreign), ["a"], "it was never told the request");
    let label = |asked: &mut Submission| drop(asked.metadata.insert("team".to_owned(), "web".to_owned()));
    assert_eq!(
        reused(&fork(&source, None, label)),
        ["a", "b"],
        "labels are nobody's input"
    );
}

#[test]
fn an_outside_effect_is_taken_over_or_a_human_looks_at_its_repetition() {
    let mut source = Given::plan("a b:once<a c<b").start();
    source.done("a");
    source.sends_and_ends("b", EffectClass::Once);
    source.done("c");
    let kept = fork(&source, Some(2), |_| {});
    assert_eq!((reused(&kept), kept.queued()), (vec!["a", "b"], vec!["c".to_owned()]));

    let mut again = fork(&source, Some(1), |_| {});
    assert_eq!(
        (again.status(), again.queued()),
        (Status::AwaitingPlanReview, Vec::new())
    );
    again.gate(GateKind::Plan);
    again.answer(Action::Approve);
    assert_eq!(again.queued(), ["b"]);
    assert_eq!(reused(&again), ["a"]);
}

#[test]
fn no_repair_and_no_fork_of_a_fork_repeats_what_was_taken_over_by_itself() {
    let mut source = Given::plan("a:once").start();
    source.sends_and_ends("a", EffectClass::Once);
    let mut forked = fork(&source, None, |_| {});
    forked.judge(blaming("a"));
    assert_eq!((forked.queued(), forked.status()), (Vec::new(), Status::NeedsAttention));
    assert_eq!(forked.input(&retry(Some("a"), false)), Reply::Done);
    assert_eq!(reused(&forked), ["a"], "a retry has to say that it is sent again");

    let again = fork(&forked, Some(0), |_| {});
    assert_eq!(
        (again.status(), again.queued()),
        (Status::AwaitingPlanReview, Vec::new())
    );

    let mut sent = fork(&source, None, |_| {});
    sent.judge(blaming("a"));
    assert_eq!(sent.input(&retry(Some("a"), true)), Reply::Done);
    assert_eq!((sent.queued(), reused(&sent)), (vec!["a".to_owned()], vec![]));
}

#[test]
fn a_repair_of_what_was_taken_over_is_the_forks_own_work() {
    let mut forked = fork(&done("a b<a"), None, |_| {});
    forked.judge(blaming("b"));
    assert_eq!((forked.queued(), reused(&forked)), (vec!["b".to_owned()], vec!["a"]));
    assert_eq!(forked.step_status("a"), StepStatus::Succeeded);
}

#[test]
fn items_are_taken_over_with_their_list() {
    let source = done("a b*a c<b");
    let mut forked = fork(&source, Some(source.index("c")), |_| {});
    assert_eq!(reused(&forked), ["a", "b", "b/list", "b/0", "b/1"]);
    assert_eq!(forked.queued(), ["c"]);
    forked.work_until("assess");

    let mut forked = fork(&source, Some(source.index("b")), |_| {});
    assert_eq!(reused(&forked), ["a", "b/list"], "its items run again");
    assert_eq!(forked.queued(), ["b/0", "b/1"]);
    forked.work_until("assess");

    let forked = fork(&source, Some(source.index("b/1")), |_| {});
    assert_eq!(reused(&forked), ["a", "b/list", "b/0"]);
}

#[test]
fn items_that_acted_there_are_reviewed_before_they_act_again() {
    let mut source = Given::plan("a b:once*a").start();
    source.done("a");
    source.done("b/list");
    for key in ["b/0", "b/1"] {
        source.sends_and_ends(key, EffectClass::Once);
    }
    source.work_until("assess");
    for change in [
        |_: &mut Submission| {},
        |s: &mut Submission| s.request = "another".to_owned(),
    ] {
        let forked = fork(&source, Some(0), change);
        assert_eq!(forked.status(), Status::AwaitingPlanReview);
    }
}
