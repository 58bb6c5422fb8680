//! Bad input gets the contract's errors and stores nothing.

use crate::behaviours;
use crate::group::hold;
use anyhow::{Context as _, Result, ensure};
use integration_tests::document::Document as _;
use integration_tests::plans::null_step;
use integration_tests::rest::Rest;
use integration_tests::world::World;
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;

const UNKNOWN: &str = "0190b5a0-0000-7000-8000-000000000000";

#[test]
fn bad_input_is_refused_with_the_contracts_errors_and_stores_nothing() -> Result<()> {
    hold(
        "errors",
        |options| options.config.push_str("\n[policy]\nauto_approve = false\n"),
        behaviours![bad_input_is_refused],
    )
}

/// One after the other, so that the count of tasks in the end tells whether one of them was stored.
async fn bad_input_is_refused(world: Arc<World>) -> Result<()> {
    let rest = &world.rest;
    let mut wrong = Vec::new();
    wrong.extend(bodies_that_cannot_be_read(rest).await);
    wrong.extend(submissions_that_cannot_be_accepted(rest).await);
    wrong.extend(hostile_plans(rest).await);
    wrong.extend(paths_and_methods(rest).await?);
    let stored = rest.pages("/tasks?limit=200").await?.len();
    if stored != 0 {
        wrong.push(format!("{stored} tasks were stored"));
    }
    ensure!(
        wrong.is_empty(),
        "{} answers are wrong:\n  {}",
        wrong.len(),
        wrong.join("\n  ")
    );
    Ok(())
}

async fn bodies_that_cannot_be_read(rest: &Rest) -> Vec<String> {
    let deep = format!(
        "{{\"request\":\"x\",\"preferences\":{}1{}}}",
        "{\"a\":".repeat(5000),
        "}".repeat(5000)
    );
    let huge = json!({"request": "x", "metadata": {"pad": "y".repeat(1 << 20)}}).to_string();
    let cases: Vec<(&str, Vec<u8>, u16, &str)> = vec![
        ("nothing", vec![], 400, "body_required"),
        ("white space", b"  \n ".to_vec(), 400, "body_required"),
        ("cut off", b"{\"request\": \"hel".to_vec(), 400, "json_syntax"),
        (
            "two documents",
            b"{\"request\":\"a\"} {\"request\":\"b\"}".to_vec(),
            400,
            "json_syntax",
        ),
        (
            "NaN",
            b"{\"request\":\"a\",\"business_metrics\":{\"m\":NaN}}".to_vec(),
            400,
            "json_syntax",
        ),
        ("a list", b"[1,2]".to_vec(), 400, "json_type"),
        ("null", b"null".to_vec(), 400, "json_type"),
        ("too deep", deep.into_bytes(), 400, "json_too_deep"),
        (
            "a key twice",
            b"{\"request\":\"a\",\"request\":\"b\"}".to_vec(),
            400,
            "duplicate_key",
        ),
        (
            "a key twice inside",
            b"{\"request\":\"a\",\"metadata\":{\"k\":\"1\",\"k\":\"2\"}}".to_vec(),
            400,
            "duplicate_key",
        ),
        ("NUL", b"{\"request\":\"a\\u0000b\"}".to_vec(), 400, "invalid_text"),
        (
            "a lone surrogate",
            b"{\"request\":\"a\\ud800b\"}".to_vec(),
            400,
            "invalid_text",
        ),
        (
            "no UTF-8",
            b"{\"request\":\"a\xff\xfeb\"}".to_vec(),
            400,
            "invalid_text",
        ),
        ("over a megabyte", huge.into_bytes(), 413, ""),
    ];
    let mut wrong = Vec::new();
    for (name, body, status, code) in cases {
        let request = rest
            .request(Method::POST, "/process")
            .header("content-type", "application/json")
            .body(body);
        check(&mut wrong, name, Rest::send(request).await, status, code);
    }
    let form = rest
        .request(Method::POST, "/process")
        .header("content-type", "text/plain")
        .body("{\"request\":\"a\"}");
    check(&mut wrong, "text/plain", Rest::send(form).await, 415, "");
    wrong
}

async fn submissions_that_cannot_be_accepted(rest: &Rest) -> Vec<String> {
    let many: serde_json::Map<String, Value> = (0..65).map(|n| (format!("m{n}"), json!(n))).collect();
    let cases = [
        ("no request", json!({}), 422, ""),
        ("an empty request", json!({"request": ""}), 422, ""),
        ("a long request", json!({"request": "x".repeat(16_385)}), 422, ""),
        ("a number as request", json!({"request": 7}), 422, ""),
        (
            "an unknown field",
            json!({"request": "a", "reqest": "b"}),
            422,
            "unknown_field",
        ),
        (
            "text as metric",
            json!({"request": "a", "business_metrics": {"m": "1"}}),
            422,
            "",
        ),
        (
            "too many metrics",
            json!({"request": "a", "business_metrics": many}),
            422,
            "",
        ),
        (
            "threshold above 1",
            json!({"request": "a", "quality_threshold": 1.5}),
            422,
            "",
        ),
        (
            "negative budget",
            json!({"request": "a", "budget": {"max_cost_usd": -1}}),
            422,
            "",
        ),
        (
            "unknown budget field",
            json!({"request": "a", "budget": {"max_euro": 1}}),
            422,
            "unknown_field",
        ),
        (
            "large preferences",
            json!({"request": "a", "preferences": {"p": "x".repeat(9000)}}),
            422,
            "",
        ),
        (
            "channels as text",
            json!({"request": "a", "preferences": {"channels": "blog"}}),
            422,
            "",
        ),
        (
            "an unknown channel",
            json!({"request": "a", "preferences": {"channels": ["fax"]}}),
            422,
            "unknown_channel",
        ),
        (
            "numbers in metadata",
            json!({"request": "a", "metadata": {"k": 1}}),
            422,
            "",
        ),
        ("text as flag", json!({"request": "a", "plan_review": "yes"}), 422, ""),
        (
            "negative refinements",
            json!({"request": "a", "max_refinements": -1}),
            422,
            "",
        ),
        (
            "approval of its own",
            json!({"request": "a", "auto_approve": true}),
            403,
            "auto_approve_not_allowed",
        ),
    ];
    let mut wrong = Vec::new();
    for (name, body, status, code) in cases {
        check(&mut wrong, name, rest.post("/process", &body).await, status, code);
    }
    wrong
}

async fn hostile_plans(rest: &Rest) -> Vec<String> {
    let nothing = json!({});
    let with = |change: Value| {
        let mut step = null_step("a", &json!({}), &[]);
        for (name, value) in change.as_object().into_iter().flatten() {
            step[name] = value.clone();
        }
        json!({"steps": [step]})
    };
    let many: Vec<Value> = (0..201).map(|n| null_step(&format!("s{n}"), &nothing, &[])).collect();
    let chain: Vec<Value> = (0..150)
        .map(|n| match n {
            0 => null_step("s0", &nothing, &[]),
            n => null_step(&format!("s{n}"), &nothing, &[&format!("s{}", n - 1)]),
        })
        .collect();
    let cases = [
        ("no steps", json!({"steps": []}), "plan_"),
        ("not a plan", json!("do it"), "plan_"),
        ("an unknown tool", with(json!({"tool_id": "rm_rf"})), "plan_tool"),
        ("a channel as tool", with(json!({"tool_id": "blog"})), "plan_tool"),
        (
            "a wrong argument",
            with(json!({"tool_id": "oracle.work", "arguments": {"host": "evil"}})),
            "plan_arguments",
        ),
        (
            "a missing argument",
            with(json!({"tool_id": "oracle.work", "arguments": {}})),
            "plan_arguments",
        ),
        ("depends on itself", with(json!({"depends_on": ["a"]})), "plan_"),
        (
            "a cycle",
            json!({"steps": [null_step("a", &nothing, &["b"]), null_step("b", &nothing, &["a"])]}),
            "plan_cycle",
        ),
        (
            "a cycle by reference",
            json!({"steps": [
                null_step("a", &json!({"x": {"$step": "b", "pointer": ""}}), &[]),
                null_step("b", &json!({"x": {"$step": "a", "pointer": ""}}), &[]),
            ]}),
            "plan_cycle",
        ),
        ("depends on nobody", with(json!({"depends_on": ["ghost"]})), "plan_ref"),
        (
            "a reference to nobody",
            with(json!({"arguments": {"x": {"$step": "ghost", "pointer": ""}}})),
            "plan_ref",
        ),
        (
            "two of one key",
            json!({"steps": [null_step("a", &nothing, &[]), null_step("a", &nothing, &[])]}),
            "plan_duplicate_key",
        ),
        ("a key with a path", with(json!({"key": "../a"})), "plan_key"),
        ("too many steps", json!({"steps": many}), "plan_"),
        ("too deep", json!({"steps": chain}), "plan_limits"),
        ("an unknown field", with(json!({"shell": "true"})), "unknown_field"),
        (
            "a channel nobody asked for",
            with(json!({"channel": "linkedin"})),
            "plan_channel",
        ),
        ("a timeout of nothing", with(json!({"timeout_seconds": 0})), "plan_"),
        (
            "a thousand attempts",
            with(json!({"retry": {"max_attempts": 1000}})),
            "plan_",
        ),
        (
            "a broken check",
            with(json!({"acceptance": [{"pointer": "x", "schema": {"type": 7}}]})),
            "plan_",
        ),
        (
            "two tests in one condition",
            with(json!({"when": {"pointer": "/request", "exists": true, "gt": 1}})),
            "plan_when",
        ),
    ];
    let mut wrong = Vec::new();
    for (name, plan, code) in cases {
        let body = json!({"request": "Follow this plan", "plan": plan, "preferences": {"channels": []}});
        check(&mut wrong, name, rest.post("/process", &body).await, 422, code);
    }
    wrong
}

async fn paths_and_methods(rest: &Rest) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    let gets = [
        ("an unknown task", format!("/status/{UNKNOWN}"), 404, ""),
        ("no id", "/status/not-an-id".to_owned(), 400, "invalid_id"),
        ("an unknown task's events", format!("/tasks/{UNKNOWN}/events"), 404, ""),
        ("an unknown task's approval", format!("/approval/{UNKNOWN}"), 404, ""),
        (
            "a forged cursor",
            "/tasks?cursor=../../etc/passwd".to_owned(),
            400,
            "invalid_cursor",
        ),
        ("no limit", "/tasks?limit=0".to_owned(), 422, ""),
        ("a limit above 200", "/tasks?limit=100000".to_owned(), 422, ""),
        ("an unknown status", "/tasks?status=sleeping".to_owned(), 422, ""),
        ("an unknown path", "/nothing/here".to_owned(), 404, ""),
    ];
    for (name, path, status, code) in gets {
        check(&mut wrong, name, rest.get(&path).await, status, code);
    }
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE] {
        let answer = Rest::send(rest.request(method.clone(), &format!("/approve/{UNKNOWN}"))).await?;
        if answer.status != 405 {
            wrong.push(format!("{method} on approve: {}", answer.status));
        }
    }
    let posts = [
        (
            "approve an unknown task",
            format!("/approve/{UNKNOWN}"),
            json!({"approved": true}),
            404,
            "",
        ),
        (
            "approve without a word",
            format!("/approve/{UNKNOWN}"),
            json!({}),
            422,
            "",
        ),
        (
            "approve with an unknown field",
            format!("/approve/{UNKNOWN}"),
            json!({"approved": true, "aproved": 1}),
            422,
            "unknown_field",
        ),
        (
            "cancel an unknown task",
            format!("/tasks/{UNKNOWN}/cancel"),
            json!({}),
            404,
            "",
        ),
        (
            "an unknown verb",
            format!("/tasks/{UNKNOWN}/explode"),
            json!({}),
            404,
            "",
        ),
        (
            "an unknown export format",
            "/training-data/export".to_owned(),
            json!({"format": "xml"}),
            422,
            "",
        ),
    ];
    for (name, path, body, status, code) in posts {
        check(&mut wrong, name, rest.post(&path, &body).await, status, code);
    }
    Ok(wrong)
}

/// `code` ending in `_` is a beginning; empty means any.
fn check(
    wrong: &mut Vec<String>,
    name: &str,
    answer: Result<integration_tests::rest::Answer>,
    status: u16,
    code: &str,
) {
    let told = answer.with_context(|| format!("{name}: no answer")).and_then(|answer| {
        let fits = if code.is_empty() || code.ends_with('_') {
            answer.code().starts_with(code)
        } else {
            answer.code() == code
        };
        ensure!(
            answer.status == status && fits,
            "{name}: wanted {status} {code}, got {} {}: {}",
            answer.status,
            answer.code(),
            answer.body
        );
        answer
            .expect_problem(status, answer.body.text("/code")?)
            .with_context(|| name.to_owned())
    });
    if let Err(error) = told {
        wrong.push(format!("{error:#}"));
    }
}
