//! Endpoints that authenticate.

use super::{call, failed, serve, tool_of};
use crate::effects::Stop;
use crate::test_ledger::TestLedger;
use crate::tools::Call;
use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, post};
use serde_json::{Map, json};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

const TOKEN: &str = "a-very-secret-token";

fn authorization(headers: &HeaderMap) -> String {
    let value = headers.get("authorization").map(|value| value.to_str().unwrap());
    value.unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_reply_that_echoes_a_secret_is_redacted_in_output_ledger_and_message() {
    let echo = |headers: HeaderMap| async move { json!({"you_sent": authorization(&headers)}).to_string() };
    let moved = |headers: HeaderMap| async move {
        let target = format!("http://169.254.169.254/{}", authorization(&headers));
        (StatusCode::FOUND, [("location", target.replace(' ', "%20"))])
    };
    let base_url = serve(Router::new().route("/echo", any(echo)).route("/moved", any(moved))).await;
    let auth = json!({"auth": {"kind": "bearer", "token": TOKEN}});
    let hidden = json!({"you_sent": "Bearer ***"});

    let reads = tool_of(&base_url, auth.clone(), json!({"path": "/echo"}));
    assert_eq!(call(&reads, json!({}), &TestLedger::new()).await, Ok(hidden.clone()));

    let acts = tool_of(&base_url, auth.clone(), json!({"method": "POST", "path": "/echo"}));
    let ledger = TestLedger::new();
    assert_eq!(call(&acts, json!({}), &ledger).await, Ok(hidden));
    let row = format!("{:?}", ledger.row(0));
    assert!(!row.contains(TOKEN) && row.contains("***"), "{row}");

    let led_away = tool_of(&base_url, auth, json!({"path": "/moved"}));
    let asked = Call {
        tier: None,
        arguments: Map::new(),
        submission_json: "{}",
        feedback: &[],
        responses: None,
        request_state: None,
        run: &TestLedger::new(),
    };
    let Err(Stop::Failed(failure)) = led_away.tool.call(asked).await else {
        panic!("it was led away")
    };
    assert_eq!(failure.code, "address_blocked");
    assert!(!failure.message.contains(TOKEN), "{failure}");
}

#[tokio::test]
async fn no_secret_follows_a_redirect_to_another_server() {
    let arrived: Arc<Mutex<Vec<HeaderMap>>> = Arc::default();
    let kept = Arc::clone(&arrived);
    let thief = serve(Router::new().fallback(move |headers: HeaderMap| async move {
        kept.lock().unwrap().push(headers);
        "{}"
    }))
    .await;
    let away = format!("{thief}/stolen");
    let base_url = serve(Router::new().fallback(move || async move { Redirect::temporary(&away) })).await;
    let api = json!({"auth": {"kind": "bearer", "token": TOKEN}, "allow_hosts": [thief],
        "headers": {"x-key": "another secret", "x-other": {"env": "PATH"}}});
    let tool = tool_of(&base_url, api, json!({"path": "/a"}));
    assert_eq!(call(&tool, json!({}), &TestLedger::new()).await, Ok(json!({})));
    let arrived = arrived.lock().unwrap();
    let names: Vec<&str> = arrived[0].keys().map(|name| name.as_str()).collect();
    for secret in ["authorization", "x-key", "x-other"] {
        assert!(!names.contains(&secret), "{names:?}");
    }
}

/// Takes the `good`-th token that was given out, and no other.
async fn guarded(good: u32) -> (String, Arc<AtomicU32>) {
    let (given, arrived) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let counted = Arc::clone(&arrived);
    let tokens = move || async move {
        let number = given.fetch_add(1, Ordering::Relaxed) + 1;
        json!({"access_token": format!("token-number-{number}"), "expires_in": 3600}).to_string()
    };
    let api = move |headers: HeaderMap, _: Uri| async move {
        counted.fetch_add(1, Ordering::Relaxed);
        if authorization(&headers) == format!("Bearer token-number-{good}") {
            "{}".into_response()
        } else {
            Response::builder().status(401).body("{}".into()).unwrap()
        }
    };
    let app = Router::new().route("/token", post(tokens)).route("/orders", any(api));
    (serve(app).await, arrived)
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_within_one_licence() {
    for (good, expected, arrivals, states) in [
        (1, Ok(json!({})), 1, ["confirmed"]),
        (2, Ok(json!({})), 2, ["confirmed"]),
        (9, failed("tool_rejected", false, false), 2, ["rejected"]),
    ] {
        let (base_url, arrived) = guarded(good).await;
        let auth = json!({"auth": {"kind": "oauth_client_credentials", "token_url": format!("{base_url}/token"),
            "client_id": "me", "client_secret": "hunter2"}});
        let tool = tool_of(&base_url, auth, json!({"method": "POST", "path": "/orders"}));
        let ledger = TestLedger::new();
        assert_eq!(call(&tool, json!({}), &ledger).await, expected);
        assert_eq!(arrived.load(Ordering::Relaxed), arrivals);
        assert_eq!(ledger.states(), states);
    }
}
