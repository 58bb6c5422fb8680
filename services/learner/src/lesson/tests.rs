//! What a record teaches.

use super::*;
use crate::record::tests::completed;
use serde_json::json;

fn taught(raw: &Value) -> Option<Lesson> {
    lesson("default", &raw.to_string(), 0.7)
}

fn with(change: impl FnOnce(&mut Value)) -> Option<Lesson> {
    let mut raw = completed();
    change(&mut raw);
    taught(&raw)
}

#[test]
fn values_become_slots_and_what_flows_stays() {
    let lesson = with(|raw| raw["plan"]["steps"][1]["tier"] = json!("large")).unwrap();
    assert!(lesson.succeeded);
    let plan: Value = serde_json::from_str(&lesson.exemplar.as_ref().unwrap().template).unwrap();
    assert_eq!(plan["steps"][0]["arguments"]["topic"], json!({"$slot": "topic"}));
    assert_eq!(
        plan["steps"][1]["arguments"]["facts"],
        json!({"$step": "research", "pointer": ""})
    );
    assert_eq!(
        (&plan["steps"][1]["channel"], &plan["steps"][1]["tier"]),
        (&json!("blog"), &json!("large"))
    );
    let slots: Value = serde_json::from_str(&lesson.exemplar.as_ref().unwrap().slots).unwrap();
    assert_eq!(slots, json!([{"name": "topic", "type": "string", "example": "AI"}]));
    assert_eq!(
        lesson.exemplar.as_ref().unwrap().tools,
        ["research_agent", "writer_agent"]
    );
    let template = Plan::deserialize(&plan).unwrap();
    assert_eq!(workflow::plan::similarity(&template, &lesson.plan), 1.0);
}

#[test]
fn only_what_was_approved_with_verified_quality_is_a_success() {
    let verdict = |change: fn(&mut Value)| with(change).map(|lesson| lesson.succeeded);
    assert_eq!(
        verdict(|raw| raw["task"]["quality"]["overall"] = json!(0.69)),
        Some(false)
    );
    assert_eq!(
        verdict(|raw| raw["task"]["quality"]["passed"] = json!(false)),
        Some(false)
    );
    assert_eq!(verdict(|raw| raw["task"]["quality"] = json!(null)), Some(false));
    assert_eq!(verdict(|raw| raw["task"]["status"] = json!("rejected")), Some(false));
    assert_eq!(verdict(|raw| raw["gates"][2]["action"] = json!("reject")), Some(false));
    // Nobody decided about the result, neither a human nor policy.
    assert_eq!(verdict(|raw| raw["gates"] = json!([raw["gates"][0]])), Some(false));
    let by_policy = json!([{"kind": "publication", "action": "approve", "actor": "policy"}]);
    assert_eq!(
        with(|raw| raw["gates"] = by_policy).map(|lesson| lesson.succeeded),
        Some(true)
    );
}

#[test]
fn nothing_is_learned_from_plans_that_do_nothing_or_are_none() {
    assert_eq!(with(|raw| raw["engine"] = json!("null")), None);
    assert_eq!(with(|raw| raw["plan"] = json!(null)), None);
    assert_eq!(
        with(|raw| raw["plan"] = json!({"steps": [{"key": "a", "tool_id": "null"}]})),
        None
    );
    assert_eq!(with(|raw| raw["plan"]["steps"] = json!([])), None);
}

#[test]
fn tasks_belong_together_by_form_and_channels_and_tenant_whatever_the_words() {
    let form = |goal: &str, channels: Value| {
        let lesson = with(|raw| {
            raw["intent"]["goal"] = json!(goal);
            raw["submission"]["channels"] = channels;
        });
        lesson.unwrap().form
    };
    let tea = form("Produce a blog post about green tea", json!(["blog", "x"]));
    assert_eq!(
        tea,
        form("An article, friendly in tone, on coffee", json!(["x", "blog"]))
    );
    assert_ne!(tea, form("Produce a blog post about green tea", json!(["blog"])));
    let longer = with(|raw| raw["plan"]["steps"][1]["tool_id"] = json!("editor_agent")).unwrap();
    assert_ne!(longer.form, taught(&completed()).unwrap().form);
    let other = lesson("other", &completed().to_string(), 0.7).unwrap();
    assert_ne!(other.form, taught(&completed()).unwrap().form);
}

#[test]
fn what_the_database_cannot_hold_is_left_out() {
    let lesson = with(|raw| raw["intent"]["goal"] = json!("A\u{0}I post")).unwrap();
    assert_eq!(lesson.intent, "AI post");
    let long = "x".repeat(MAX_TEMPLATE_BYTES);
    let large = with(|raw| raw["plan"]["steps"][0]["reason"] = json!(long)).unwrap();
    assert_eq!(
        (large.succeeded, large.exemplar),
        (true, None),
        "it counts, and is not shown"
    );
}

#[test]
fn a_plan_of_endless_values_is_given_up_at_once() {
    let filled = |n: u32| json!([format!("value {n}"), "{{submission.request}}"]);
    let values: Vec<Value> = (0..40_000).map(filled).collect();
    let steps = (0..40_000).map(|n| json!({"key": format!("s{n}"), "tool_id": "writer_agent"}));
    let hostile = [
        json!({"steps": [{"key": "a", "tool_id": "writer_agent", "arguments": {"topic": values}}]}),
        json!({"steps": steps.collect::<Vec<_>>()}),
    ];
    for document in hostile {
        let plan = Plan::deserialize(&document).unwrap();
        let begun = std::time::Instant::now();
        assert_eq!(Template::of(&plan), None);
        let taken = begun.elapsed();
        assert!(taken < std::time::Duration::from_millis(500), "{taken:?}");
        let begun = std::time::Instant::now();
        assert_eq!(
            with(|raw| raw["plan"] = document).and_then(|lesson| lesson.exemplar),
            None
        );
        let taken = begun.elapsed();
        assert!(taken < std::time::Duration::from_secs(5), "{taken:?}");
    }
    let most: Vec<Value> = (0..200).map(|n| json!([n, "{{submission.request}}"])).collect();
    assert!(
        with(|raw| raw["plan"]["steps"][0]["arguments"] = json!({"topic": most}))
            .is_some_and(|lesson| lesson.exemplar.is_some())
    );
}

#[test]
fn values_in_titles_become_names_in_one_pass() {
    let lesson = with(|raw| {
        raw["plan"]["steps"][0]["arguments"] =
            json!({"topic": "green tea", "tone": "topic", "tone_2": "green", "x": {"tone": "dry"}});
        raw["plan"]["steps"][0]["title"] = json!("Research green tea, a dry topic");
    });
    let plan: Value = serde_json::from_str(&lesson.unwrap().exemplar.unwrap().template).unwrap();
    let names: Vec<&Value> = ["topic", "tone", "tone_2"]
        .map(|name| &plan["steps"][0]["arguments"][name]["$slot"])
        .to_vec();
    assert_eq!(names, ["topic", "tone", "tone_2"]);
    assert_eq!(plan["steps"][0]["arguments"]["x"]["tone"], json!({"$slot": "tone_3"}));
    assert_eq!(plan["steps"][0]["title"], "Research <topic>, a <tone_3> <tone>");
}

#[test]
fn a_human_overrides_by_deciding_otherwise_than_the_score() {
    let overridden = |passed: Option<bool>, gates: Value| Facts::of(0, None, &gates, passed).overridden;
    let human = |action: &str| json!([{"kind": "publication", "action": action, "actor": "bob"}]);
    assert_eq!(overridden(Some(true), human("approve")), Some(false));
    assert_eq!(overridden(Some(false), human("approve")), Some(true));
    assert_eq!(overridden(Some(false), human("reject")), Some(false));
    assert_eq!(overridden(Some(true), human("reject")), Some(true));
    assert_eq!(overridden(Some(true), human("edit")), Some(true));
    let policy = json!([{"kind": "publication", "action": "approve", "actor": "policy"}]);
    assert_eq!(overridden(Some(true), policy), None);
    assert_eq!(overridden(None, json!("no list")), None);
}

#[test]
fn what_was_cancelled_teaches_where_something_was_amiss() {
    let cancelled = |change: fn(&mut Value)| {
        let taught = with(|raw| {
            raw["task"]["status"] = json!("cancelled");
            raw["gates"] = json!([{"kind": "plan", "action": "approve", "actor": "bob"}]);
            change(raw);
        });
        taught.map(|lesson| lesson.succeeded)
    };
    assert_eq!(cancelled(|_| ()), None, "somebody changed their mind");
    assert_eq!(
        cancelled(|raw| raw["gates"][0]["kind"] = json!("attention")),
        Some(false)
    );
    assert_eq!(
        cancelled(|raw| raw["gates"][0]["action"] = json!("cancel")),
        Some(false)
    );
    assert_eq!(
        cancelled(|raw| raw["task"]["quality"]["passed"] = json!(false)),
        Some(false)
    );

    let planless = |gates: Value| {
        let mut raw = completed();
        (raw["task"]["status"], raw["plan"], raw["gates"]) = (json!("cancelled"), Value::Null, gates);
        raw["task"]["quality"] = Value::Null;
        is_planless(&raw.to_string())
    };
    assert!(
        planless(json!([{"kind": "attention", "action": "cancel", "actor": "bob"}])),
        "no valid plan"
    );
    assert!(!planless(json!([])));
}
