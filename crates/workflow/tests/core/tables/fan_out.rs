//! Steps that run once an item of a list.

use super::acts::{blaming, broken, list, list_of, retry, score};
use super::given::{Given, MAX_ITEMS};
use super::scenario::Scenario;
use serde_json::{Value, json};
use workflow::decision::Reply;
use workflow::input::Assessment;
use workflow::state::EffectState;
use workflow::vocabulary::{Action, AttentionReason, EffectClass, EventKind, GateKind, Status, StepStatus};

/// `a`, then `b` once an item of what `a` made, then `c`; the list of two items is there.
fn listed() -> Scenario {
    let mut s = Given::plan("a b*a c<b").start();
    s.done("a");
    s.done("b/list");
    s
}

#[test]
fn items_run_side_by_side_and_what_takes_the_step_waits_for_all_of_them() {
    let mut s = Given::plan("a b*a c<b").start();
    assert_eq!(s.queued(), ["a"]);
    s.done("a");
    assert_eq!(s.queued(), ["b/list"]);
    s.lists("b/list", 3, "");
    assert_eq!(s.queued(), ["b/0", "b/1", "b/2"]);
    s.done("b/2");
    s.done("b/0");
    assert_eq!(s.queued(), ["b/1"]);
    s.done("b/1");
    assert_eq!(s.queued(), ["b"]);
    s.done("b");
    assert_eq!(s.queued(), ["c"]);
    s.work_until("assess");

    let plan = s.plan.clone().unwrap();
    let of = |key: &str| plan.plan.steps[usize::from(s.index(key))].clone();
    assert_eq!(of("b/1").tool_id, "pure");
    assert_eq!(
        json!(of("b/1").arguments),
        json!({"item": {"$step": "b/list", "pointer": "/items/1"}})
    );
    let whole = |key: &str| json!({"$step": key, "pointer": ""});
    assert_eq!(
        json!(of("b").arguments),
        json!({"items": [whole("b/0"), whole("b/1"), whole("b/2")]})
    );
    assert_eq!(
        json!(plan.document()),
        json!(s.submission.plan),
        "what was written is kept"
    );
}

#[test]
fn no_item_is_a_result_too() {
    let mut s = Given::plan("a b*a c<b").start();
    s.done("a");
    s.lists("b/list", 0, "");
    assert_eq!(s.queued(), ["b"]);
    s.work_until("assess");
    assert_eq!(s.step_status("c"), StepStatus::Succeeded);
}

#[test]
fn a_list_that_is_too_long_fails_before_any_item_runs() {
    let mut s = Given::plan("a b*a c<b").start();
    s.done("a");
    let run = s.take("b/list");
    s.end(&run, list(u32::from(MAX_ITEMS) + 1, ""));
    assert_eq!(s.queued(), [""; 0]);
    assert_eq!(s.status(), Status::NeedsAttention);
    assert_eq!(
        s.task.attention.as_ref().unwrap().reason,
        AttentionReason::AttemptsExhausted
    );
    assert_eq!(s.step("b/list").error.as_ref().unwrap().code, "too_many_items");
    assert_eq!(s.task.steps.len(), 4, "nothing joined the plan");
}

#[test]
fn who_lists_nothing_or_lists_for_nobody_has_failed() {
    let mut s = Given::plan("a b*a c<b").start();
    let run = s.take("a");
    s.end(&run, list(2, ""));
    assert_eq!(s.step("a").error.as_ref().unwrap().code, "worker_protocol");

    let mut s = Given::plan("a b*a").start();
    s.done("a");
    let run = s.take("b/list");
    s.end(&run, workflow::input::Outcome::Output(workflow::input::Body::new("{}")));
    assert_eq!(s.step("b/list").error.as_ref().unwrap().code, "worker_protocol");
}

#[test]
fn a_blamed_item_runs_again_alone() {
    let mut s = listed();
    s.work_until("assess");
    s.judge(blaming("b/1"));
    assert_eq!(s.queued(), ["b/1"]);
    s.outputs("b/1", "\"better\"");
    assert_eq!(s.queued(), ["b"]);
    s.outputs("b", "\"gathered anew\"");
    assert_eq!(s.queued(), ["c"]);
    s.done("c");
    assert_eq!((s.step("b/0").round, s.step("b/1").round), (0, 1));
}

#[test]
fn blame_on_the_whole_is_on_its_items_and_blame_on_the_list_on_its_source() {
    let mut s = listed();
    s.work_until("assess");
    s.judge(blaming("b"));
    assert_eq!(s.queued(), ["b/0", "b/1"]);
    assert_eq!(s.event(EventKind::TaskRefining)["steps"], json!(["b/0", "b/1"]));

    let mut s = listed();
    s.work_until("assess");
    s.judge(blaming("b/list"));
    assert_eq!(s.queued(), ["a"]);

    let mut s = Given::plan("a b*a").start();
    s.done("a");
    s.done("b/list");
    s.work_until("assess");
    s.judge(score(0.1));
    assert_eq!(s.queued(), ["b/0", "b/1"], "nobody is blamed: the last ones are");
}

#[test]
fn another_list_has_more_items_or_fewer() {
    let mut s = listed();
    s.work_until("assess");
    s.judge(blaming("a"));
    s.outputs("a", "\"longer\"");
    s.lists("b/list", 3, "longer");
    assert_eq!(s.queued(), ["b/0", "b/1", "b/2"], "each follows from the list");
    s.work_until("assess");
    s.judge(blaming("a"));
    s.outputs("a", "\"shorter\"");
    s.lists("b/list", 1, "shorter");
    assert_eq!(s.queued(), ["b/0"]);
    s.done("b/0");
    assert_eq!(
        (s.step_status("b/1"), s.step_status("b/2")),
        (StepStatus::Skipped, StepStatus::Skipped)
    );
    assert_eq!(s.queued(), ["b"], "what is not there any more is gathered without");
    s.work_until("assess");
}

#[test]
fn the_same_list_again_sends_nobody_back_to_work() {
    let mut s = listed();
    s.work_until("assess");
    s.judge(blaming("a"));
    s.outputs("a", "\"other words\"");
    s.lists("b/list", 2, "b/list 0");
    assert_eq!(s.queued(), ["assess"]);
}

#[test]
fn without_its_list_the_step_and_what_takes_it_are_skipped() {
    let mut s = Given::plan("a b*a c<b").start();
    s.done("a");
    let run = s.take("b/list");
    let reason = "the condition does not hold".to_owned();
    s.end(&run, workflow::input::Outcome::Skipped { reason });
    assert_eq!(["b", "c"].map(|key| s.step_status(key)), [StepStatus::Skipped; 2]);
    assert_eq!(s.queued(), ["assess"]);
}

#[test]
fn an_item_that_fails_is_a_humans_matter_and_may_be_left_out() {
    let mut s = listed();
    let run = s.take("b/0");
    s.fail(&run, broken());
    s.work();
    assert_eq!(s.status(), Status::NeedsAttention);
    s.answer(Action::Skip);
    assert_eq!(s.queued(), ["b"]);
    s.work_until("assess");
    assert_eq!(
        (s.step_status("b/0"), s.step_status("c")),
        (StepStatus::Skipped, StepStatus::Succeeded)
    );

    let mut s = listed();
    let run = s.take("b/0");
    s.fail(&run, broken());
    s.work();
    s.input(&retry(Some("b"), false));
    assert_eq!(s.queued(), ["b/0", "b/1"], "the step as a whole runs again");
}

#[test]
fn every_item_asks_before_it_acts() {
    let mut s = Given::plan("a b:asks_once*a").start();
    s.done("a");
    s.done("b/list");
    s.ask();
    assert_eq!(
        s.task.gates.iter().map(|g| (g.kind, g.step)).collect::<Vec<_>>(),
        [
            (GateKind::Step, Some(s.index("b/0"))),
            (GateKind::Step, Some(s.index("b/1"))),
        ]
    );
}

#[test]
fn a_plan_that_is_reviewed_has_the_risk_of_its_items() {
    use workflow::risk::{Outside, Risk, risk};
    for (notation, expected) in [
        ("a b:once*a", Risk::High),
        ("a b:keyed*a", Risk::Medium),
        ("a b*a", Risk::Low),
    ] {
        let s = Given::plan(notation).policy(|p| p.plan_review = true).start();
        let outside = Outside {
            plan: s.plan.as_deref(),
            channel: &|_| None,
        };
        assert_eq!(risk(&s.task, &s.task.gates[0], outside), expected, "{notation}");
    }
}

#[test]
fn a_repetition_of_the_lists_result_adds_no_items() {
    let mut s = Given::plan("a b*a").start();
    s.done("a");
    let run = s.take("b/list");
    let other = s.take("b/list");
    s.end(&run, list(2, ""));
    let (before, steps) = (s.task.clone(), s.task.steps.len());
    assert!(matches!(s.end(&run, list(2, "")), Reply::Ignored(_)));
    assert!(matches!(s.end(&other, list(4, "")), Reply::Ignored(_)));
    assert_eq!((s.task.steps.len(), s.task.version), (steps, before.version));
}

#[test]
fn items_that_stay_the_same_do_not_run_again() {
    let make = |s: &mut Scenario, items: &[&str]| {
        let run = s.take("b/list");
        assert_eq!(s.end(&run, list_of(items)), Reply::Done);
    };
    let mut s = Given::plan("a b*a c<b").start();
    s.done("a");
    make(&mut s, &["tea", "milk"]);
    s.work_until("assess");
    s.judge(blaming("a"));
    s.outputs("a", "\"one is another, one more\"");
    make(&mut s, &["tea", "oat", "rye"]);
    assert_eq!(s.queued(), ["b/1", "b/2"]);
    s.work_until("assess");
    assert_eq!((s.step("b/0").round, s.step("b/1").round), (0, 1));
}

#[test]
fn a_list_stands_when_one_of_its_items_has_acted() {
    let act = |s: &mut Scenario| {
        for key in ["b/0", "b/1"] {
            s.sends_and_ends(key, EffectClass::Once);
        }
        s.work_until("assess");
    };
    let mut s = Given::plan("a b:once*a").start();
    s.done("a");
    s.done("b/list");
    act(&mut s);
    s.judge(blaming("a"));
    s.outputs("a", "\"other items\"");
    assert_eq!(s.queued(), ["assess"], "nothing acts for other items");
    assert_eq!(s.ledger.iter().filter(|row| row.state == EffectState::Sent).count(), 2);

    // Nor where a human wants it from the beginning, but does not say that it may act again.
    let mut s = Given::plan("a b:once*a").policy(|p| p.max_refinements = 0).start();
    s.done("a");
    s.done("b/list");
    act(&mut s);
    s.judge(score(0.1));
    assert_eq!(s.status(), Status::NeedsAttention);
    s.input(&retry(Some("a"), false));
    s.outputs("a", "\"other items\"");
    assert!(s.queued().iter().all(|label| label != "b/list"), "{:?}", s.queued());
}

#[test]
fn what_a_human_left_out_stays_out_of_repairs() {
    let mut s = Given::plan("a b*a").start();
    s.done("a");
    s.done("b/list");
    let run = s.take("b/0");
    s.fail(&run, broken());
    s.work();
    s.answer(Action::Skip);
    s.work_until("assess");
    s.judge(score(0.1));
    assert_eq!(s.queued(), ["b/1"]);
}

#[test]
fn what_its_arguments_lack_skips_the_whole() {
    // Of `b`, which is skipped, nothing can be taken.
    let mut s = Given::plan("a b c<b*a d<c").start();
    let run = s.take("b");
    let reason = "the condition does not hold".to_owned();
    s.end(&run, workflow::input::Outcome::Skipped { reason });
    s.work_until("assess");
    assert_eq!(
        ["c/0", "c", "d"].map(|key| s.step_status(key)),
        [StepStatus::Skipped; 3]
    );
}

#[test]
fn an_items_list_is_among_its_inputs_whatever_its_arguments_say() {
    let template = json!({"purpose": "About {{ item }}"});
    let mut s = Given::plan("a b*a")
        .with_step("b", |step| step["arguments"] = template)
        .start();
    s.done("a");
    s.done("b/list");
    let plan = s.plan.clone().unwrap();
    assert_eq!(plan.steps[usize::from(s.index("b/0"))].inputs, [s.index("b/list")]);
}

#[test]
fn a_list_of_gathered_items_is_blamed_on_those_who_made_them() {
    let mut s = Given::plan("a b*a c*b").start();
    s.done("a");
    s.done("b/list");
    s.work_until("assess");
    s.judge(blaming("c/list"));
    assert_eq!(s.queued(), ["b/0", "b/1"]);
}

#[test]
fn a_shorter_bound_makes_another_list() {
    let hash = |most: u16| {
        let bound = |step: &mut Value| step["for_each"]["max_items"] = json!(most);
        let s = Given::plan("a b*a").with_step("b", bound).start();
        s.plan.as_ref().unwrap().steps[usize::from(s.index("b/list"))].hash
    };
    assert_ne!(hash(2), hash(3));
    assert_eq!(hash(2), hash(2));
}

#[test]
fn a_version_that_is_taken_back_has_the_items_it_had() {
    let mut s = listed();
    s.work_until("assess");
    s.judge(Assessment {
        scores: score(0.4).scores,
        ..blaming("a")
    });
    s.outputs("a", "\"shorter\"");
    s.lists("b/list", 1, "shorter");
    s.work_until("assess");
    assert_eq!(s.step_status("b/1"), StepStatus::Skipped);
    s.judge(Assessment {
        scores: score(0.1).scores,
        ..blaming("b/0")
    });
    assert_eq!(
        s.step_status("b/1"),
        StepStatus::Succeeded,
        "that of the better version"
    );
    assert_eq!(s.step("b/list").items.as_ref().unwrap().len(), 2);
    assert_eq!(s.queued(), ["a"], "what the better version was told is done");
}

/// That good, and not good enough, because of this step.
fn blamed(at: f64, key: &str) -> Assessment {
    Assessment {
        scores: score(at).scores,
        ..blaming(key)
    }
}

#[test]
fn an_item_that_only_the_worse_version_had_leaves_with_it() {
    let mut s = Given::plan("a b*a").policy(|p| p.max_refinements = 1).start();
    s.done("a");
    s.done("b/list");
    s.work_until("assess");
    s.judge(blamed(0.4, "a"));
    s.outputs("a", "\"longer\"");
    s.lists("b/list", 3, "longer");
    s.work_until("assess");
    s.judge(blamed(0.1, "b/2"));
    assert_eq!(s.step("b/list").items.as_ref().unwrap().len(), 2);
    assert_eq!(
        (s.step_status("b/2"), s.step("b/2").output),
        (StepStatus::Skipped, None)
    );
    let told = s.event(EventKind::StepSkipped);
    assert_eq!(told["key"], "b/2");
    s.answer(Action::Approve);
    assert_eq!(s.status(), Status::Formatting, "nothing of it runs again");
}

#[test]
fn an_item_that_a_human_left_out_of_a_round_does_not_come_back_with_an_earlier_one() {
    let mut s = listed();
    s.work_until("assess");
    s.judge(blamed(0.4, "b/1"));
    let run = s.take("b/1");
    s.fail(&run, broken());
    s.answer(Action::Skip);
    s.work_until("assess");
    s.judge(blamed(0.1, "b"));
    assert_eq!(s.step_status("b/1"), StepStatus::Skipped);
    assert_eq!(s.queued(), ["b/0"]);
}
