//! Rounds: what a judgement sends back, and what must run again because of it.

use super::acts::{blaming, says, score};
use super::given::Given;
use super::scenario::Scenario;
use workflow::decision::Reply;
use workflow::input::{Assessment, Body, Outcome};
use workflow::submission::{Dimension, OnExhausted};
use workflow::vocabulary::{Action, AttentionReason, EffectClass, EventKind, Status, StepStatus};

/// `a`, then `b` and `c` side by side, then `d`; everything done, the judgement is awaited.
fn diamond() -> Scenario {
    let mut s = Given::plan("a b<a c<a d<b,c").start();
    s.work_until("assess");
    s.told();
    s
}

#[test]
fn only_the_blamed_step_runs_again_while_its_output_stays_the_same() {
    let mut s = diamond();
    let before = s.task.steps.clone();
    s.judge(blaming("b"));
    assert_eq!((s.status(), s.task.round), (Status::Refining, 1));
    assert_eq!(s.queued(), ["b"]);
    let feedback = s.step("b").feedback.unwrap();
    assert_eq!(s.text(feedback), "\"shorter\"");
    assert_eq!(s.told(), ["task.assessed", "task.refining", "step.queued"]);
    assert_eq!(s.event(EventKind::TaskRefining)["steps"], serde_json::json!(["b"]));

    s.outputs("b", "\"b 0\"");
    assert_eq!(s.queued(), ["assess"], "the same bytes send nobody back to work");
    assert_eq!(s.step("b").output, before[1].output);
    assert_eq!(s.step("b").round, 1);
    assert_eq!(s.step("d"), &before[3]);
}

#[test]
fn what_takes_a_changed_output_runs_again_and_its_siblings_do_not() {
    let mut s = diamond();
    s.judge(blaming("b"));
    s.outputs("b", "\"better\"");
    assert_eq!(s.queued(), ["d"]);
    s.done("d");
    assert_eq!(s.queued(), ["assess"]);
    assert_eq!((s.step("c").round, s.step("d").round), (0, 1));
}

#[test]
fn what_only_waits_for_a_step_does_not_run_again_with_it() {
    let mut s = Given::plan("a b~a").start();
    s.work_until("assess");
    s.judge(blaming("a"));
    s.outputs("a", "\"better\"");
    assert_eq!(s.queued(), ["assess"]);
}

#[test]
fn where_nobody_is_blamed_the_last_steps_are() {
    let mut s = Given::plan("a b<a c<a").start();
    s.work_until("assess");
    s.judge(score(0.1));
    assert_eq!(s.queued(), ["b", "c"]);
}

#[test]
fn blame_on_a_step_that_does_not_exist_is_blame_on_nobody() {
    let mut s = diamond();
    s.judge(blaming("zzz"));
    assert_eq!(s.queued(), ["d"]);
}

#[test]
fn a_failing_check_fails_the_best_score_and_blames_its_step() {
    let mut s = diamond();
    s.judge(Assessment {
        failed_checks: [("c".to_owned(), "no link".to_owned())].into(),
        ..score(1.0)
    });
    assert_eq!(s.queued(), ["c"]);
    assert_eq!(s.event(EventKind::TaskAssessed)["passed"], false);
    let feedback = s.step("c").feedback.unwrap();
    assert_eq!(s.text(feedback), "\"no link\"");
}

#[test]
fn a_judgement_passes_from_the_threshold_on_and_in_every_dimension_from_its_floor_on() {
    for (threshold, floor, style, passes) in [
        // Facts are perfect and count three times as much.
        (0.75, 0.0, Some(0.0), true),
        (0.76, 0.0, Some(0.0), false),
        (0.5, 0.3, Some(0.3), true),
        (0.5, 0.3, Some(0.29), false),
        // A threshold below the floor caps it.
        (0.2, 0.6, Some(0.2), true),
        // What was not judged does not pass, and neither does what is no number.
        (0.0, 0.0, None, false),
        (0.0, 0.0, Some(f64::NAN), false),
    ] {
        let mut s = Given::plan("a")
            .policy(|p| {
                p.threshold = threshold;
                let facts = Dimension {
                    weight: 3.0,
                    floor: 0.0,
                };
                let style = Dimension { weight: 1.0, floor };
                p.dimensions = [("facts".to_owned(), facts), ("style".to_owned(), style)].into();
            })
            .start();
        s.done("a");
        let scores = style.map(|v| ("style".to_owned(), v)).into_iter();
        s.judge(Assessment {
            scores: scores.chain([("facts".to_owned(), 1.0)]).collect(),
            ..Assessment::default()
        });
        let passed = s.status() == Status::Formatting;
        assert_eq!(passed, passes, "{style:?} at threshold {threshold}, floor {floor}");
    }
}

#[test]
fn after_the_last_round_a_human_decides() {
    let spent = || {
        let mut s = Given::plan("a").policy(|p| p.max_refinements = 1).start();
        s.done("a");
        s.judge(score(0.1));
        s.done("a");
        s.judge(score(0.1));
        assert_eq!(s.reason(), Some(AttentionReason::QualityBelowThreshold));
        s
    };
    for (action, status, round) in [
        (Action::Approve, Status::Formatting, 1),
        (Action::Revise, Status::Refining, 2),
        (Action::Retry, Status::Refining, 2),
        (Action::Reject, Status::Rejected, 1),
        (Action::Cancel, Status::Cancelled, 1),
    ] {
        let mut s = spent();
        s.answer(action);
        assert_eq!((s.status(), s.task.round), (status, round), "{action}");
    }
}

#[test]
fn quality_that_stays_low_fails_the_task_where_policy_says_so() {
    let mut s = Given::plan("a")
        .policy(|p| {
            p.max_refinements = 0;
            p.on_exhausted = OnExhausted::Fail;
        })
        .start();
    s.done("a");
    s.judge(score(0.1));
    assert_eq!(s.status(), Status::Failed);
}

#[test]
fn a_humans_feedback_reaches_the_next_round() {
    let mut s = Given::plan("a").policy(|p| p.max_refinements = 0).start();
    s.done("a");
    s.judge(score(0.1));
    let mut revise = says(Action::Revise);
    revise.feedback = Some("name the shop".to_owned());
    assert_eq!(s.human(revise), Reply::Done);
    let feedback = s.step("a").feedback.unwrap();
    assert_eq!(s.text(feedback), "\"name the shop\"");
    s.done("a");
    assert_eq!(s.step("a").feedback, None, "heeded");
}

#[test]
fn a_step_with_an_outside_effect_is_not_repaired() {
    let mut s = Given::plan("a b:once<a c<b").start();
    s.done("a");
    s.sends_and_ends("b", EffectClass::Once);
    s.work_until("assess");
    s.judge(blaming("b"));
    assert_eq!(s.reason(), Some(AttentionReason::QualityBelowThreshold));

    s.answer(Action::Approve);
    s.work();
    assert_eq!(s.status(), Status::AwaitingApproval);
}

#[test]
fn the_answer_of_an_outside_effect_stands_when_its_input_changes() {
    let mut s = Given::plan("a b:once<a c<a").start();
    s.done("a");
    s.sends_and_ends("b", EffectClass::Once);
    s.work_until("assess");
    s.judge(blaming("a"));
    s.outputs("a", "\"better\"");
    assert_eq!(s.queued(), ["c"]);
}

#[test]
fn a_step_that_is_skipped_in_a_later_round_takes_its_dependents_along_and_brings_them_back() {
    for plan in ["a b<a", "a b~a"] {
        let mut s = Given::plan(plan).start();
        s.work_until("assess");
        s.judge(blaming("a"));
        let run = s.take("a");
        let reason = "not needed".to_owned();
        s.end(&run, Outcome::Skipped { reason });
        assert_eq!(s.step_status("b"), StepStatus::Skipped, "{plan}");
        assert_eq!(s.step("a").output, None, "{plan}: what was skipped has no output");

        s.judge(blaming("a"));
        let run = s.take("a");
        s.end(&run, Outcome::Output(Body::new("\"a 0\"")));
        assert_eq!(s.queued(), ["b"], "{plan}");
    }
}
