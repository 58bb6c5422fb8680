//! Endpoints against a real server on loopback.

mod authenticated;
mod hostile;
mod looked_up;
mod pages;
mod rebinding;

use super::offers;
use crate::effects::Stop;
use crate::test_ledger::TestLedger;
use crate::tools::{Call, Offer, Output};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::any;
use serde_json::{Value, json};
use service::config::ApiConfig;
use std::sync::{Arc, Mutex};

/// A server that records what arrives and answers as told.
#[derive(Clone)]
struct Receiver {
    arrived: Arc<Mutex<Vec<Arrival>>>,
    answers: Arc<Mutex<Vec<(u16, &'static str)>>>,
    base_url: String,
}

#[derive(Clone, PartialEq, Debug)]
struct Arrival {
    line: String,
    key: Option<String>,
    token: Option<String>,
    body: String,
}

async fn receiver(answers: &[(u16, &'static str)]) -> Receiver {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let receiver = Receiver {
        arrived: Arc::default(),
        answers: Arc::new(Mutex::new(answers.iter().rev().copied().collect())),
        base_url: format!("http://{}/api", listener.local_addr().unwrap()),
    };
    let app = Router::new().fallback(arrive).with_state(receiver.clone());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    receiver
}

async fn arrive(
    State(receiver): State<Receiver>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let header = |name: &str| Some(headers.get(name)?.to_str().unwrap().to_owned());
    receiver.arrived.lock().unwrap().push(Arrival {
        line: format!("{method} {uri}"),
        key: header("idempotency-key"),
        token: header("x-token"),
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    let (status, body) = receiver.answers.lock().unwrap().pop().unwrap_or((200, "{}"));
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

impl Receiver {
    fn arrived(&self) -> Vec<Arrival> {
        self.arrived.lock().unwrap().clone()
    }

    fn tool(&self, endpoint: Value) -> Offer {
        tool(&self.base_url, endpoint)
    }
}

fn tool(base_url: &str, endpoint: Value) -> Offer {
    tool_of(base_url, json!({"headers": {"x-token": "s3cret"}}), endpoint)
}

fn tool_of(base_url: &str, mut api: Value, mut endpoint: Value) -> Offer {
    endpoint["name"] = json!("x");
    api["name"] = json!("shop");
    api["base_url"] = json!(base_url);
    api["endpoints"] = json!([endpoint]);
    let api: ApiConfig = serde_json::from_value(api).unwrap();
    offers(&api, "default").unwrap().pop().unwrap()
}

async fn serve(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    base_url
}

async fn call(offer: &Offer, arguments: Value, ledger: &TestLedger) -> Result<Value, (String, bool, bool)> {
    let Value::Object(arguments) = arguments else {
        unreachable!()
    };
    let call = Call {
        tier: None,
        arguments,
        submission_json: "{}",
        feedback: &[],
        responses: None,
        request_state: None,
        run: ledger,
    };
    match offer.tool.call(call).await {
        Ok(Output { json, .. }) => Ok(serde_json::from_str(&json).unwrap()),
        Err(Stop::Failed(failure)) => Err((failure.code, failure.retryable, failure.effect_unknown)),
        Err(other) => panic!("{other:?}"),
    }
}

fn failed(code: &str, retryable: bool, effect_unknown: bool) -> Result<Value, (String, bool, bool)> {
    Err((code.to_owned(), retryable, effect_unknown))
}

#[tokio::test]
async fn a_request_is_made_of_templates_and_the_answer_is_read_at_the_pointer() {
    let receiver = receiver(&[(200, r#"{"data": {"stock": 7}}"#)]).await;
    let tool = receiver.tool(
        json!({"path": "/items/{{sku}}", "query": {"q": "{{name}}", "none": "{{ x | default('') }}"},
        "output_pointer": "/data"}),
    );
    assert_eq!(tool.spec.tool_id, "shop.x");
    let output = call(
        &tool,
        json!({"sku": "a/../b", "name": "green tea&x=1"}),
        &TestLedger::new(),
    )
    .await;
    assert_eq!(output, Ok(json!({"stock": 7})));
    let arrival = receiver.arrived().remove(0);
    assert_eq!(arrival.line, "GET /api/items/a%2F..%2Fb?q=green+tea%26x%3D1");
    assert_eq!(arrival.token.as_deref(), Some("s3cret"));
}

#[tokio::test]
async fn neither_a_value_nor_a_path_climbs_out_of_the_base_url() {
    let receiver = receiver(&[]).await;
    for path in [
        "/items/{{sku}}/x",
        "/../admin",
        "/a/%2e%2E/../admin",
        "/..\\admin",
        "/.%2e/apis",
    ] {
        let tool = receiver.tool(json!({"path": path}));
        let output = call(&tool, json!({"sku": ".."}), &TestLedger::new()).await;
        assert_eq!(output, failed("tool_bad_arguments", false, false), "{path}");
    }
    assert_eq!(receiver.arrived(), []);
}

#[tokio::test]
async fn a_body_is_the_arguments_or_a_filled_document() {
    let receiver = receiver(&[]).await;
    let ledger = TestLedger::new();
    let plain = receiver.tool(json!({"method": "POST", "path": "/a", "effects": "read_only"}));
    call(&plain, json!({"n": 1}), &ledger).await.unwrap();
    let filled = receiver.tool(json!({"method": "POST", "path": "/b", "effects": "read_only",
        "body": {"count": "{{n}}", "text": "n is {{n}}", "fixed": true}}));
    call(&filled, json!({"n": 1}), &ledger).await.unwrap();
    let bodies: Vec<Value> = receiver
        .arrived()
        .iter()
        .map(|arrival| serde_json::from_str(&arrival.body).unwrap())
        .collect();
    assert_eq!(
        bodies,
        [json!({"n": 1}), json!({"count": 1, "text": "n is 1", "fixed": true})]
    );
}

#[tokio::test]
async fn a_read_that_fails_says_whether_another_attempt_may_help() {
    for (status, body, expected) in [
        (404, "", failed("tool_rejected", false, false)),
        (429, "", failed("tool_unavailable", true, false)),
        (503, "", failed("tool_unavailable", true, false)),
        (200, "<html>", failed("tool_bad_response", true, false)),
        (200, "", failed("tool_bad_response", true, false)),
        (204, "", Ok(Value::Null)),
    ] {
        let receiver = receiver(&[(status, body)]).await;
        let tool = receiver.tool(json!({"path": "/a"}));
        assert_eq!(call(&tool, json!({}), &TestLedger::new()).await, expected, "{status}");
    }
}

#[tokio::test]
async fn a_keyed_call_is_repeated_with_the_same_key_and_bytes_and_answered_from_the_ledger() {
    let receiver = receiver(&[(503, ""), (200, r#"{"id": 1}"#)]).await;
    let tool = receiver.tool(json!({"method": "POST", "path": "/orders", "effects": "keyed"}));
    let ledger = TestLedger::new();
    assert_eq!(
        call(&tool, json!({"n": 1}), &ledger).await,
        failed("tool_unavailable", true, false)
    );
    assert_eq!(ledger.states(), ["sent"]);
    assert!(
        !ledger.row(0).request_json.contains("s3cret"),
        "credentials stay out of the ledger"
    );
    // The next attempt would send something else; what was frozen counts.
    for _ in 0..2 {
        assert_eq!(call(&tool, json!({"n": 2}), &ledger).await, Ok(json!({"id": 1})));
    }
    let arrived = receiver.arrived();
    assert_eq!(arrived.len(), 2, "the third call is answered from the ledger");
    assert_eq!(arrived[0], arrived[1]);
    assert_eq!(arrived[0].key.as_deref(), Some("job:0"));
    assert_eq!(ledger.states(), ["confirmed"]);
}

#[tokio::test]
async fn a_once_call_is_never_sent_twice_when_its_outcome_is_unclear() {
    let receiver = receiver(&[(500, "")]).await;
    let tool = receiver.tool(json!({"method": "POST", "path": "/orders"}));
    let ledger = TestLedger::new();
    for _ in 0..2 {
        assert_eq!(
            call(&tool, json!({}), &ledger).await,
            failed("effect_unknown", false, true)
        );
    }
    assert_eq!(receiver.arrived().len(), 1);
    assert_eq!(receiver.arrived()[0].key, None);
    assert_eq!(ledger.states(), ["unknown"]);
}

#[tokio::test]
async fn a_refusal_is_recorded_and_not_asked_for_again() {
    for effects in ["once", "keyed"] {
        let receiver = receiver(&[(400, "")]).await;
        let tool = receiver.tool(json!({"method": "POST", "path": "/orders", "effects": effects}));
        let ledger = TestLedger::new();
        for _ in 0..2 {
            assert_eq!(
                call(&tool, json!({}), &ledger).await,
                failed("tool_rejected", false, false)
            );
        }
        assert_eq!(receiver.arrived().len(), 1);
        assert_eq!(ledger.states(), ["rejected"]);
    }
}

#[tokio::test]
async fn a_once_call_that_certainly_did_nothing_is_tried_again_as_a_new_row() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let ledger = TestLedger::new();
    let absent = tool(
        &format!("http://{address}"),
        json!({"method": "POST", "path": "/orders"}),
    );
    assert_eq!(
        call(&absent, json!({}), &ledger).await,
        failed("tool_connect", true, false)
    );
    let receiver = receiver(&[(429, ""), (200, "{}")]).await;
    let there = receiver.tool(json!({"method": "POST", "path": "/orders"}));
    assert_eq!(
        call(&there, json!({}), &ledger).await,
        failed("tool_unavailable", true, false)
    );
    assert_eq!(call(&there, json!({}), &ledger).await, Ok(json!({})));
    assert_eq!(ledger.states(), ["rejected", "rejected", "confirmed"]);
}

#[tokio::test]
async fn a_redirect_to_an_internal_address_nobody_listed_is_not_followed() {
    let away = || async { Redirect::temporary("http://169.254.169.254/latest") };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().route("/a", any(away));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let ledger = TestLedger::new();
    let read = tool(&base_url, json!({"path": "/a"}));
    assert_eq!(
        call(&read, json!({}), &ledger).await,
        failed("address_blocked", false, false)
    );
    let write = tool(&base_url, json!({"method": "POST", "path": "/a"}));
    assert_eq!(
        call(&write, json!({}), &ledger).await,
        failed("tool_rejected", false, false)
    );
}
