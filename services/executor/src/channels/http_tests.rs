//! The documented examples against a server that behaves like WordPress, and keyed publications by template.

use super::http::Http;
use super::{Channel, Publication};
use crate::deliverable::Deliverable;
use crate::effects::Stop;
use crate::test_ledger::TestLedger;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use service::config::{ChannelConfig, Sources, load};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

const TASK: &str = "01920000-0000-7abc-8def-0123456789ab";

/// Posts by slug, and what happens to the answers of those that are made.
#[derive(Clone, Default)]
struct Site {
    posts: Arc<Mutex<Vec<Value>>>,
    breaks: Arc<Mutex<u32>>,
    headers: Arc<Mutex<Vec<HeaderMap>>>,
}

/// As `/wp-json/wp/v2/posts`: credentials are wanted, a slug that is taken gets a number, lists are filtered by slug.
async fn create(State(site): State<Site>, headers: HeaderMap, Json(mut post): Json<Value>) -> Response {
    let authorized = headers
        .get("authorization")
        .is_some_and(|value| value == "Basic ZWRpdG9yOnRlc3QtcGFzc3dvcmQ=");
    site.headers.lock().unwrap().push(headers);
    if !authorized {
        let code = json!({"code": "rest_cannot_create", "data": {"status": 401}});
        return (StatusCode::UNAUTHORIZED, Json(code)).into_response();
    }
    let mut posts = site.posts.lock().unwrap();
    let slug = post["slug"].as_str().unwrap().to_owned();
    if posts.iter().any(|known| known["slug"] == slug) {
        post["slug"] = json!(format!("{slug}-2"));
    }
    post["id"] = json!(posts.len() + 1);
    post["link"] = json!(format!("https://blog.example/{}/", post["slug"].as_str().unwrap()));
    posts.push(post.clone());
    let mut breaks = site.breaks.lock().unwrap();
    if *breaks > 0 {
        *breaks -= 1;
        return StatusCode::BAD_GATEWAY.into_response();
    }
    (StatusCode::CREATED, Json(post)).into_response()
}

async fn list(State(site): State<Site>, Query(asked): Query<BTreeMap<String, String>>) -> Json<Value> {
    let posts = site.posts.lock().unwrap();
    let found = posts
        .iter()
        .filter(|post| post["slug"] == asked["slug"] && post["status"] == asked["status"]);
    Json(found.cloned().collect())
}

async fn site() -> (Site, String) {
    let site = Site::default();
    let app = Router::new()
        .route("/wp-json/wp/v2/posts", get(list).post(create))
        .with_state(site.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (site, origin)
}

/// An example as an operator loads it, its server replaced.
fn example(name: &str, settings: &[(&str, String)]) -> ChannelConfig {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../deploy/examples/{name}.toml"));
    let mut environment = vec![("ORCHESTRATOR_CONFIG".to_owned(), file.to_str().unwrap().to_owned())];
    let prefix = format!("ORCHESTRATOR_CHANNELS__{}__", name.to_uppercase());
    environment.extend(
        settings
            .iter()
            .map(|(key, value)| (format!("{prefix}{key}"), value.clone())),
    );
    let sources = Sources {
        environment,
        overrides: Vec::new(),
    };
    load(&sources)
        .unwrap_or_else(|faults| panic!("{faults}"))
        .channels
        .remove(0)
}

async fn wordpress(password: &str) -> (Site, Http) {
    let (site, origin) = site().await;
    let probe = "/wp-json/wp/v2/posts?slug={{slug}}-{{content_hash[:12]}}&status=publish";
    let channel = example(
        "wordpress",
        &[
            ("URL", format!("{origin}/wp-json/wp/v2/posts")),
            ("PROBE__URL", format!("{origin}{probe}")),
            ("AUTH__PASSWORD", password.to_owned()),
        ],
    );
    (site, Http::open(&channel).unwrap())
}

async fn publish(channel: &Http, content: &str, ledger: &TestLedger) -> Result<String, (String, bool, bool)> {
    let deliverable = Deliverable::new("blog", "Green Tea!".to_owned(), content.to_owned(), "text/markdown");
    let publication = Publication {
        task: TASK.parse().unwrap(),
        deliverable: &deliverable,
        now: service::clock::now(),
    };
    match channel.publish(publication, ledger).await {
        Ok(location) => Ok(location),
        Err(Stop::Failed(failure)) => Err((failure.code, failure.retryable, failure.effect_unknown)),
        Err(other) => panic!("{other:?}"),
    }
}

fn failed(code: &str, retryable: bool, effect_unknown: bool) -> Result<String, (String, bool, bool)> {
    Err((code.to_owned(), retryable, effect_unknown))
}

#[tokio::test]
async fn a_post_whose_answer_was_lost_is_found_and_published_once() {
    let (site, channel) = wordpress("test-password").await;
    *site.breaks.lock().unwrap() = 1;
    let ledger = TestLedger::new();
    assert_eq!(
        publish(&channel, "It is green.", &ledger).await,
        failed("tool_unavailable", true, false)
    );
    for _ in 0..2 {
        let location = publish(&channel, "It is green.", &ledger).await.unwrap();
        assert!(location.starts_with("https://blog.example/green-tea-"), "{location}");
    }
    let posts = site.posts.lock().unwrap();
    assert_eq!(posts.len(), 1);
    assert_eq!(
        (&posts[0]["title"], &posts[0]["content"]),
        (&json!("Green Tea!"), &json!("It is green."))
    );
    assert_eq!(ledger.states(), ["confirmed"]);
    let row = format!("{:?}", ledger.row(0));
    assert!(!row.contains("test-password") && !row.contains("ZWRpdG9y"), "{row}");
}

#[tokio::test]
async fn a_long_post_is_sent_whole_and_a_wrong_password_is_a_refusal() {
    let (site, channel) = wordpress("test-password").await;
    let long = "tea ".repeat(100_000);
    let ledger = TestLedger::new();
    assert!(publish(&channel, &long, &ledger).await.is_ok());
    assert_eq!(site.posts.lock().unwrap()[0]["content"], long);
    assert!(
        ledger.row(0).request_json.len() < 2000,
        "a long body is frozen by its hash"
    );

    let (site, channel) = wordpress("another-password").await;
    let ledger = TestLedger::new();
    assert_eq!(
        publish(&channel, "x", &ledger).await,
        failed("tool_rejected", false, false)
    );
    assert_eq!(
        (site.posts.lock().unwrap().len(), ledger.states()),
        (0, vec!["rejected"])
    );
}

#[tokio::test]
async fn linkedin_is_told_once_and_an_unclear_answer_is_a_humans_matter() {
    for (status, expected, state) in [
        (201, Ok("urn:li:share:7".to_owned()), "confirmed"),
        (502, failed("effect_unknown", false, true), "unknown"),
        // A success that is not the one the operator knows.
        (200, failed("effect_unknown", false, true), "unknown"),
        (429, failed("tool_unavailable", true, false), "rejected"),
    ] {
        let seen: Arc<Mutex<Vec<(HeaderMap, Value)>>> = Arc::default();
        let kept = Arc::clone(&seen);
        let app = Router::new().fallback(move |headers: HeaderMap, Json(body): Json<Value>| async move {
            kept.lock().unwrap().push((headers, body));
            (
                StatusCode::from_u16(status).unwrap(),
                [("x-restli-id", "urn:li:share:7")],
            )
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/rest/posts", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let channel = example(
            "linkedin",
            &[("URL", url), ("AUTH__TOKEN", "linkedin-token".to_owned())],
        );
        let channel = Http::open(&channel).unwrap();
        let ledger = TestLedger::new();
        assert_eq!(publish(&channel, "Say \"tea\"\n{{title}}", &ledger).await, expected);
        assert_eq!(ledger.states(), [state]);
        let seen = seen.lock().unwrap();
        let [(headers, body)] = &seen[..] else {
            panic!("{seen:?}")
        };
        assert_eq!(
            (&headers["authorization"], &headers["linkedin-version"]),
            (&"Bearer linkedin-token".parse().unwrap(), &"202509".parse().unwrap())
        );
        assert_eq!(body["commentary"], "Say \"tea\"\n{{title}}", "content is data");
        assert_eq!(body["distribution"]["feedDistribution"], "MAIN_FEED");
    }
}

/// Address, key and body of a call.
type Seen = (String, Option<String>, String);

#[tokio::test]
async fn a_keyed_publication_is_resent_with_its_key_and_bytes_and_a_title_stays_in_its_segment() {
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let kept = Arc::clone(&seen);
    let app = Router::new().fallback(
        move |uri: axum::http::Uri, headers: HeaderMap, body: String| async move {
            let key = headers.get("x-dedupe").map(|key| key.to_str().unwrap().to_owned());
            let mut seen = kept.lock().unwrap();
            seen.push((uri.to_string(), key, body));
            if seen.len() == 1 {
                (StatusCode::BAD_GATEWAY, "")
            } else {
                (StatusCode::OK, r#"{"at": 7}"#)
            }
        },
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "http://{}/a/{{{{title}}}}?k={{{{key}}}}",
        listener.local_addr().unwrap()
    );
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let config: ChannelConfig = serde_json::from_value(json!({"name": "x", "kind": "http", "url": url,
        "effects": "keyed", "idempotency_header": "X-Dedupe", "body": {"k": "{{key}}", "c": "{{content}}"},
        "location_pointer": "/at"}))
    .unwrap();
    let channel = Http::open(&config).unwrap();
    let ledger = TestLedger::new();
    assert_eq!(
        publish(&channel, "c", &ledger).await,
        failed("tool_unavailable", true, false)
    );
    assert_eq!(publish(&channel, "other", &ledger).await, Ok("7".to_owned()));
    let expected = (
        "/a/Green%20Tea%21?k=job:0".to_owned(),
        Some("job:0".to_owned()),
        r#"{"c":"c","k":"job:0"}"#.to_owned(),
    );
    assert_eq!(*seen.lock().unwrap(), [expected.clone(), expected]);
}
