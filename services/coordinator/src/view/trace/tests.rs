use super::*;
use crate::view::story::{Story, broken, submission, well};
use uuid::Uuid;
use workflow::ids::Serial;
use workflow::state::Unit;
use workflow::vocabulary::{Action, EventKind};

fn instant(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap()
}

fn sources(story: &Story) -> Sources {
    let event = |e: &workflow::decision::Event| {
        let (kind, at) = (e.kind, service::clock::rfc3339(e.at.0));
        json!({ "type": format!("io.orchestrator.{kind}.v1"), "time": at, "data": e.data }).to_string()
    };
    let payloads = |kind: &'static str| story.changes.payloads.iter().filter(move |p| p.kind == kind);
    let read = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
    let gate = |row: &workflow::decision::GateRow| {
        let decided = row.decided.as_ref().unwrap();
        GateLine {
            task_id: story.task.id.0,
            id: row.gate.0,
            kind: row.kind.as_str().to_owned(),
            step_key: row.step_key.clone(),
            opened_at: instant(row.opened_at.0),
            action: Some(decided.action.as_str().to_owned()),
            actor: Some(decided.actor.clone()),
            decided_at: Some(instant(decided.at.0)),
            feedback: decided.feedback.clone(),
        }
    };
    let documents = payloads("intent").map(|p| read(&p.body.text));
    let plans = payloads("plan").map(|p| serde_json::from_str(&p.body.text).unwrap());
    Sources {
        events: story.changes.events.iter().map(event).collect(),
        gates: story
            .changes
            .gates
            .iter()
            .filter(|row| row.decided.is_some())
            .map(gate)
            .collect(),
        runs: Vec::new(),
        effects: Vec::new(),
        plans: plans.zip(documents).collect(),
        assessments: payloads("assessment").map(|p| read(&p.body.text)).collect(),
        truncated: false,
    }
}

fn run(story: &Story, serial: u32, of: (&str, Option<&str>), number: (i32, i32), counted: bool) -> RunLine {
    RunLine {
        job_id: story.task.id.job(Serial(serial)).0,
        run_id: Uuid::from_u128(u128::from(serial)),
        kind: Some(of.0.to_owned()),
        step_key: of.1.map(str::to_owned),
        plan_version: Some(i32::from(of.0 != "plan")),
        round: Some(number.0),
        attempt: Some(number.1),
        outcome: "succeeded".to_owned(),
        error: String::new(),
        message: String::new(),
        counted,
        started_at: instant(1_700_000_000_500),
        finished_at: instant(1_700_000_000_600),
        calls: json!([{ "kind": "tool", "name": of.1 }]).to_string(),
    }
}

#[test]
fn a_repaired_task_tells_each_attempt_with_its_calls_each_judgement_and_who_decided_what() {
    let mut story = Story::begin(1, submission(None));
    let judged = std::cell::Cell::new(0.2);
    story.run(&|story, unit| {
        let score = if unit == Unit::Assess {
            judged.replace(0.95)
        } else {
            0.0
        };
        Ok(well(unit, &story.key(unit), score))
    });
    story.decide(Action::Approve);
    let facts = story.facts();
    let mut sources = sources(&story);
    let named = |serial, kind, step, number| run(&story, serial, (kind, step), number, true);
    let mut late = run(&story, 2, ("execute", Some("draft")), (0, 1), false);
    (late.kind, late.step_key, late.run_id) = (None, None, Uuid::from_u128(99));
    sources.runs = vec![
        named(1, "plan", None, (0, 1)),
        named(5, "execute", Some("draft"), (1, 1)),
        named(2, "execute", Some("draft"), (0, 1)),
        late,
        named(4, "assess", None, (0, 1)),
    ];
    let document = trace(&facts, sources);

    assert_eq!(document["planning"][0]["reasoning"], "Facts first.");
    assert_eq!(document["planning"][0]["attempts"][0]["calls"][0]["kind"], "tool");
    let draft = &document["steps"][0];
    assert_eq!(
        (&draft["key"], &draft["reason"], &draft["status"]),
        (&json!("draft"), &json!("facts first"), &json!("succeeded"))
    );
    let told = |attempt: &Value| {
        (
            attempt["round"].clone(),
            attempt["counted"].clone(),
            attempt["calls"][0]["name"].clone(),
        )
    };
    let attempts = draft["attempts"].as_array().unwrap();
    assert_eq!(
        attempts.iter().map(told).collect::<Vec<_>>(),
        [
            (json!(0), json!(true), json!("draft")),
            (json!(0), json!(false), json!("draft")),
            (json!(1), json!(true), json!("draft")),
        ]
    );
    assert!(attempts[2]["finished_at"].as_str() > attempts[0]["finished_at"].as_str());
    let assessment = document["assessment"].as_array().unwrap();
    assert_eq!(
        assessment.iter().map(|a| a["passed"].clone()).collect::<Vec<_>>(),
        [json!(false), json!(true)]
    );
    assert_eq!(assessment[0]["dimensions"]["clarity"]["feedback"], "more");
    assert_eq!(assessment[0]["attempts"].as_array().unwrap().len(), 1);
    let decisions = document["decisions"].as_array().unwrap();
    let told = |d: &Value| format!("{} {} {}", d["actor"], d["action"], d["gate"]["kind"]).replace('"', "");
    assert_eq!(
        decisions.iter().map(told).collect::<Vec<_>>(),
        ["policy refine null", "ann approve publication"]
    );
    assert_eq!(
        (&document["trace_id"], document.get("other_runs")),
        (&Value::Null, None)
    );
}

#[test]
fn attempts_that_were_tried_again_stand_before_the_one_that_counted() {
    let mut story = Story::begin(4, submission(None));
    story.run_well(1.0);
    let mut sources = sources(&story);
    let told = |kind: &str, attempt: u32| {
        let data = json!({ "key": "draft", "round": 0, "attempt": attempt, "step_status": kind });
        let kind = if kind == "queued" { kind } else { "succeeded" };
        json!({ "type": format!("io.orchestrator.step.{kind}.v1"), "time": "2026-01-01T00:00:00Z", "data": data })
    };
    sources.events.retain(|event| !event.contains("step."));
    sources
        .events
        .extend([told("queued", 0), told("succeeded", 2)].map(|event| event.to_string()));
    let mut failed = run(&story, 2, ("execute", Some("draft")), (0, 1), true);
    (failed.outcome, failed.error) = ("failed".to_owned(), "tool_unavailable".to_owned());
    sources.runs = vec![failed];
    let document = trace(&story.facts(), sources);
    let told = |attempt: &Value| {
        (
            attempt["attempt"].clone(),
            attempt["status"].clone(),
            attempt["error"].clone(),
        )
    };
    let attempts = document["steps"][0]["attempts"].as_array().unwrap();
    assert_eq!(
        attempts.iter().map(told).collect::<Vec<_>>(),
        [
            (json!(1), json!("failed"), json!("tool_unavailable")),
            (json!(2), json!("succeeded"), Value::Null),
        ]
    );
}

#[test]
fn a_run_that_was_postponed_is_not_taken_for_the_attempt_that_followed_it() {
    let mut story = Story::begin(5, submission(None));
    story.run_well(1.0);
    let mut sources = sources(&story);
    let ran = |number| {
        let mut run = run(&story, 2, ("execute", Some("draft")), (0, 1), true);
        run.run_id = Uuid::from_u128(number);
        run
    };
    let mut released = ran(1);
    (released.outcome, released.error) = ("released".to_owned(), "model_unavailable".to_owned());
    sources.runs = vec![released, ran(2)];
    let document = trace(&story.facts(), sources);
    let runs = |name: &str| {
        let runs = document["steps"][0][name].as_array().unwrap().iter();
        runs.map(|run| (run["run_id"].clone(), run["status"].clone(), run["error"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        runs("attempts"),
        [(json!(Uuid::from_u128(2)), json!("succeeded"), Value::Null)]
    );
    assert_eq!(
        runs("postponed"),
        [(json!(Uuid::from_u128(1)), json!("released"), json!("model_unavailable"))]
    );
}

#[test]
fn a_failed_attempt_says_why_and_the_task_why_it_waits() {
    let mut story = Story::begin(2, submission(None));
    story.run(&|story, unit| match unit {
        Unit::Step(1) => Err(broken()),
        _ => Ok(well(unit, &story.key(unit), 1.0)),
    });
    let document = trace(&story.facts(), sources(&story));
    let attempt = &document["steps"][1]["attempts"][0];
    assert_eq!(
        (&attempt["status"], &attempt["error"]),
        (&json!("failed"), &json!("tool_timeout"))
    );
    let waits = document["decisions"].as_array().unwrap().last().unwrap();
    assert_eq!(waits["action"], "needs_attention");
    assert!(waits["reason"].as_str().unwrap().contains("too slow"));
    assert!(
        story
            .changes
            .events
            .iter()
            .any(|e| e.kind == EventKind::TaskNeedsAttention)
    );
}

#[test]
fn without_step_events_the_last_attempt_of_each_step_is_told() {
    let mut request = submission(None);
    request.policy.step_events = false;
    let mut story = Story::begin(3, request);
    story.run_well(1.0);
    let document = trace(&story.facts(), sources(&story));
    let attempt = &document["steps"][0]["attempts"][0];
    assert_eq!(
        (&attempt["attempt"], &attempt["status"]),
        (&json!(1), &json!("succeeded"))
    );
}

#[test]
fn a_run_that_asked_and_the_one_that_did_it_are_two_attempts() {
    let plan = json!({ "steps": [{ "key": "mail", "tool_id": "send", "arguments": {} }] });
    let mut story = Story::begin(7, submission(Some(plan)));
    story.run_well(1.0);
    story.decide(Action::Approve);
    story.run_well(1.0);
    let mut sources = sources(&story);
    let ran = |number, outcome: &str| {
        let mut run = run(&story, 1, ("execute", Some("mail")), (0, 1), true);
        (run.run_id, run.outcome) = (Uuid::from_u128(number), outcome.to_owned());
        run
    };
    let plan = story.plan.as_deref().cloned().unwrap();
    sources.plans = vec![(plan, json!({}))];
    // What asked is not traced here; what did it is not taken for it.
    sources.runs = vec![ran(2, "succeeded")];
    let document = trace(&story.facts(), sources);
    let attempts = document["steps"][0]["attempts"].as_array().unwrap();
    let told = |attempt: &Value| (attempt["status"].clone(), attempt["run_id"].clone());
    assert_eq!(
        attempts.iter().map(told).collect::<Vec<_>>(),
        [
            (json!("waiting_approval"), Value::Null),
            (json!("succeeded"), json!(Uuid::from_u128(2))),
        ]
    );
}
