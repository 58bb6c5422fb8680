//! The documents, member by member.

use super::story::{self, Story, broken, submission, two_steps, well};
use super::*;
use crate::store::tasks::EffectLine;
use crate::store::tasks::ended::GateLine;
use serde_json::json;
use uuid::Uuid;
use workflow::decision::{EffectReply, Refusal, Reply};
use workflow::ids::RunId;
use workflow::input::{Body, EffectRequest, Input, Outcome};
use workflow::risk::{Outside, Risk, risk};
use workflow::state::Unit;
use workflow::time::Millis;
use workflow::vocabulary::{Action, EffectClass, PlanOrigin};

/// SHA-256 of `abc`.
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn waiting_for_approval() -> Story {
    let mut story = Story::begin(1, submission(Some(two_steps())));
    story.run_well(0.8);
    assert_eq!(story.task.status.as_str(), "awaiting_approval");
    story
}

fn step_of(id: &str, key: &str, depends_on: &[&str], times: [&str; 2]) -> Value {
    json!({
        "step_id": id, "key": key, "title": null, "tool_id": "null", "depends_on": depends_on, "reason": null,
        "status": "succeeded", "attempt": 1, "round": 0,
        "started_at": format!("2023-11-14T22:13:{}.000Z", times[0]),
        "finished_at": format!("2023-11-14T22:13:{}.000Z", times[1]),
        "output": { "text": format!("text of {key}") },
    })
}

#[test]
fn the_status_has_the_members_of_the_contract() {
    let story = waiting_for_approval();
    let gate = &story.task.gates[0];
    let gate_id = story.task.id.gate(gate.serial).to_string();
    let mut draft = step_of("018bcfe5-6800-7000-8000-000140010000", "draft", &[], ["21", "22"]);
    draft["title"] = json!("Draft");
    draft["reason"] = json!("facts first");
    let check = step_of(
        "018bcfe5-6800-7000-8000-000140010001",
        "check",
        &["draft"],
        ["22", "23"],
    );
    let expected = json!({
        "task_id": "018bcfe5-6800-7000-8000-000100000000",
        "status": "awaiting_approval",
        "phase": "approval",
        "request": "Write about AI",
        "intent": { "goal": "Write about AI" },
        "progress": { "steps_total": 2, "steps_done": 2 },
        "plan": { "version": 1, "origin": "client", "summary": "Draft, then check.", "steps": [draft, check] },
        "quality": {
            "overall": 0.8, "threshold": 0.6, "passed": true,
            "dimensions": {
                "clarity": { "score": 0.8, "weight": 3.0, "floor": 0.6, "evidence": { "words": 3 }, "feedback": "more" },
                "tone": { "score": 0.8, "weight": 1.0, "floor": 0.1, "evidence": "dry", "feedback": "" },
            },
            "blamed_steps": [], "blame": { "draft": "longer" }, "failed_checks": [], "engine": "offline",
            "judge": { "models": ["offline"], "prompts": [], "samples": 1 },
        },
        "refinements": 0,
        "cost": { "usd": 0.0, "input_tokens": 0, "output_tokens": 0, "calls": 0 },
        "budget": { "max_cost_usd": 1.0, "max_tokens": null, "max_calls": null, "max_duration_seconds": null },
        "open_gates": [{
            "gate_id": gate_id, "kind": "publication",
            "opened_at": "2023-11-14T22:13:25.000Z", "expires_at": "2023-11-14T23:13:25.000Z",
            "assignee": null,
            "content_hash": gate.content_hash.to_string(),
            "allowed_actions": ["approve", "edit", "revise", "reject", "cancel"],
        }],
        "model_versions": {},
        "patterns_used": [],
        "memory": null,
        "deliverables": [{ "channel": "blog", "title": "AI", "content": "abc", "content_type": "text/markdown", "content_hash": ABC }],
        "created_at": "2023-11-14T22:13:20.000Z",
        "updated_at": "2023-11-14T22:13:25.000Z",
    });
    assert_eq!(status(&story.facts(), &[]), expected);
}

#[test]
fn before_there_is_a_plan_nothing_is_made_up() {
    let story = Story::begin(1, submission(None));
    let status = status(&story.facts(), &[]);
    for empty in ["intent", "plan", "quality", "memory"] {
        assert_eq!(status[empty], Value::Null, "{empty}");
    }
    assert_eq!(status["progress"], json!({ "steps_total": 0, "steps_done": 0 }));
    for absent in ["attention", "deliverables", "published", "error", "finished_at"] {
        assert_eq!(status.get(absent), None, "{absent}");
    }
}

#[test]
fn a_planners_task_tells_what_it_understood_and_remembered() {
    let mut story = Story::begin(1, submission(None));
    story.run_well(0.8);
    let status = status(&story.facts(), &[]);
    assert_eq!(status["intent"]["goal"], "A post");
    assert_eq!(
        (&status["plan"]["origin"], &status["memory"]),
        (&json!("planner"), &json!("used"))
    );
    assert_eq!(status["patterns_used"], json!(["p1"]));
    let gate = story.task.gates[0].clone();
    assert_eq!(approval(&story.facts(), &gate, &[], None)["reasoning"], "Facts first.");

    // What was expected of the plan stands where people see it, and not beside another plan.
    for plan in [&status["plan"], &approval(&story.facts(), &gate, &[], None)["plan"]] {
        assert_eq!(plan["forecast"], story::forecast());
        assert_eq!(plan["candidates"][1]["reason"], "nobody knows");
        assert_eq!(plan["dropped_orders"][0]["step"], "draft");
    }
    let mut edited = story.facts();
    edited.plan.as_mut().unwrap().origin = PlanOrigin::Human;
    assert_eq!(super::status(&edited, &[])["plan"].get("forecast"), None);
}

#[test]
fn the_end_tells_what_was_published_and_why_nothing_was() {
    let mut story = waiting_for_approval();
    story.decide(Action::Approve);
    story.run_well(0.8);
    let done = status(&story.facts(), &[]);
    let published = json!([{ "channel": "blog", "state": "published", "location": "/blog/1.md", "at": "2023-11-14T22:13:28.000Z" }]);
    assert_eq!((&done["status"], &done["published"]), (&json!("completed"), &published));
    assert_eq!(
        (&done["open_gates"], &done["finished_at"]),
        (&json!([]), &done["updated_at"])
    );

    let mut story = waiting_for_approval();
    story.then(&Input::CancelRequested {
        actor: "bob".to_owned(),
    });
    let cancelled = status(&story.facts(), &[]);
    assert_eq!(
        cancelled["error"],
        json!({ "code": "cancelled", "message": "cancelled by bob" })
    );
    assert_eq!(cancelled["published"], json!([]));
}

#[test]
fn a_failed_step_is_told_and_a_human_asked_and_after_the_end_no_more() {
    let mut story = Story::begin(1, submission(Some(two_steps())));
    story.run(&|_, _| Err(broken()));
    let waits = status(&story.facts(), &[]);
    assert_eq!(waits["attention"]["reason"], "attempts_exhausted");
    let draft = &waits["plan"]["steps"][0];
    assert_eq!(
        (&draft["status"], &draft["error"]),
        (
            &json!("failed"),
            &json!({ "code": "tool_timeout", "message": "too slow" })
        )
    );
    assert_eq!(draft.get("output"), None);
    let gate = story.task.gates[0].clone();
    let asked = approval(&story.facts(), &gate, &[], None);
    assert_eq!(
        (&asked["kind"], &asked["summary"]),
        (&json!("attention"), &waits["attention"]["detail"])
    );
    assert_eq!(
        (&asked["expires_at"], &asked["allowed_actions"]),
        (&Value::Null, &json!(["retry", "skip", "reject", "cancel"]))
    );
    story.decide(Action::Reject);
    let failed = status(&story.facts(), &[]);
    assert_eq!((failed.get("attention"), &failed["status"]), (None, &json!("failed")));
    assert_eq!(failed["error"]["code"], "attempts_exhausted");
}

#[test]
fn the_price_is_null_only_where_none_is_known() {
    let story = waiting_for_approval();
    let usd = |lines, priced| {
        let costs = CostTotals {
            usd_micros: 0,
            calls: 2,
            input_tokens: 7,
            output_tokens: 3,
            lines,
            priced,
        };
        let cost = status(&story.facts_with(costs), &[])["cost"].clone();
        assert_eq!((&cost["input_tokens"], &cost["output_tokens"]), (&json!(7), &json!(3)));
        assert_eq!(cost["calls"], 2);
        cost["usd"].clone()
    };
    assert_eq!(usd(0, 0), json!(0.0));
    assert_eq!(usd(2, 0), Value::Null);
    assert_eq!(usd(2, 1), json!(0.0));
}

#[test]
fn an_output_too_large_to_show_stands_as_its_hash() {
    let mut story = Story::begin(1, submission(Some(two_steps())));
    let text = format!("blob:{}:123456789", "a".repeat(64));
    story.run(&|story, unit| match unit {
        Unit::Step(1) => Ok(workflow::input::Outcome::Output(Body::new(text.as_str()))),
        _ => Ok(well(unit, &story.key(unit), 0.8)),
    });
    let status = status(&story.facts(), &[]);
    assert_eq!(
        status["plan"]["steps"][1]["output"],
        json!({ "$blob": "a".repeat(64), "size": 123_456_789 })
    );
}

#[test]
fn a_step_that_runs_again_has_no_output_and_the_round_is_counted() {
    let mut story = Story::begin(1, submission(Some(two_steps())));
    story.run(&|story, unit| match unit {
        Unit::Step(0) if story.task.round == 1 => Err(broken()),
        _ => Ok(well(unit, &story.key(unit), 0.1)),
    });
    let status = status(&story.facts(), &[]);
    let draft = &status["plan"]["steps"][0];
    assert_eq!(
        (&status["refinements"], &draft["round"], draft.get("output")),
        (&json!(1), &json!(1), None)
    );
    assert_eq!(
        (&status["quality"]["passed"], &status["quality"]["blamed_steps"]),
        (&json!(false), &json!(["draft"]))
    );
}

#[test]
fn what_is_being_revised_is_no_deliverable_any_more() {
    let mut story = waiting_for_approval();
    assert!(status(&story.facts(), &[]).get("deliverables").is_some());
    story.decide(Action::Revise);
    let revised = status(&story.facts(), &[]);
    assert_eq!(
        (&revised["status"], revised.get("deliverables")),
        (&json!("refining"), None)
    );
}

#[test]
fn an_approval_shows_what_is_decided_about() {
    let story = waiting_for_approval();
    let gate = story.task.gates[0].clone();
    let shown = approval(&story.facts(), &gate, &[], None);
    for member in [
        "task_id",
        "gate_id",
        "kind",
        "status",
        "request",
        "summary",
        "deliverables",
        "quality",
        "plan",
        "reasoning",
        "cost",
        "content_hash",
        "expires_at",
        "allowed_actions",
    ] {
        assert!(shown.get(member).is_some(), "{member}");
    }
    assert_eq!(
        (&shown["kind"], &shown["summary"]),
        (&json!("publication"), &json!("Draft, then check."))
    );
    assert_eq!(shown["deliverables"][0]["content_hash"], ABC);
    assert_eq!(
        shown["plan"]["steps"][1]["arguments"],
        json!({ "text": { "$step": "draft", "pointer": "/text" } })
    );
    assert_eq!(shown.get("effects"), None);
    let line = EffectLine {
        target: "blog".to_owned(),
        class: Some(EffectClass::Once),
        state: "unknown".to_owned(),
        at: chrono::DateTime::UNIX_EPOCH,
    };
    let shown = approval(&story.facts(), &gate, &[line], None);
    let effects =
        json!([{ "target": "blog", "effects": "once", "state": "unknown", "at": "1970-01-01T00:00:00.000Z" }]);
    assert_eq!(shown["effects"], effects);
}

#[test]
fn a_step_gate_names_its_step() {
    let plan = json!({ "steps": [{ "key": "mail", "tool_id": "send", "reason": "they asked", "arguments": {} }] });
    let mut story = Story::begin(1, submission(Some(plan)));
    story.run_well(0.8);
    let gate = story.task.gates[0].clone();
    let schema = json!({ "type": "object" });
    let shown = approval(&story.facts(), &gate, &[], Some(&schema));
    assert_eq!((&shown["kind"], &shown["step_key"]), (&json!("step"), &json!("mail")));
    assert_eq!(
        (&shown["tool_id"], &shown["arguments"], &shown["asks"]),
        (&json!("send"), &json!({ "text": "for mail" }), &json!("approval"))
    );
    assert_eq!(
        (&shown["tool_effects"], &shown["input_schema"]),
        (&json!("once"), &schema)
    );
    let actions = json!(["approve", "edit", "revise", "skip", "reject", "cancel"]);
    assert_eq!(shown["allowed_actions"], actions);
    assert_eq!(shown["summary"], "step mail runs the tool send: they asked");
    assert_eq!(shown["plan"]["steps"][0]["effects"], "once");
    assert_eq!(status(&story.facts(), &[])["open_gates"][0]["step_key"], "mail");
}

#[test]
fn what_a_tool_asks_is_shown_and_its_own_state_is_not() {
    let plan = json!({ "steps": [{ "key": "buy", "tool_id": "null", "arguments": {} }] });
    let mut story = Story::begin(1, submission(Some(plan)));
    let question = json!({
        "tool_id": "null", "arguments": { "item": "tea" }, "message": "which size?", "request_state": "SECRET",
        "requests": [{ "key": "size", "message": "s or l", "schema": { "enum": ["s", "l"] } }],
    });
    let asks = workflow::input::Outcome::Awaiting {
        kind: workflow::vocabulary::AskKind::Input,
        question: Body::new(question.to_string()),
    };
    story.run(&|_, _| Ok(asks.clone()));
    let gate = story.task.gates[0].clone();
    let shown = approval(&story.facts(), &gate, &[], None);
    assert_eq!(
        (&shown["asks"], &shown["requests"]),
        (&json!("input"), &question["requests"])
    );
    assert_eq!(shown["summary"], "step buy: the tool null asks: which size?");
    assert_eq!(shown["allowed_actions"], json!(["approve", "skip", "reject", "cancel"]));
    let status = status(&story.facts(), &[]);
    assert!(!format!("{shown}{status}").contains("SECRET"));
}

#[test]
fn a_gate_is_chosen_by_name_or_because_it_is_the_only_one() {
    let plan = json!({ "steps": [
        { "key": "a", "tool_id": "send", "arguments": {} }, { "key": "b", "tool_id": "send", "arguments": {} },
    ]});
    let mut story = Story::begin(1, submission(Some(plan)));
    story.run_well(0.8);
    let ids: Vec<_> = story.task.gates.iter().map(|g| story.task.id.gate(g.serial)).collect();
    assert_eq!(choose_gate(&story.task, None), Err(Refusal::GateAmbiguous(ids.clone())));
    assert_eq!(choose_gate(&story.task, Some(ids[1])), Ok(&story.task.gates[1]));
    let other = story::task_id(9).gate(workflow::ids::Serial(1));
    assert_eq!(choose_gate(&story.task, Some(other)), Err(Refusal::NotAwaitingApproval));
}

#[test]
fn risk_follows_what_goes_out() {
    let class = |name: &str| match name {
        "blog" => Some(EffectClass::Keyed),
        "letter" => Some(EffectClass::Once),
        _ => None,
    };
    let of = |story: &Story| {
        let plan = story.plan.as_deref();
        risk(&story.task, &story.task.gates[0], Outside { plan, channel: &class })
    };
    for (channel, expected) in [
        ("blog", Risk::Medium),
        ("letter", Risk::High),
        ("unheard", Risk::High),
        ("", Risk::Low),
    ] {
        let mut submission = submission(Some(two_steps()));
        submission.channels = Some(channel.to_owned()).filter(|c| !c.is_empty()).into_iter().collect();
        let mut story = Story::begin(1, submission);
        story.run_well(0.8);
        assert_eq!(of(&story), expected, "{channel}");
    }
    for (tool, expected) in [("null", Risk::Low), ("post", Risk::Medium), ("send", Risk::High)] {
        let plan = json!({ "steps": [{ "key": "a", "tool_id": tool, "arguments": {} }] });
        let mut submission = submission(Some(plan));
        submission.policy.plan_review = true;
        let story = Story::begin(1, submission);
        assert_eq!(of(&story), expected, "{tool}");
    }
    let mut story = Story::begin(1, submission(Some(two_steps())));
    story.run(&|_, _| Err(broken()));
    assert_eq!(of(&story), Risk::Low);
    let mut story = unknown_effect();
    assert_eq!(of(&story), Risk::High);
    assert_eq!(story.decide(Action::Reject), Reply::Done);
}

/// A step whose sending nobody knows the outcome of.
fn unknown_effect() -> Story {
    let plan = json!({ "steps": [{ "key": "a", "tool_id": "post", "arguments": {} }] });
    let mut story = Story::begin(1, submission(Some(plan)));
    story.then(&Input::TimerFired);
    let job = story.task.jobs[0].clone();
    let (id, run) = (story.task.id.job(job.serial), RunId(Uuid::from_u128(7)));
    let reply = story.then(&Input::EffectBegun(EffectRequest {
        job: id,
        dispatch: job.dispatch,
        run,
        ordinal: 0,
        class: EffectClass::Once,
        target: "shop".to_owned(),
        tool: None,
        request: Body::new("{}"),
        send_within: Millis::secs(5),
        key_ttl: Millis::secs(5),
    }));
    assert!(matches!(reply, Reply::Effect(EffectReply::Send { .. })));
    let failure = workflow::input::Failure {
        effect_unknown: true,
        ..broken()
    };
    story.then(&story::ended_with(
        id,
        job.dispatch,
        Err(failure),
        workflow::input::Cost::default(),
    ));
    assert_eq!(story.task.attention.as_ref().unwrap().reason.as_str(), "effect_unknown");
    story
}

#[test]
fn steps_have_ids_of_their_own() {
    let task = story::task_id(1);
    let mut ids: Vec<Uuid> = (1..=3)
        .flat_map(|version| (0..200).map(move |i| plan::step_id(task, version, i)))
        .collect();
    ids.extend((1..=600).map(|n| task.job(workflow::ids::Serial(n)).0));
    ids.extend((1..=600).map(|n| task.event(n)));
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
    assert!(ids.iter().all(|id| id.get_version_num() == 7));
}

#[test]
fn a_record_holds_all_the_learner_needs_once() {
    let mut submission = submission(None);
    submission.policy.auto_approve = true;
    let mut story = Story::begin(1, submission);
    story.run_well(0.8);
    assert_eq!(story.task.status.as_str(), "completed");
    let judged: Vec<_> = story
        .changes
        .payloads
        .iter()
        .filter(|p| p.kind == "assessment")
        .map(|p| Judgement {
            payload: p.no,
            plan_version: Some(1),
            round: Some(0),
        })
        .collect();
    let costs = [];
    let documents = Documents {
        gates: &[],
        costs: &costs,
        assessments: &judged,
    };
    let facts = story.facts();
    let record = serde_json::to_value(record(&facts, documents)).unwrap();
    assert_eq!(
        record["outputs"],
        json!({ "draft": { "text": "text of draft" }, "check": { "text": "text of check" } })
    );
    assert_eq!(record["task"]["plan"]["steps"][0].get("output"), None);
    assert_eq!(
        (
            record["task"].get("deliverables"),
            &record["deliverables"][0]["content"]
        ),
        (None, &json!("abc"))
    );
    assert_eq!(
        (&record["intent"]["goal"], &record["reasoning"], &record["engine"]),
        (&json!("A post"), &json!("Facts first."), &json!("offline"))
    );
    assert_eq!(record["assessments"][0]["dimensions"]["tone"]["score"], 0.8);
    assert_eq!(record["assessments"][0]["plan_version"], 1);
    assert_eq!(record["assessments"][0]["round"], 0);
    assert_eq!(record["plan"]["steps"][1]["key"], "check");
    let submitted = json!({
        "request": "Write about AI", "business_metrics": { "revenue": 5.0 }, "preferences": { "tone": "dry" },
        "metadata": { "team": "web" }, "channels": ["blog"], "actor": "ann",
    });
    assert_eq!(record["submission"], submitted);
    assert_eq!(
        (&record["gates"][0]["actor"], &record["gates"][0]["action"]),
        (&json!("policy"), &json!("approve"))
    );
}

#[test]
fn what_a_repaired_step_made_before_stands_beside_its_output() {
    let mut story = Story::begin(8, submission(None));
    story.run(&|story, unit| {
        let round = story.task.round;
        Ok(match unit {
            Unit::Step(0) => Outcome::Output(Body::new(json!({ "text": format!("round {round}") }).to_string())),
            Unit::Assess => well(unit, "", if round == 0 { 0.2 } else { 0.9 }),
            _ => well(unit, &story.key(unit), 1.0),
        })
    });
    let documents = Documents {
        gates: &[],
        costs: &[],
        assessments: &[],
    };
    let facts = story.facts();
    let record = serde_json::to_value(record(&facts, documents)).unwrap();
    assert_eq!(record["outputs"]["draft"]["text"], "round 1");
    assert_eq!(
        record["other_outputs"],
        json!({ "draft": [{ "round": 0, "output": { "text": "round 0" } }] }),
        "an output that came out the same is no other one"
    );
    assert!(record["configuration"].as_str().is_some_and(|hash| !hash.is_empty()));
}

#[test]
fn where_a_human_approved_policy_did_not() {
    let mut story = waiting_for_approval();
    story.submission.policy.auto_approve = true;
    story.decide(Action::Approve);
    story.run_well(0.8);
    let gate = GateLine {
        task_id: story.task.id.0,
        id: Uuid::nil(),
        kind: "publication".to_owned(),
        step_key: None,
        opened_at: chrono::DateTime::UNIX_EPOCH,
        action: Some("approve".to_owned()),
        actor: Some("ann".to_owned()),
        decided_at: None,
        feedback: Some("good".to_owned()),
    };
    let documents = Documents {
        gates: &[gate],
        costs: &[],
        assessments: &[],
    };
    let facts = story.facts();
    let gates = serde_json::to_value(record(&facts, documents)).unwrap()["gates"].clone();
    assert_eq!(gates.as_array().unwrap().len(), 1);
    assert_eq!(
        (&gates[0]["actor"], &gates[0]["feedback"]),
        (&json!("ann"), &json!("good"))
    );
}

#[test]
fn a_record_tells_what_a_human_changed_as_it_was_made() {
    let mut story = waiting_for_approval();
    let made = r#"{"channel":"blog","title":"T","content":"abc","content_type":"text/plain","content_hash":"0"}"#;
    let mut decision = story::decision(Action::Edit, 1);
    decision
        .edits
        .insert("blog".to_owned(), edited(made, "better").unwrap());
    story.then(&Input::GateDecided(decision));
    story.run_well(0.8);
    assert_eq!(story.task.status.as_str(), "completed");
    let documents = Documents {
        gates: &[],
        costs: &[],
        assessments: &[],
    };
    let record = serde_json::to_value(record(&story.facts(), documents)).unwrap();
    assert_eq!(record["deliverables"][0]["content"], "better");
    assert_eq!(record["drafts"], json!([{ "channel": "blog", "content": "abc" }]));
}

#[test]
fn an_edit_replaces_the_content_and_its_hash_alone() {
    let stored = r#"{"channel":"blog","title":"T","content":"old","content_type":"text/plain","content_hash":"0"}"#;
    let document: Value = serde_json::from_str(&edited(stored, "abc").unwrap()).unwrap();
    assert_eq!(
        document,
        json!({ "channel": "blog", "title": "T", "content": "abc", "content_type": "text/plain", "content_hash": ABC })
    );
    assert_eq!(edited("blob:0:1", "abc"), None);
}
