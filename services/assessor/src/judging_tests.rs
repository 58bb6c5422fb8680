//! Assessments of whole work items.

use crate::judging::assess;
use bus::worker::inline;
use contracts::work::job_result::Outcome;
use contracts::work::{AssessSpec, Input};
use llm::{Engine, Null, Offline};
use serde_json::{Value, json};

const GOOD: &str = "# Tea ceremonies\n\nTea ceremonies reward those who slow down. This guide to tea ceremonies is for beginners.\n\n## The room\n\nA quiet room helps. Put away what you do not need. The guest of a ceremony looks for calm first.\n\n## The tea\n\nWarm the bowl, sift the powder and whisk it gently. One cup made well says more than a long talk.\n\n## Conclusion\n\nBegin with one small ceremony a week. The rest follows from the tea itself.";

fn spec(plan: &Value, outputs: &Value, threshold: f64) -> AssessSpec {
    let inputs = outputs.as_object().unwrap().iter().map(|(key, output)| Input {
        step_key: key.clone(),
        output: Some(inline(output.to_string())),
        ..Input::default()
    });
    let dimensions = json!({"relevance": {"weight": 0.5, "floor": 0.2}, "structure": {"weight": 0.5, "floor": 0.2}});
    AssessSpec {
        plan_json: plan.to_string(),
        outputs: inputs.collect(),
        quality_json: json!({"threshold": threshold, "dimensions": dimensions}).to_string(),
        round: 0,
    }
}

async fn assessment(engine: &dyn Engine, request: &str, spec: &AssessSpec) -> Value {
    let submission = json!({"request": request, "business_metrics": {}, "preferences": {}, "channels": ["blog"]});
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    match assess(engine, &submission.to_string(), spec, deadline).await.outcome {
        Some(Outcome::Assessed(assessed)) => serde_json::from_str(&assessed.assessment_json).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn null_steps_are_judged_by_the_text_of_their_arguments_and_not_blamed() {
    let plan = json!({"steps": [{"key": "a", "tool_id": "null", "arguments": {"text": GOOD}}]});
    let request = "Write a guide about tea ceremonies";
    let good = assessment(&Offline, request, &spec(&plan, &json!({"a": {"text": GOOD}}), 0.7)).await;
    let bad = assessment(
        &Offline,
        request,
        &spec(&plan, &json!({"a": {"text": "Nothing of the sor"}}), 0.7),
    )
    .await;
    assert!(good["dimensions"]["relevance"]["score"].as_f64() > Some(0.9), "{good}");
    assert!(bad["dimensions"]["relevance"]["score"].as_f64() < Some(0.1), "{bad}");
    assert_eq!(good["dimensions"].as_object().unwrap().len(), 2);
    assert_eq!(bad["blamed"], json!({}));
    assert_eq!(bad["engine"], "offline");
}

#[tokio::test]
async fn a_null_step_that_takes_feedback_and_any_other_tool_can_be_blamed() {
    for (tool, text) in [("null", "{{feedback}}"), ("shop.write", "x"), ("writer_agent", "x")] {
        let plan = json!({"steps": [{"key": "a", "tool_id": tool, "arguments": {"text": text}}]});
        let request = "Write a guide about tea ceremonies";
        let found = assessment(&Offline, request, &spec(&plan, &json!({"a": {"text": "No."}}), 0.7)).await;
        assert!(
            found["blamed"]["a"].as_str().unwrap().contains("tea"),
            "{tool}: {found}"
        );
    }
}

#[tokio::test]
async fn plain_data_is_measured_as_it_is_written() {
    let plan = json!({"steps": [{"key": "a", "tool_id": "null"}]});
    let found = assessment(
        &Offline,
        "stock of kettle",
        &spec(&plan, &json!({"a": {"kettle": 3, "stock": true}}), 0.1),
    )
    .await;
    assert!(
        found["dimensions"]["relevance"]["score"].as_f64() > Some(0.9),
        "{found}"
    );
}

#[tokio::test]
async fn failed_checks_are_told_whatever_the_engine() {
    let acceptance = json!([{"pointer": "/text", "min_length": 100}]);
    let plan = json!({"steps": [{"key": "a", "tool_id": "null", "arguments": {}, "acceptance": acceptance}]});
    for engine in [&Null as &dyn Engine, &Offline] {
        let found = assessment(engine, "tea", &spec(&plan, &json!({"a": {"text": "short"}}), 0.0)).await;
        assert_eq!(found["failed_checks"][0]["step_key"], "a", "{found}");
        assert_eq!(found["failed_checks"][0]["pointer"], "/text");
    }
}

#[tokio::test]
async fn the_null_engine_reads_nothing_it_does_not_need() {
    let mut spec = spec(&json!({"steps": []}), &json!({}), 0.7);
    spec.outputs.push(Input {
        step_key: "a".to_owned(),
        output: Some(inline("not even JSON".to_owned())),
        ..Input::default()
    });
    let found = assessment(&Null, "tea", &spec).await;
    assert_eq!(found["dimensions"]["relevance"]["score"], 1.0);
    assert_eq!(found["engine"], "null");
}
