//! Raw records of every kind become records that satisfy the published schema.

use super::labels::{DecidedBy, Decision};
use super::*;
use serde_json::{Value, json};

/// A completed task: two rounds, a revision, an edit.
pub(crate) fn completed() -> Value {
    json!({
        "task": {
            "task_id": "t", "status": "completed", "request": "Write about AI",
            "plan": {"version": 2, "origin": "planner", "summary": "Two steps.", "steps": [
                {"step_id": "1", "key": "research", "tool_id": "research_agent", "status": "succeeded", "attempt": 1, "round": 0,
                 "started_at": "2030-01-01T00:00:00.000Z", "finished_at": "2030-01-01T00:00:01.000Z"},
                {"step_id": "2", "key": "draft", "tool_id": "writer_agent", "status": "succeeded", "attempt": 2, "round": 1,
                 "error": {"code": "timeout", "message": "too slow"}},
            ]},
            "quality": {"overall": 0.86, "threshold": 0.8, "passed": true, "blamed_steps": [],
                "dimensions": {"accuracy": {"score": 0.9, "weight": 0.5, "evidence": {"facts": 3}, "feedback": ""}}},
            "refinements": 1, "cost": {"usd": 0.02, "input_tokens": 10, "output_tokens": 20, "calls": 3},
            "model_versions": {"writer": "m1"}, "patterns_used": ["p1"], "memory": {"used": false},
            "created_at": "2030-01-01T00:00:00.000Z", "finished_at": "2030-01-01T00:01:00.000Z",
        },
        "submission": {"request": "Write about AI", "business_metrics": {"revenue_monthly": 50_000},
            "preferences": {"tone": "professional"}, "metadata": {"team": "web"}, "channels": ["blog"], "actor": "alice@example.com"},
        "intent": {"goal": "A post", "requirements": ["AI", {"words": 300}], "business_context": {"shop": true},
            "preferences": {}, "success_criteria": ["clear"]},
        "reasoning": "Research first.",
        "plan": {"summary": "Two steps.", "steps": [
            {"key": "research", "tool_id": "research_agent", "arguments": {"topic": "AI"}, "reason": "facts"},
            {"key": "draft", "tool_id": "writer_agent", "arguments": {"facts": {"$step": "research", "pointer": ""}},
             "channel": "blog", "acceptance": [{"pointer": "/text", "min_length": 10}]}]},
        "outputs": {"research": {"facts": ["a"]}, "draft": "plain text"},
        "assessments": [
            {"dimensions": {"accuracy": {"score": 0.4, "evidence": "short", "feedback": "more"}},
             "blamed": {"draft": "longer"}, "failed_checks": [{"step_key": "draft", "pointer": "/text", "detail": "under 10"}], "engine": "offline"},
            {"dimensions": {"accuracy": {"score": 0.9, "evidence": {"facts": 3}, "feedback": ""}}, "blamed": {}, "failed_checks": [], "engine": "offline"}],
        "deliverables": [{"channel": "blog", "title": "AI", "content": "# AI", "content_type": "text/markdown", "content_hash": "00"}],
        "gates": [
            {"gate_id": "g0", "kind": "plan", "action": "approve", "actor": "bob", "decided_at": "2030-01-01T00:00:10.000Z"},
            {"gate_id": "g1", "kind": "publication", "action": "revise", "actor": "bob", "feedback": "shorter"},
            {"gate_id": "g2", "kind": "publication", "action": "approve", "actor": "bob", "edits": {"blog": "# AI"}},
            {"gate_id": "g3", "kind": "attention", "action": null, "actor": null}],
        "costs": [
            {"model": "m", "usd_micros": 15_000, "input_tokens": 5, "output_tokens": 10, "calls": 1},
            {"model": "m", "usd": 0.005, "input_tokens": 5, "output_tokens": 10, "calls": 1, "estimated": true},
            {"model": "n", "usd": null, "calls": 1}, {"model": "", "calls": 1}],
        "engine": "offline",
        "issues_told": [{"issue_id": "i1", "code": "quality_below_threshold", "tool": "writer_agent", "condition": "tone"}],
    })
}

fn record(raw: &Value) -> TrainingRecord {
    let said = r#"[{"rating": 5, "comment": null, "dimension": "tone", "step_id": null}]"#;
    from_raw("0192e4a0-0000-7000-8000-000000000001", &raw.to_string(), Some(said)).unwrap()
}

#[test]
fn a_completed_task_is_told_whole() {
    let record = record(&completed());
    assert_eq!(record.request, "Write about AI");
    let intent = record.intent.unwrap();
    assert_eq!(intent.requirements, ["AI", "{\"words\":300}"]);
    assert_eq!(intent.business_context.as_deref(), Some("{\"shop\":true}"));
    let plan = record.plan.unwrap();
    assert_eq!(
        (plan.version, plan.origin.as_deref(), plan.steps.len()),
        (2, Some("planner"), 2)
    );
    assert_eq!(
        plan.steps[1].arguments,
        "{\"facts\":{\"$step\":\"research\",\"pointer\":\"\"}}"
    );
    assert_eq!(record.steps[0].output.as_deref(), Some("{\"facts\":[\"a\"]}"));
    assert_eq!(record.steps[1].output.as_deref(), Some("\"plain text\""));
    assert_eq!(record.steps[1].error.as_ref().unwrap().code, "timeout");
    let quality = record.quality.unwrap();
    assert_eq!(
        (quality.overall, quality.passed, quality.rounds.len()),
        (Some(0.86), Some(true), 2)
    );
    assert_eq!(
        quality.rounds[0].dimensions["accuracy"].evidence.as_deref(),
        Some("\"short\"")
    );
    let blame: Vec<_> = record
        .blame
        .iter()
        .map(|b| (b.round, b.step_key.as_str(), b.failed_check.as_deref()))
        .collect();
    assert_eq!(blame, [(0, "draft", None), (0, "draft", Some("/text"))]);
    assert_eq!(record.business_metrics["revenue_monthly"], 50_000.0.into());
    assert_eq!(record.context.metadata["team"], "web");
    let told: Vec<_> = record
        .context
        .issues_told
        .iter()
        .map(|told| (told.issue_id.as_str(), told.tool.as_str()))
        .collect();
    assert_eq!(told, [("i1", "writer_agent")]);
    let usage: Vec<_> = record
        .models
        .usage
        .iter()
        .map(|u| (u.model.as_str(), u.usd, u.calls, u.estimated))
        .collect();
    assert_eq!(usage, [("m", Some(0.02), 2, true), ("n", None, 1, false)]);
    assert_eq!(
        (record.models.engine.as_deref(), record.consent),
        (Some("offline"), Consent::Unknown)
    );
}

#[test]
fn people_are_not_named() {
    let text = serde_json::to_string(&record(&completed())).unwrap();
    assert!(!text.contains("alice") && !text.contains("bob"));
}

#[test]
fn labels_follow_the_human_decision() {
    let with_gates = |gates: Value| {
        let mut raw = completed();
        raw["gates"] = gates;
        record(&raw).labels
    };
    let labels = record(&completed()).labels;
    assert_eq!(
        (labels.decision, labels.decided_by),
        (Some(Decision::Approved), Some(DecidedBy::Human))
    );
    assert_eq!((labels.auto, labels.edited, labels.revisions), (false, true, 1));
    assert_eq!(
        (labels.feedback, labels.deliverables.len()),
        (vec!["shorter".to_owned()], 1)
    );

    let auto = with_gates(json!([{"kind": "publication", "action": "approve", "actor": "policy"}]));
    assert_eq!(
        (auto.decision, auto.auto, auto.edited),
        (Some(Decision::Approved), true, false)
    );
    let rejected = with_gates(json!([{"kind": "publication", "action": "reject", "actor": "u", "feedback": "no"}]));
    assert_eq!((rejected.decision, rejected.auto), (Some(Decision::Rejected), false));
    let revised = with_gates(json!([{"kind": "publication", "action": "revise", "actor": "u", "feedback": "x"}]));
    assert_eq!(revised.decision, Some(Decision::Revised));
    let none = with_gates(
        json!([{"kind": "plan", "action": "approve", "actor": "u"}, {"kind": "attention", "action": "retry", "actor": "u"}]),
    );
    assert_eq!((none.decision, none.decided_by), (None, None));
}

#[test]
fn records_satisfy_the_published_schema() {
    let schema = jsonschema::draft202012::new(&schema()).unwrap();
    let raws = [
        completed(),
        json!({}),
        json!({"task": {"status": "cancelled", "plan": null, "quality": null}, "plan": null, "assessments": null}),
        json!({"task": [], "submission": 1, "intent": "x", "plan": {"steps": [1, null, {}]}, "gates": [1], "costs": {"a": 1}, "outputs": []}),
    ];
    for raw in raws {
        let record = serde_json::to_value(record(&raw)).unwrap();
        let errors: Vec<String> = schema
            .iter_errors(&record)
            .map(|e| format!("{} {e}", e.instance_path()))
            .collect();
        assert_eq!(errors, Vec::<String>::new(), "{raw}");
        assert!(!schema.is_valid(&json!({"schema_version": 1})));
    }
}

#[test]
fn a_record_has_the_names_of_the_contract() {
    let record = serde_json::to_value(record(&completed())).unwrap();
    let mut expected = "schema_version record_id cluster request intent reasoning context plan steps quality blame \
         business_metrics labels models consent split"
        .split_whitespace()
        .collect::<Vec<_>>();
    expected.sort_unstable();
    let names: Vec<_> = record.as_object().unwrap().keys().collect();
    assert_eq!(names, expected);
}

#[test]
fn a_round_that_was_judged_twice_is_that_of_its_last_judgement() {
    let mut raw = completed();
    let judged = |round: u64, score: f64, blamed: Value| json!({"dimensions": {"accuracy": {"score": score}}, "blamed": blamed, "failed_checks": [], "round": round, "plan_version": 2});
    // Round 2 failed, a person had a step run again in it, it passed, and a revision made round 3.
    raw["assessments"] = json!([
        judged(0, 0.1, json!({"draft": "a"})),
        judged(1, 0.2, json!({"draft": "b"})),
        judged(2, 0.3, json!({"draft": "c"})),
        judged(2, 0.95, json!({})),
        judged(3, 0.9, json!({}))
    ]);
    let told = record(&raw);
    let rounds: Vec<u64> = told.quality.unwrap().rounds.iter().map(|judged| judged.round).collect();
    assert_eq!(rounds, [0, 1, 2, 2, 3]);
    let blamed: Vec<_> = told
        .blame
        .iter()
        .map(|blame| (blame.round, blame.feedback.as_str()))
        .collect();
    assert_eq!(
        blamed,
        [(0, "a"), (1, "b")],
        "nobody is blamed for what was kept of round 2"
    );
    // Of a plan that was replaced nobody is.
    raw["assessments"][0]["plan_version"] = json!(1);
    assert_eq!(record(&raw).blame.len(), 1);
}
