//! Rounds that make it worse: the better version is kept, and goes on from there.

use super::acts::{blaming, retry, says, score};
use super::given::Given;
use super::scenario::Scenario;
use std::collections::BTreeMap;
use workflow::input::Assessment;
use workflow::state::Step;
use workflow::vocabulary::{Action, AttentionReason, EffectClass, EventKind, Status};

/// `a`, then `b` and `c` side by side, then `d`; everything done, the judgement is awaited.
fn diamond(rounds: u32) -> Scenario {
    let mut s = Given::plan("a b<a c<a d<b,c")
        .policy(|p| p.max_refinements = rounds)
        .start();
    s.work_until("assess");
    s
}

/// That good, and not good enough, because of this step.
fn blamed(score: f64, key: &str, feedback: &str) -> Assessment {
    Assessment {
        scores: BTreeMap::from([("relevance".to_owned(), score)]),
        blamed: BTreeMap::from([(key.to_owned(), feedback.to_owned())]),
        ..Assessment::default()
    }
}

fn failing(score: f64, checks: &[(&str, &str)]) -> Assessment {
    let checks = checks.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned()));
    Assessment {
        failed_checks: checks.collect(),
        ..self::score(score)
    }
}

fn output(s: &Scenario, key: &str) -> String {
    s.text(s.step(key).output.unwrap().payload).to_owned()
}

fn feedback(s: &Scenario, key: &str) -> String {
    s.text(s.step(key).feedback.unwrap()).to_owned()
}

/// But for what it remembers of other rounds.
fn as_it_was(s: &Scenario, key: &str) -> Step {
    Step {
        others: Vec::new(),
        ..s.step(key).clone()
    }
}

#[test]
fn a_round_that_made_it_worse_is_taken_back_and_the_next_one_begins_from_the_better() {
    let mut s = diamond(3);
    let first = s.task.steps.clone();
    s.judge(blamed(0.4, "b", "name the shop"));
    s.outputs("b", "\"worse\"");
    s.done("d");
    s.judge(blamed(0.2, "d", "it rambles"));
    let told = s.event(EventKind::TaskAssessed);
    assert_eq!((&told["overall"], &told["kept_round"]), (&0.2.into(), &0.into()));
    assert_eq!(
        s.queued(),
        ["b"],
        "the better version's fault is mended, not the worse one's"
    );
    assert_eq!(feedback(&s, "b"), "\"name the shop\"");
    assert_eq!(as_it_was(&s, "d"), first[3]);
    let made: Vec<u32> = s.step("d").others.iter().map(|other| other.round).collect();
    assert_eq!(made, [1], "what the worse round made is remembered");
    s.outputs("b", "\"better\"");
    s.done("d");
    s.judge(blamed(0.45, "c", "shorter"));
    assert_eq!(s.event(EventKind::TaskAssessed).get("kept_round"), None);
    assert_eq!(
        (s.queued(), output(&s, "b")),
        (vec!["c".to_owned()], "\"better\"".to_owned())
    );
    s.outputs("c", "\"c, shorter\"");
    s.done("d");
    s.judge(score(1.0));
    assert_eq!((s.status(), &s.task.best), (Status::Formatting, &None));
}

#[test]
fn after_the_last_round_a_human_sees_the_better_version() {
    let mut s = diamond(1);
    let first = s.task.steps.clone();
    s.judge(blamed(0.4, "b", "name the shop"));
    s.outputs("b", "\"worse\"");
    s.done("d");
    s.judge(blamed(0.2, "d", "it rambles"));
    let attention = s.task.attention.clone().unwrap();
    assert_eq!(attention.reason, AttentionReason::QualityBelowThreshold);
    assert!(
        attention.detail.ends_with("round 0 was better and is kept"),
        "{}",
        attention.detail
    );
    assert_eq!(
        (as_it_was(&s, "b"), as_it_was(&s, "d")),
        (first[1].clone(), first[3].clone())
    );
    assert_eq!(s.task.quality.as_ref().map(|q| q.overall), Some(0.4));
    s.answer(Action::Retry);
    assert_eq!(
        (s.queued(), feedback(&s, "b")),
        (vec!["b".to_owned()], "\"name the shop\"".to_owned())
    );
}

#[test]
fn a_check_that_holds_is_worth_more_than_a_score() {
    let mut s = diamond(3);
    s.judge(failing(0.9, &[("c", "no link")]));
    s.outputs("c", "\"with a link\"");
    s.done("d");
    s.judge(blamed(0.2, "b", "duller"));
    assert_eq!(s.event(EventKind::TaskAssessed).get("kept_round"), None);
    assert_eq!(s.queued(), ["b"]);
    assert_eq!(output(&s, "c"), "\"with a link\"");
}

#[test]
fn of_failed_checks_the_earliest_is_to_blame_and_the_others_are_told() {
    let mut s = diamond(3);
    let before = s.task.steps.clone();
    s.judge(failing(1.0, &[("b", "no price"), ("d", "no total")]));
    assert_eq!(s.queued(), ["b"]);
    assert_eq!(s.event(EventKind::TaskAssessed)["blamed"], serde_json::json!(["b"]));
    s.outputs("b", "\"with a price\"");
    assert_eq!(
        (s.queued(), feedback(&s, "d")),
        (vec!["d".to_owned()], "\"no total\"".to_owned())
    );
    assert_eq!(s.step("c"), &before[2]);
}

#[test]
fn what_a_step_was_told_and_did_not_come_to_heed_ends_with_its_version() {
    let mut s = diamond(3);
    s.judge(failing(1.0, &[("b", "no price"), ("d", "no total")]));
    s.outputs("b", "\"b 0\"");
    assert_eq!(
        (s.queued(), feedback(&s, "d")),
        (vec!["assess".to_owned()], "\"no total\"".to_owned())
    );
    s.judge(score(1.0));
    assert_eq!((s.status(), s.step("d").feedback), (Status::Formatting, None));
}

#[test]
fn what_cannot_run_again_is_no_cause_that_others_wait_for() {
    let mut s = Given::plan("a:once b<a").start();
    s.sends_and_ends("a", EffectClass::Once);
    s.done("b");
    s.judge(failing(1.0, &[("a", "no receipt"), ("b", "no total")]));
    assert_eq!(s.queued(), ["b"]);
}

#[test]
fn what_a_human_asked_for_is_not_measured_against_what_was_before() {
    let mut s = diamond(1);
    s.judge(blamed(0.4, "b", "name the shop"));
    s.outputs("b", "\"second\"");
    s.done("d");
    s.judge(blamed(0.45, "b", "name the shop"));
    let mut revise = says(Action::Revise);
    revise.feedback = Some("as a poem".to_owned());
    s.human(revise);
    s.outputs("b", "\"a poem\"");
    s.done("d");
    s.judge(blaming("b"));
    assert_eq!(output(&s, "b"), "\"a poem\"");
    assert_eq!(s.event(EventKind::TaskAssessed).get("kept_round"), None);
}

#[test]
fn each_judgement_keeps_its_round_however_often_a_round_is_judged() {
    let mut s = diamond(1);
    s.judge(blamed(0.4, "b", "name the shop"));
    s.outputs("b", "\"worse\"");
    s.done("d");
    s.judge(blamed(0.2, "d", "it rambles"));
    assert_eq!(
        s.task.attention.as_ref().unwrap().reason,
        AttentionReason::QualityBelowThreshold
    );
    // A person has a step run again in the same round.
    s.input(&retry(Some("d"), false));
    s.done("d");
    s.judge(score(1.0));
    assert_eq!((s.task.round, s.task.judged.as_slice()), (1, [0, 1, 1].as_slice()));
}
