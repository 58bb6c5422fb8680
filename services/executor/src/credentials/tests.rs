//! Credentials against a server of tokens on loopback.

use super::Credentials;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use outbound::{Url, header};
use serde_json::{Value, json};
use service::config::{AuthConfig, Headers};
use std::sync::{Arc, Mutex};

const API: &str = "https://api.example:8443/v1";

fn credentials(auth: Value, headers: Value) -> Credentials {
    let auth: Option<AuthConfig> = serde_json::from_value(auth).unwrap();
    let headers: Headers = serde_json::from_value(headers).unwrap();
    Credentials::new(API, auth.as_ref(), &headers).unwrap()
}

async fn shown(credentials: &Credentials, url: &str) -> Vec<(String, String)> {
    let headers = credentials.headers(&Url::parse(url).unwrap()).await.unwrap();
    assert!(headers.values().all(|value| value.is_sensitive()));
    let text = |value: &outbound::HeaderValue| value.to_str().unwrap().to_owned();
    headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect()
}

#[tokio::test]
async fn every_kind_is_attached_to_calls_of_its_own_origin_alone() {
    let secret = std::env::var("PATH").unwrap();
    for (auth, headers, name, value) in [
        (
            json!({"kind": "bearer", "token": "t"}),
            json!({}),
            "authorization",
            "Bearer t".to_owned(),
        ),
        (
            json!({"kind": "header", "name": "X-Api-Key", "value": {"env": "PATH"}}),
            json!({}),
            "x-api-key",
            secret.clone(),
        ),
        (
            json!({"kind": "basic", "user": "Aladdin", "password": "open sesame"}),
            json!({}),
            "authorization",
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==".to_owned(),
        ),
        (
            Value::Null,
            json!({"x-k": {"env": "PATH"}, "x-plain": "p"}),
            "x-k",
            secret.clone(),
        ),
    ] {
        let credentials = credentials(auth, headers);
        let expected = vec![(name.to_owned(), value)];
        assert_eq!(
            shown(&credentials, "https://API.example:8443/other?x=1").await,
            expected
        );
        for elsewhere in [
            "http://api.example:8443/v1",
            "https://api.example/v1",
            "https://api.example.evil:8443/v1",
            "https://evil@other.example:8443/v1",
        ] {
            assert_eq!(shown(&credentials, elsewhere).await, [], "{elsewhere}");
        }
    }
}

#[tokio::test]
async fn a_secret_that_went_away_is_told_by_its_name() {
    let gone = credentials(
        json!({"kind": "bearer", "token": {"env": "NOBODY_SETS_THIS"}}),
        json!({}),
    );
    let failure = gone.headers(&Url::parse(API).unwrap()).await.unwrap_err();
    assert_eq!((failure.code.as_str(), failure.retryable), ("secret", true));
    assert!(failure.message.contains("NOBODY_SETS_THIS"));
}

/// Authorization and body of a call.
type Asked = (Option<String>, String);

/// Gives out numbered tokens, or what it is told to answer.
#[derive(Clone, Default)]
struct Tokens {
    asked: Arc<Mutex<Vec<Asked>>>,
    answers: Arc<Mutex<Vec<(u16, Value)>>>,
}

async fn token(State(tokens): State<Tokens>, headers: HeaderMap, body: Bytes) -> Response {
    let authorization = headers
        .get("authorization")
        .map(|value| value.to_str().unwrap().to_owned());
    let number = {
        let mut asked = tokens.asked.lock().unwrap();
        asked.push((authorization, String::from_utf8(body.to_vec()).unwrap()));
        asked.len()
    };
    let usual = (
        200,
        json!({"access_token": format!("token-number-{number}"), "expires_in": 3600}),
    );
    let (status, answer) = tokens.answers.lock().unwrap().pop().unwrap_or(usual);
    (StatusCode::from_u16(status).unwrap(), answer.to_string()).into_response()
}

async fn oauth(answers: &[(u16, Value)], more: Value) -> (Tokens, Credentials) {
    let tokens = Tokens::default();
    *tokens.answers.lock().unwrap() = answers.iter().rev().cloned().collect();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let token_url = format!("http://{}/token", listener.local_addr().unwrap());
    let app = Router::new().route("/token", post(token)).with_state(tokens.clone());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let mut auth = json!({"kind": "oauth_client_credentials", "token_url": token_url,
        "client_id": "me", "client_secret": "hunter2 & co"});
    auth.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    (tokens, credentials(auth, json!({})))
}

async fn bearer(credentials: &Credentials) -> Result<String, (String, bool)> {
    let headers = credentials.headers(&Url::parse(API).unwrap()).await;
    let headers = headers.map_err(|failure| (failure.code, failure.retryable))?;
    Ok(headers[header::AUTHORIZATION].to_str().unwrap().to_owned())
}

#[tokio::test]
async fn many_callers_fetch_one_token_and_a_refused_one_is_fetched_anew_once() {
    let (tokens, credentials) = oauth(&[], json!({"scopes": ["a", "b"], "audience": "shop"})).await;
    let callers = (0..20).map(|_| {
        let credentials = credentials.clone();
        tokio::spawn(async move { bearer(&credentials).await })
    });
    for caller in callers.collect::<Vec<_>>() {
        assert_eq!(caller.await.unwrap().as_deref(), Ok("Bearer token-number-1"));
    }
    let basic = "Basic bWU6aHVudGVyMiUyMCUyNiUyMGNv".to_owned();
    let form = "grant_type=client_credentials&scope=a%20b&audience=shop".to_owned();
    assert_eq!(*tokens.asked.lock().unwrap(), [(Some(basic), form)]);

    let sent = credentials.headers(&Url::parse(API).unwrap()).await.unwrap();
    assert!(credentials.refused(&sent).await);
    assert_eq!(bearer(&credentials).await.as_deref(), Ok("Bearer token-number-2"));
    // The news that the first is refused comes late, too.
    assert!(credentials.refused(&sent).await);
    assert_eq!(bearer(&credentials).await.as_deref(), Ok("Bearer token-number-2"));
    let echoed = credentials
        .redactor()
        .text("token-number-1 token-number-2 hunter2 & co".to_owned());
    assert_eq!(echoed, "*** *** ***");
}

#[tokio::test]
async fn a_token_is_used_until_shortly_before_its_end_and_its_secret_may_go_into_the_form() {
    let short = (
        200,
        json!({"access_token": "over-at-once", "token_type": "Bearer", "expires_in": 0}),
    );
    let (tokens, credentials) = oauth(&[short], json!({"client_auth": "body"})).await;
    assert_eq!(bearer(&credentials).await.as_deref(), Ok("Bearer over-at-once"));
    assert_eq!(bearer(&credentials).await.as_deref(), Ok("Bearer token-number-2"));
    let form = "grant_type=client_credentials&client_id=me&client_secret=hunter2%20%26%20co".to_owned();
    assert_eq!(tokens.asked.lock().unwrap()[0], (None, form));
}

#[tokio::test]
async fn a_server_without_tokens_fails_its_callers_and_is_not_asked_by_each() {
    for (status, answer, retryable) in [
        (
            401,
            json!({"error": "invalid_client", "error_description": "hunter2"}),
            false,
        ),
        (503, json!("<html>"), true),
        (200, json!({"token": "x"}), false),
        (200, json!({"access_token": "x", "token_type": "mac"}), false),
        (302, json!({}), false),
    ] {
        let (tokens, credentials) = oauth(&[(status, answer)], json!({})).await;
        for _ in 0..2 {
            let expected = Err(("tool_credentials".to_owned(), retryable));
            assert_eq!(bearer(&credentials).await, expected, "{status}");
        }
        assert_eq!(tokens.asked.lock().unwrap().len(), 1);
    }
}
