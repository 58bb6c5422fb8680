//! What people decide says something of judgements, and a judge that people do not agree with approves nothing.

use super::acts::{says, score};
use super::given::Given;
use super::scenario::Scenario;
use std::collections::BTreeMap;
use workflow::agreement::Counts;
use workflow::decision::{Refusal, Reply};
use workflow::deliverable::DeliverableRule;
use workflow::input::{Assessment, Decision};
use workflow::judge::{Floor, Judge, Judges, OVERALL};
use workflow::submission::{AutoApproval, Dimension};
use workflow::vocabulary::{Action, AttentionReason, EventKind, GateKind, Status};

/// Judged in relevance and tone, and published to `blog`.
fn given() -> Given {
    Given::plan("a").channels(&["blog"]).policy(|policy| {
        let tone = Dimension {
            weight: 1.0,
            floor: 0.4,
        };
        policy.dimensions.insert("tone".to_owned(), tone);
        policy.max_refinements = 0;
    })
}

fn judged(given: Given, overall: f64) -> Scenario {
    judged_by(given, overall, &["openai/small"])
}

fn judged_by(given: Given, overall: f64, models: &[&str]) -> Scenario {
    let mut s = given.start();
    s.done("a");
    judge_again(&mut s, overall, models);
    s
}

fn judge_again(s: &mut Scenario, overall: f64, models: &[&str]) {
    let scores = BTreeMap::from([("relevance".to_owned(), overall), ("tone".to_owned(), overall)]);
    s.judge(Assessment {
        scores,
        judge: judge(models),
        ..score(overall)
    });
    while let Some(label) = s.queued().into_iter().find(|label| label.starts_with("format")) {
        s.done(&label);
    }
}

fn judge(models: &[&str]) -> Judge {
    Judge::named(models.iter().copied(), ["judge@2"].into_iter())
}

fn naming(action: Action, dimensions: &[&str]) -> Decision {
    Decision {
        dimensions: dimensions.iter().map(|name| (*name).to_owned()).collect(),
        ..says(action)
    }
}

/// The only label, in words: `overall bad, tone bad`.
fn labels(s: &Scenario) -> Vec<String> {
    let word = |good: &bool| if *good { "good" } else { "bad" };
    let told = |good: &BTreeMap<String, bool>| -> Vec<String> {
        good.iter()
            .map(|(name, good)| format!("{name} {}", word(good)))
            .collect()
    };
    s.labels.iter().map(|label| told(&label.good).join(", ")).collect()
}

#[test]
fn what_a_person_decides_about_a_result_labels_its_judgement() {
    let all_good = "overall good, relevance good, tone good";
    for (overall, decision, expected) in [
        (0.9, says(Action::Approve), all_good),
        (
            0.9,
            naming(Action::Approve, &["tone"]),
            "overall good, relevance good, tone bad",
        ),
        (0.9, says(Action::Reject), "overall bad"),
        (0.9, naming(Action::Reject, &["tone"]), "overall bad, tone bad"),
        (
            0.9,
            naming(Action::Revise, &["relevance"]),
            "overall bad, relevance bad",
        ),
        // Not found good enough, and a person looks.
        (0.1, says(Action::Approve), all_good),
        (0.1, naming(Action::Revise, &["tone"]), "overall bad, tone bad"),
        (0.1, says(Action::Reject), "overall bad"),
    ] {
        let mut s = judged(given(), overall);
        let version = s.task.quality.clone().unwrap();
        let words = format!("{overall} {} {:?}", decision.action, decision.dimensions);
        assert_eq!(s.human(decision), Reply::Done, "{words}");
        assert_eq!(labels(&s), [expected], "{words}");
        let label = &s.labels[0];
        assert_eq!((label.actor.as_str(), label.at), ("ann", s.now));
        assert_eq!(label.quality, version, "it is about what was looked at");
        assert_eq!(label.quality.judge, judge(&["openai/small"]));
    }
}

#[test]
fn what_is_edited_first_was_not_good_enough_to_go_out() {
    let edited = |text: &str| Decision {
        edits: BTreeMap::from([("blog".to_owned(), text.to_owned())]),
        ..says(Action::Edit)
    };
    let mut s = judged(given(), 0.9);
    let content = s.task.deliveries[0].content.unwrap().payload;
    let same = s.text(content).to_owned();
    s.human(edited("\"another text\""));
    assert_eq!(labels(&s), ["overall bad"]);
    let mut s = judged(given(), 0.9);
    s.human(edited(&same));
    assert_eq!(
        labels(&s),
        ["overall good, relevance good, tone good"],
        "nothing was changed"
    );
}

#[test]
fn what_a_broken_rule_tells_is_not_the_judges_fault() {
    let rule = DeliverableRule {
        required: vec!["VAT".to_owned()],
        ..DeliverableRule::default()
    };
    for (decision, expected) in [
        (says(Action::Reject), None),
        (naming(Action::Reject, &["tone"]), Some("tone bad")),
    ] {
        let mut s = judged(
            given().policy(|policy| policy.deliverable_rules = vec![rule.clone()]),
            0.9,
        );
        s.human(decision);
        assert_eq!(labels(&s).first().map(String::as_str), expected);
    }
}

#[test]
fn what_an_older_version_broke_says_nothing_of_a_newer_judgement() {
    let rule = DeliverableRule {
        required: vec!["VAT".to_owned()],
        ..DeliverableRule::default()
    };
    let broken = given().policy(|policy| {
        policy.deliverable_rules = vec![rule];
        policy.max_refinements = 1;
    });
    // Good enough but for the rule: it is sent back, and comes out worse.
    let mut s = judged(broken, 0.9);
    s.outputs("a", "\"another\"");
    judge_again(&mut s, 0.1, &["openai/small"]);
    assert_eq!(s.reason(), Some(AttentionReason::QualityBelowThreshold));
    s.answer(Action::Reject);
    assert_eq!(labels(&s), ["overall bad"]);
}

#[test]
fn a_decision_after_the_gate_before_publication_expired_is_about_the_result() {
    for (decision, expected) in [
        (says(Action::Approve), "overall good, relevance good, tone good"),
        (naming(Action::Reject, &["tone"]), "overall bad, tone bad"),
    ] {
        let mut s = judged(given(), 0.9);
        s.wait(3601.0);
        assert_eq!(s.reason(), Some(AttentionReason::GateExpired));
        assert_eq!(s.human(decision), Reply::Done);
        assert_eq!(labels(&s), [expected]);
    }
    let mut s = given().policy(|policy| policy.plan_review = true).accept().unwrap();
    s.wait(3601.0);
    assert_eq!(s.reason(), Some(AttentionReason::GateExpired));
    s.answer(Action::Approve);
    assert_eq!(labels(&s), [""; 0], "a plan is no result, in time or after it");
}

#[test]
fn only_a_persons_word_on_a_result_is_a_label() {
    let by_model = Decision {
        by_model: true,
        ..says(Action::Approve)
    };
    let mut s = judged(given(), 0.9);
    assert_eq!(s.human(by_model), Reply::Done);
    assert_eq!(labels(&s), [""; 0], "a model said so");
    let mut s = judged(given(), 0.9);
    s.wait(3601.0);
    assert_eq!(s.reason(), Some(AttentionReason::GateExpired));
    assert_eq!(labels(&s), [""; 0], "nobody said anything");
    for action in [Action::Retry, Action::Cancel] {
        let mut s = judged(given(), 0.1);
        s.answer(action);
        assert_eq!(labels(&s), [""; 0], "{action} says nothing of the result");
    }
    let mut s = judged(automatic(given()), 0.9);
    assert_eq!(s.status(), Status::Publishing);
    assert_eq!(labels(&s), [""; 0], "policy is nobody");
    s.work();
    let mut s = given().policy(|policy| policy.plan_review = true).accept().unwrap();
    s.answer(Action::Approve);
    assert_eq!(labels(&s), [""; 0], "a plan is no result");
}

#[test]
fn a_repeated_decision_is_one_label_and_another_version_has_another() {
    let mut s = judged(given(), 0.9);
    let revise = says(Action::Revise);
    s.human(revise.clone());
    s.human(revise);
    let late = s.human(says(Action::Approve));
    assert!(matches!(late, Reply::Refused(_)), "{late:?}");
    assert_eq!(labels(&s), ["overall bad"]);
    s.outputs("a", "\"better\"");
    judge_again(&mut s, 0.9, &["openai/small"]);
    s.answer(Action::Approve);
    assert_eq!(s.labels.len(), 2);
    assert_ne!(s.labels[0].quality.payload, s.labels[1].quality.payload);
}

#[test]
fn dimensions_are_those_the_task_is_judged_in_and_named_of_results() {
    let unknown = |name: &str| Reply::Refused(Refusal::UnknownDimension(name.to_owned()));
    let mut s = judged(given(), 0.9);
    assert_eq!(s.human(naming(Action::Revise, &["tone", "style"])), unknown("style"));
    assert_eq!(s.human(naming(Action::Revise, &[OVERALL])), unknown(OVERALL));
    assert_eq!(s.status(), Status::AwaitingApproval);
    let refused = |reply: Reply| matches!(reply, Reply::Refused(Refusal::WrongState(_)));
    assert!(refused(s.human(naming(Action::Cancel, &["tone"]))));
    let mut s = given().policy(|policy| policy.plan_review = true).accept().unwrap();
    assert!(refused(s.human(naming(Action::Revise, &["tone"]))));
    assert_eq!(labels(&s), [""; 0]);
}

fn automatic(given: Given) -> Given {
    given.policy(|policy| {
        policy.auto_approve = true;
        policy.auto_approve_min_quality = 0.5;
    })
}

/// People agreed with these models so often.
fn judges(tenant: &str, models: &[&str], agreed: u64, n: u64) -> Judges {
    let mut judges = Judges::new(Some(Floor {
        agreement: 0.7,
        min_labels: 10,
    }));
    let counts = Counts {
        both_good: agreed,
        only_judge_good: n - agreed,
        ..Counts::default()
    };
    judges.add(tenant, judge(models), OVERALL, counts);
    judges
}

/// Whether a result that these models judge goes out by itself.
fn goes_out(judges: Judges, models: &[&str]) -> bool {
    let mut s = automatic(given()).start();
    s.judges = judges;
    s.done("a");
    judge_again(&mut s, 0.9, models);
    s.status() == Status::Publishing
}

#[test]
fn a_judge_below_the_floor_approves_nothing() {
    let (small, both) = (&["openai/small"][..], &["openai/large", "openai/small"][..]);
    for (agreed, n, expected) in [
        (6, 10, false),
        (7, 10, true),
        (9, 10, true),
        (0, 9, true),
        (69, 100, false),
    ] {
        let measured = judges("default", small, agreed, n);
        assert_eq!(goes_out(measured, small), expected, "{agreed} of {n}");
    }
    let bad = || judges("default", small, 0, 10);
    assert!(goes_out(bad(), &["openai/large"]), "another model");
    assert!(!goes_out(bad(), both), "it had a part in it");
    assert!(!goes_out(judges("default", both, 0, 10), both));
    assert!(
        goes_out(judges("default", both, 0, 10), small),
        "nobody knows whose fault it was"
    );
    assert!(
        goes_out(judges("other", small, 0, 10), small),
        "another tenant's people"
    );
    let mut only_tone = Judges::new(bad().floor());
    let disagreed = Counts {
        only_judge_good: 50,
        ..Counts::default()
    };
    only_tone.add("default", judge(small), "tone", disagreed);
    assert!(goes_out(only_tone, small), "the whole is what counts");
    assert!(goes_out(Judges::new(None), small));
}

#[test]
fn a_human_is_asked_instead_and_told_why_whatever_rule_would_have_let_it_out() {
    let rule = AutoApproval {
        name: "blog".to_owned(),
        channels: vec!["blog".to_owned()],
        tools: Vec::new(),
        max_risk: None,
        min_quality: Some(0.8),
    };
    for rules in [vec![], vec![rule]] {
        let mut s = automatic(given()).policy(|policy| policy.auto_approval = rules).start();
        s.judges = judges("default", &["openai/small"], 3, 10);
        s.done("a");
        judge_again(&mut s, 0.9, &["openai/small"]);
        assert_eq!(s.status(), Status::AwaitingApproval);
        let why = "people agreed with the judge openai/small (judge@2) in 3 of 10 decisions (0.30); to approve by itself \
                   it needs 0.70";
        assert_eq!(s.task.gates[0].withheld.as_deref(), Some(why));
        assert_eq!(s.event(EventKind::GateOpened)["withheld"], why);
        s.answer(Action::Approve);
        s.work();
        assert_eq!(s.status(), Status::Completed);
        assert_eq!(
            labels(&s),
            ["overall good, relevance good, tone good"],
            "and that is a label"
        );
    }
}

#[test]
fn a_gate_that_policy_would_not_have_answered_anyway_says_nothing_of_the_judge() {
    for given in [
        given(),
        automatic(given()).policy(|policy| policy.auto_approve_min_quality = 0.95),
    ] {
        let mut s = given.start();
        s.judges = judges("default", &["openai/small"], 0, 10);
        s.done("a");
        judge_again(&mut s, 0.9, &["openai/small"]);
        assert_eq!(
            (s.task.gates[0].kind, &s.task.gates[0].withheld),
            (GateKind::Publication, &None)
        );
    }
}

#[test]
fn what_an_assessor_calls_its_judge_is_kept_within_bounds() {
    let long = "x".repeat(500);
    let names: Vec<String> = (0..50).map(|n| format!("{n:02}\0\n{long}")).collect();
    let judge = Judge::named(names.iter().map(String::as_str), ["", "b", "a", "b"].into_iter());
    assert_eq!(judge.models.len(), 8);
    assert!(
        judge
            .models
            .iter()
            .all(|name| name.len() == 120 && !name.contains(['\0', '\n']))
    );
    assert_eq!(judge.prompts, ["a", "b"]);
    assert_eq!(Judge::default().to_string(), "unnamed");
}
