//! What policy lets through by itself, rule by rule.

use super::acts::{question, score};
use super::given::Given;
use super::scenario::Scenario;
use std::collections::BTreeMap;
use workflow::risk::Risk;
use workflow::submission::{AutoApproval, Policy};
use workflow::vocabulary::{
    Action, AskKind, AttentionReason, EffectClass, EventKind, GateKind, Status, StepStatus, ToolState,
};

fn rule(name: &str) -> AutoApproval {
    AutoApproval {
        name: name.to_owned(),
        channels: Vec::new(),
        tools: Vec::new(),
        max_risk: None,
        min_quality: None,
    }
}

/// The task publishes to `blog`, which can be repeated, and to `linkedin`, which cannot.
fn asks(notation: &str, rules: Vec<AutoApproval>) -> Given {
    Given::plan(notation).policy(|policy: &mut Policy| {
        policy.auto_approve = true;
        policy.auto_approve_min_quality = 0.5;
        policy.auto_approval = rules;
        policy.channel_effects = BTreeMap::from([
            ("blog".to_owned(), EffectClass::Keyed),
            ("linkedin".to_owned(), EffectClass::Once),
        ]);
    })
}

/// Who approved; none: a human is asked.
fn approved_by(rules: Vec<AutoApproval>, channels: &[&str], overall: f64) -> Option<String> {
    let mut s = asks("a", rules).channels(channels).start();
    s.done("a");
    s.judge(score(overall));
    while let Some(label) = s.queued().into_iter().find(|label| label.starts_with("format")) {
        s.done(&label);
    }
    match s.status() {
        Status::AwaitingApproval => None,
        Status::Publishing | Status::Completed => Some(
            s.event(EventKind::TaskPublishing)["approved_by"]
                .as_str()
                .unwrap()
                .to_owned(),
        ),
        other => panic!("{other}"),
    }
}

#[test]
fn the_first_rule_that_fits_decides_and_what_fits_none_is_asked() {
    let channels = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let blog = AutoApproval {
        channels: channels(&["blog"]),
        min_quality: Some(0.9),
        ..rule("blog")
    };
    let safe = AutoApproval {
        max_risk: Some(Risk::Medium),
        ..rule("safe")
    };
    let call = AutoApproval {
        tools: vec!["asks".to_owned(), "asks_once".to_owned()],
        ..rule("call")
    };
    let both = vec![blog.clone(), safe.clone()];
    for (rules, to, overall, expected) in [
        (vec![], &["blog", "linkedin"][..], 0.5, Some("policy")),
        (vec![call.clone()], &["blog", "linkedin"], 0.5, Some("policy")),
        (vec![rule("any")], &["blog", "linkedin"], 0.5, Some("policy:any")),
        (both.clone(), &["blog"], 0.95, Some("policy:blog")),
        // The first that fits is not content; the second is not asked.
        (both.clone(), &["blog"], 0.8, None),
        (both.clone(), &["blog", "linkedin"], 1.0, None),
        (vec![safe.clone()], &["blog"], 0.5, Some("policy:safe")),
        (vec![safe.clone()], &["linkedin"], 1.0, None),
        // Nobody knows what repeating a publication there does.
        (vec![safe.clone()], &["fax"], 1.0, None),
        (vec![safe], &[], 0.5, Some("policy:safe")),
        (vec![blog], &[], 1.0, None),
    ] {
        let names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
        let found = approved_by(rules.clone(), to, overall);
        assert_eq!(found.as_deref(), expected, "{names:?} {to:?} {overall}");
    }
}

#[test]
fn no_rule_answers_for_a_task_that_did_not_ask() {
    let mut s = asks("a", vec![rule("any")])
        .policy(|policy| policy.auto_approve = false)
        .start();
    s.work();
    assert_eq!(s.status(), Status::AwaitingApproval);
}

fn calls(max_risk: Option<Risk>) -> Vec<AutoApproval> {
    vec![AutoApproval {
        tools: vec!["asks".to_owned(), "asks_once".to_owned()],
        max_risk,
        ..rule("calls")
    }]
}

fn asked(notation: &str, rules: Vec<AutoApproval>) -> Scenario {
    let mut s = asks(notation, rules).accept().unwrap();
    let run = s.run("a");
    s.told();
    s.end(&run, question(AskKind::Approval, "a"));
    s
}

#[test]
fn a_rule_that_names_a_tool_lets_its_calls_through_on_record() {
    let mut s = asked("a:asks_once", calls(None));
    assert_eq!(s.queued(), ["a"]);
    assert!(s.task.gates.is_empty());
    let decided = s.task.decided.last().unwrap();
    assert_eq!((decided.kind, decided.actor.as_str()), (GateKind::Step, "policy:calls"));
    let told = s.told();
    assert!(
        told.contains(&"gate.decided") && !told.contains(&"gate.opened"),
        "{told:?}"
    );
    let let_through = s.step("a").asked.as_ref().unwrap();
    assert_eq!(
        let_through.approved,
        Some(let_through.question.payload),
        "the very question"
    );
    s.done("a");
    assert_eq!(s.step_status("a"), StepStatus::Succeeded);
}

#[test]
fn what_no_rule_names_and_what_is_too_risky_is_asked_of_a_human() {
    for (tool, rules, opened) in [
        ("asks", vec![], 1),
        ("asks", vec![rule("any")], 1),
        ("asks", calls(Some(Risk::Low)), 0),
        ("asks_once", calls(Some(Risk::Medium)), 1),
        ("asks_once", calls(Some(Risk::High)), 0),
    ] {
        let s = asked(&format!("a:{tool}"), rules.clone());
        assert_eq!(s.task.gates.len(), opened, "{tool} {rules:?}");
    }
}

#[test]
fn what_a_tool_asks_by_itself_no_rule_answers() {
    let mut s = asked("a:asks", calls(None));
    let run = s.run("a");
    s.end(&run, question(AskKind::Input, "a"));
    assert_eq!((s.status(), s.task.gates.len()), (Status::AwaitingStepApproval, 1));
}

#[test]
fn what_expired_before_a_human_goes_to_a_human_again_and_a_tool_out_of_use_is_let_through_by_nobody() {
    let mut s = asked("a:asks", vec![]);
    s.wait(3601.0);
    assert_eq!(s.reason(), Some(AttentionReason::GateExpired));
    s.submission.policy.auto_approval = calls(None);
    s.answer(Action::Retry);
    assert_eq!(s.task.gates.len(), 1, "a human is asked again");
    let mut s = asks("a:asks", calls(None)).accept().unwrap();
    let run = s.run("a");
    s.put("asks", ToolState::Suspended);
    s.end(&run, question(AskKind::Approval, "a"));
    assert_eq!(s.task.gates.len(), 1);
}
