use super::super::finding::Verdict;
use super::*;
use axum::Router;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::routing::get;

/// A server that takes one key, as OpenAI and Anthropic do, and lists two models.
async fn server() -> String {
    let models = |headers: HeaderMap| async move {
        let of = |name: &str| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
                .to_owned()
        };
        let may = of("authorization") == "Bearer right"
            || (of("x-api-key") == "right" && !of("anthropic-version").is_empty());
        if may {
            r#"{"object":"list","data":[{"id":"small:latest"},{"id":"large"}]}"#.into_response()
        } else {
            StatusCode::UNAUTHORIZED.into_response()
        }
    };
    let endless = async || {
        let chunk = axum::body::Bytes::from(vec![b' '; 64 << 10]);
        let chunks = futures::stream::repeat_with(move || Ok::<_, std::convert::Infallible>(chunk.clone()));
        axum::body::Body::from_stream(chunks)
    };
    let app = Router::new()
        .route("/v1/models", get(models))
        .route(
            "/moved/models",
            get(async || axum::response::Redirect::temporary("/v1/models")),
        )
        .route("/endless/models", get(endless))
        .route("/page/models", get(async || "<html>"));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

fn provider(kind: ProviderKind, base_url: &str, key: Key, model: &str) -> Provider {
    Provider {
        name: "mine".to_owned(),
        kind,
        base_url: Some(base_url.to_owned()),
        key,
        models: [model.to_owned()]
            .into_iter()
            .filter(|model| !model.is_empty())
            .collect(),
    }
}

fn right() -> Key {
    Key::Known("right".to_owned())
}

#[tokio::test]
async fn both_kinds_are_asked_for_their_models_with_their_own_headers() {
    let root = server().await;
    let openai = provider(ProviderKind::Openai, &format!("{root}/v1/"), right(), "small");
    assert_eq!(
        examine(&openai).await,
        Finding::ok("model mine", format!("{root}/v1/models answers  small"))
    );
    for base in [root.clone(), format!("{root}/v1")] {
        let anthropic = provider(ProviderKind::Anthropic, &base, right(), "large");
        assert_eq!(examine(&anthropic).await.verdict, Verdict::Ok);
    }
}

#[tokio::test]
async fn each_way_to_fail_is_told_apart_and_the_key_is_never_shown() {
    let root = server().await;
    let gone = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let v1 = format!("{root}/v1");
    let secret = || Key::Known("sk-secret".to_owned());
    let with_password = v1.replace("http://", "http://user:sk-secret@");
    let cases = [
        (v1.as_str(), right(), "huge", Verdict::Warn, "does not list huge"),
        (v1.as_str(), Key::None, "large", Verdict::Fail, "asks for a key"),
        (v1.as_str(), secret(), "large", Verdict::Fail, "refuses the key"),
        (
            with_password.as_str(),
            secret(),
            "large",
            Verdict::Fail,
            "refuses the key",
        ),
        (
            root.as_str(),
            right(),
            "large",
            Verdict::Warn,
            "not the beginning of its API",
        ),
        (
            &format!("{root}/page"),
            right(),
            "large",
            Verdict::Warn,
            "not with a list of models",
        ),
        (
            &format!("{root}/moved"),
            right(),
            "large",
            Verdict::Fail,
            "leads elsewhere",
        ),
        (
            &format!("{root}/endless"),
            right(),
            "large",
            Verdict::Warn,
            "not with a list of models",
        ),
        (
            &format!("http://user:sk-secret@{gone}/v1"),
            secret(),
            "large",
            Verdict::Fail,
            "cannot be reached: Connection refused",
        ),
        ("no address", right(), "large", Verdict::Fail, "is no address"),
        (
            v1.as_str(),
            Key::Missing("environment variable X is not set".to_owned()),
            "large",
            Verdict::Fail,
            "X is not set",
        ),
    ];
    for (base, key, model, verdict, detail) in cases {
        let found = examine(&provider(ProviderKind::Openai, base, key, model)).await;
        assert_eq!(found.verdict, verdict, "{found:?}");
        assert!(found.detail.contains(detail), "{found:?}");
        assert!(
            found.fix.is_some() && !format!("{found:?}").contains("sk-secret"),
            "{found:?}"
        );
    }
}

#[test]
fn a_provider_is_asked_for_its_own_model_and_those_that_roles_name() {
    assert!(configured(&LlmConfig::default()).is_empty());
    let llm: LlmConfig = serde_json::from_value(serde_json::json!({
        "base_url": "http://127.0.0.1:1/v1", "model": "small",
        "providers": { "claude": { "kind": "anthropic", "api_key": "k" }, "spare": { "kind": "openai" } },
        "roles": { "planner": "default/middle", "judge": "claude/large" },
    }))
    .unwrap();
    let found: Vec<(String, String)> = configured(&llm)
        .into_iter()
        .map(|provider| (provider.name, provider.models.into_iter().collect::<Vec<_>>().join(" ")))
        .collect();
    let expected = [("default", "middle small"), ("claude", "large"), ("spare", "")];
    assert_eq!(
        found,
        expected.map(|(name, models)| (name.to_owned(), models.to_owned()))
    );
}
