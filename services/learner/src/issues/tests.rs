//! What is read of a record.

use super::sightings::{Kind, Sighting, Source};
use super::{Code, read};
use crate::record::tests::completed;
use serde_json::{Value, json};

fn seen(raw: &Value) -> Vec<Sighting> {
    read(&raw.to_string()).sightings
}

fn kinds(raw: &Value) -> Vec<(Code, String, String)> {
    let kinds = seen(raw).into_iter().map(|seen| seen.kind);
    kinds.map(|kind| (kind.code, kind.tool, kind.condition)).collect()
}

fn the(raw: &Value, code: Code) -> Sighting {
    let mut of_code = seen(raw).into_iter().filter(|seen| seen.kind.code == code);
    let found = of_code.next().unwrap_or_else(|| panic!("{code:?}"));
    assert_eq!(of_code.next(), None);
    found
}

#[test]
fn checks_judge_errors_and_people_each_say_what_went_wrong_where() {
    let raw = completed();
    let writer = "writer_agent".to_owned();
    assert_eq!(
        kinds(&raw),
        [
            (
                Code::AcceptanceCheckFailed,
                writer.clone(),
                "/text min_length".to_owned()
            ),
            (Code::QualityBelowThreshold, writer.clone(), "accuracy".to_owned()),
            (Code::StepFailed, writer.clone(), "timeout".to_owned()),
            (Code::ResultRevised, writer, "channel blog".to_owned()),
        ]
    );
    let check = the(&raw, Code::AcceptanceCheckFailed);
    assert_eq!(
        (check.hint.as_str(), check.source, check.repaired),
        ("under 10", Source::Check, true)
    );
    let error = the(&raw, Code::StepFailed);
    assert_eq!(
        (error.hint.as_str(), error.repaired),
        ("too slow", false),
        "another attempt is no repair"
    );
    let revised = the(&raw, Code::ResultRevised);
    assert_eq!((revised.hint.as_str(), revised.repaired), ("shorter", true));
    let reading = read(&raw.to_string());
    assert_eq!(
        reading.tools.into_iter().collect::<Vec<_>>(),
        ["research_agent", "writer_agent"]
    );
    assert!(!reading.counts, "what planning knew of memory is not said");
}

#[test]
fn an_issue_is_repaired_by_what_was_said_last_before_it_was_gone() {
    let mut raw = completed();
    let assessment = |said: Option<&str>| {
        let blamed = said.map_or_else(|| json!({}), |said| json!({ "draft": said }));
        json!({"dimensions": {"tone": {"score": 0.5}, "accuracy": {"score": 0.4}}, "blamed": blamed, "failed_checks": []})
    };
    let story = [
        Some("tone: warmer\nand kinder\naccuracy: cite"),
        Some("tone: warmer, say hello"),
        None,
    ];
    raw["assessments"] = story.map(assessment).into_iter().collect();
    let judged: Vec<_> = seen(&raw)
        .into_iter()
        .filter(|seen| seen.kind.code == Code::QualityBelowThreshold)
        .map(|seen| (seen.kind.condition, seen.hint, seen.times, seen.round, seen.repaired))
        .collect();
    assert_eq!(
        judged,
        [
            ("accuracy".to_owned(), "cite".to_owned(), 1, 0, true),
            ("tone".to_owned(), "warmer, say hello".to_owned(), 2, 1, true)
        ]
    );
    raw["assessments"] = story[..2].iter().map(|said| assessment(*said)).collect();
    let never = seen(&raw)
        .into_iter()
        .find(|seen| seen.kind.condition == "tone")
        .unwrap();
    assert!(!never.repaired, "it was there to the end");
    // Who says nothing of a dimension means the worst.
    raw["assessments"] = json!([assessment(Some("make it better"))]);
    assert_eq!(the(&raw, Code::QualityBelowThreshold).kind.condition, "accuracy");
}

#[test]
fn nothing_is_read_where_nobody_said_so() {
    let mut raw = completed();
    raw["gates"] = json!([
        {"kind": "publication", "action": "reject", "actor": "policy:cheap"}, {"kind": "publication", "action": "reject", "actor": "expiry"},
        {"kind": "plan", "action": "revise", "actor": "bob", "feedback": "no"}, {"kind": "step", "action": "reject", "actor": "bob", "step_key": "gone"}]);
    raw["assessments"] =
        json!([{"dimensions": {}, "blamed": {"of another plan": "x"}, "failed_checks": [{"pointer": "/x"}, 7]}]);
    raw["task"]["plan"]["steps"][1]["error"] = Value::Null;
    assert_eq!(kinds(&raw), []);
    let open = read(&raw.to_string()).open_to;
    assert!(!open.contains(&Code::ResultRejected) && open.contains(&Code::AcceptanceCheckFailed));
    for odd in [
        json!(null),
        json!({}),
        json!({"engine": "null", "task": {"plan": {"steps": [{"tool_id": "x", "error": {"code": "y"}, "status": "failed"}]}}}),
        json!({"assessments": 7, "gates": "x", "plan": [], "task": {"plan": {"steps": {"a": 1}}}}),
    ] {
        assert_eq!(kinds(&odd), [], "{odd}");
    }
    assert_eq!(read("{").sightings, []);
}

#[test]
fn a_refused_call_is_of_its_tool_and_a_rejected_result_of_who_made_it() {
    let mut raw = completed();
    raw["gates"] = json!([
        {"kind": "step", "step_key": "research", "action": "revise", "actor": "bob", "feedback": "only our shop"},
        {"kind": "step", "step_key": "research", "action": "approve", "actor": "bob"},
        {"kind": "publication", "action": "reject", "actor": "bob", "feedback": "off topic"}]);
    let call = the(&raw, Code::CallRefused);
    assert_eq!(
        (call.kind, call.repaired),
        (
            Kind {
                code: Code::CallRefused,
                tool: "research_agent".to_owned(),
                condition: String::new()
            },
            true
        )
    );
    let rejected = the(&raw, Code::ResultRejected);
    assert_eq!(
        (rejected.kind.tool.as_str(), rejected.repaired),
        ("writer_agent", false)
    );
}
