//! Calls that are looked up before they are sent again.

use super::{call, failed, serve, tool_of};
use crate::test_ledger::TestLedger;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// Takes orders, and can be asked about them; what happens to each message is told before.
#[derive(Clone, Default)]
struct Shop {
    orders: Arc<Mutex<Vec<(String, String)>>>,
    posts: Arc<Mutex<Vec<Fate>>>,
    looks: Arc<Mutex<Vec<u16>>>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Fate {
    Done,
    /// Taken, and the answer lost.
    DoneAndBroken,
    /// Lost on its way.
    Lost,
}

async fn order(State(shop): State<Shop>, headers: HeaderMap, body: String) -> Response {
    let fate = shop.posts.lock().unwrap().pop().unwrap_or(Fate::Done);
    let key = headers["idempotency-key"].to_str().unwrap().to_owned();
    if fate != Fate::Lost {
        shop.orders.lock().unwrap().push((key, body));
    }
    match fate {
        Fate::Done => json!({"id": 7}).to_string().into_response(),
        Fate::DoneAndBroken | Fate::Lost => StatusCode::BAD_GATEWAY.into_response(),
    }
}

async fn look(State(shop): State<Shop>, Path((reference, key)): Path<(String, String)>) -> Response {
    if let Some(status) = shop.looks.lock().unwrap().pop() {
        return StatusCode::from_u16(status).unwrap().into_response();
    }
    let orders = shop.orders.lock().unwrap();
    let found = orders
        .iter()
        .any(|(known, body)| *known == key && body.contains(&reference));
    let orders = if found {
        json!([{"order": {"id": 7}}])
    } else {
        json!([])
    };
    json!({"orders": orders}).to_string().into_response()
}

async fn attempts(
    fates: &[Fate],
    looks: &[u16],
    count: usize,
) -> (Vec<Result<Value, (String, bool, bool)>>, Shop, TestLedger) {
    let shop = Shop::default();
    *shop.posts.lock().unwrap() = fates.iter().rev().copied().collect();
    *shop.looks.lock().unwrap() = looks.to_vec();
    let app = Router::new()
        .route("/orders", post(order))
        .route("/orders/{reference}/{key}", get(look))
        .with_state(shop.clone());
    let base_url = serve(app).await;
    let tool = tool_of(
        &base_url,
        json!({}),
        json!({"method": "POST", "path": "/orders", "effects": "queryable", "lookup": {
            "path": "/orders/{{reference}}/{{effect_key}}", "done": {"pointer": "/orders/0"},
            "answer_pointer": "/orders/0/order"}}),
    );
    let ledger = TestLedger::new();
    let mut outcomes = Vec::new();
    for _ in 0..count {
        outcomes.push(call(&tool, json!({"reference": "r 1"}), &ledger).await);
    }
    (outcomes, shop, ledger)
}

#[tokio::test]
async fn what_was_done_is_found_and_not_sent_again() {
    let (outcomes, shop, ledger) = attempts(&[Fate::DoneAndBroken], &[], 3).await;
    let found = Ok(json!({"id": 7}));
    assert_eq!(
        outcomes,
        [failed("tool_unavailable", true, false), found.clone(), found]
    );
    assert_eq!(shop.orders.lock().unwrap().len(), 1);
    assert_eq!(ledger.states(), ["confirmed"]);
}

#[tokio::test]
async fn what_was_lost_is_sent_again_with_the_same_bytes() {
    let (outcomes, shop, ledger) = attempts(&[Fate::Lost, Fate::Done], &[], 2).await;
    assert_eq!(
        outcomes,
        [failed("tool_unavailable", true, false), Ok(json!({"id": 7}))]
    );
    let expected = ("job:0".to_owned(), r#"{"reference":"r 1"}"#.to_owned());
    assert_eq!(*shop.orders.lock().unwrap(), [expected]);
    assert_eq!(ledger.states(), ["confirmed"]);
}

#[tokio::test]
async fn while_nobody_can_tell_nothing_is_sent() {
    let (outcomes, shop, ledger) = attempts(&[Fate::DoneAndBroken], &[500, 403], 3).await;
    let unclear = failed("effect_lookup", true, false);
    assert_eq!(
        outcomes,
        [failed("tool_unavailable", true, false), unclear.clone(), unclear]
    );
    assert_eq!(shop.orders.lock().unwrap().len(), 1);
    assert_eq!(ledger.states(), ["sent"]);
}
