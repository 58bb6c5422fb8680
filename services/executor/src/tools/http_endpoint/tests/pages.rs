//! Lists that are read page by page.

use super::{call, failed, serve, tool_of};
use crate::test_ledger::TestLedger;
use axum::Router;
use axum::extract::Query;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::{Value, json};
use std::collections::BTreeMap;

type Asked = Query<BTreeMap<String, String>>;

fn number(asked: &Asked, name: &str) -> usize {
    asked.get(name).map_or(0, |text| text.parse().unwrap())
}

/// Seven items, three a page, by every way to name a page.
fn paged() -> Router {
    let items = |from: usize| (from..7.min(from + 3)).collect::<Vec<_>>();
    let by_page = move |asked: Asked| async move { json!({"data": items(number(&asked, "page") * 3 - 3)}).to_string() };
    let by_offset = move |asked: Asked| async move { json!({"data": items(number(&asked, "from"))}).to_string() };
    let by_cursor = move |asked: Asked| async move {
        let from = number(&asked, "after");
        let next = if from + 3 < 7 {
            json!((from + 3).to_string())
        } else {
            Value::Null
        };
        json!({"data": items(from), "meta": {"next": next}}).to_string()
    };
    let by_link = move |asked: Asked| async move {
        let from = number(&asked, "n");
        let mut headers = HeaderMap::new();
        if from + 3 < 7 {
            let next = format!("</link?n={}&q=a>; rel=\"next\"", from + 3);
            headers.insert("link", next.parse().unwrap());
        }
        assert_eq!(asked.get("q").map(String::as_str), Some("a"));
        (headers, json!({"data": items(from)}).to_string()).into_response()
    };
    let elsewhere = || async { ([("link", "<http://169.254.169.254/>; rel=next")], r#"{"data": [1]}"#) };
    let circle = || async { r#"{"data": [1], "meta": {"next": "same"}}"# };
    let large = || async { json!({"data": ["x".repeat(600)], "meta": {"next": 1}}).to_string() };
    Router::new()
        .route("/page", get(by_page))
        .route("/offset", get(by_offset))
        .route("/cursor", get(by_cursor))
        .route("/link", get(by_link))
        .route("/elsewhere", get(elsewhere))
        .route("/circle", get(circle))
        .route("/large", get(large))
        .route("/none", get(|| async { r#"{"items": []}"# }))
}

async fn read(base_url: &str, path: &str, pagination: Value) -> Result<Value, (String, bool, bool)> {
    let endpoint = json!({"path": path, "query": {"q": "a"}, "output_pointer": "/data", "pagination": pagination,
        "output_schema": {"type": "array"}, "max_response_bytes": 1000});
    call(&tool_of(base_url, json!({}), endpoint), json!({}), &TestLedger::new()).await
}

#[tokio::test]
async fn every_way_to_name_a_page_gives_all_items_in_order() {
    let base_url = serve(paged()).await;
    for (path, pagination) in [
        ("/page", json!({"kind": "page"})),
        ("/offset", json!({"kind": "offset", "parameter": "from"})),
        (
            "/cursor",
            json!({"kind": "cursor", "parameter": "after", "cursor_pointer": "/meta/next"}),
        ),
        ("/link", json!({"kind": "link_header"})),
    ] {
        let all = read(&base_url, path, pagination).await;
        assert_eq!(all, Ok(json!([0, 1, 2, 3, 4, 5, 6])), "{path}");
    }
    let first_two = json!({"kind": "page", "max_pages": 2});
    assert_eq!(read(&base_url, "/page", first_two).await, Ok(json!([0, 1, 2, 3, 4, 5])));
}

#[tokio::test]
async fn pages_that_lead_away_go_in_circles_or_never_end_are_refused() {
    let base_url = serve(paged()).await;
    let cursor = json!({"kind": "cursor", "cursor_pointer": "/meta/next"});
    for (path, pagination, code, retryable) in [
        ("/elsewhere", json!({"kind": "link_header"}), "host_not_allowed", false),
        ("/circle", cursor.clone(), "tool_bad_response", true),
        ("/large", cursor, "tool_response_too_large", false),
        ("/none", json!({"kind": "page"}), "tool_bad_response", true),
    ] {
        assert_eq!(
            read(&base_url, path, pagination).await,
            failed(code, retryable, false),
            "{path}"
        );
    }
}
