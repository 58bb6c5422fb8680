//! Models and what is tried, over REST: asked of the learner as they came.

use crate::fake::{Gateway, request};
use axum::body::Body;
use http::Method;
use serde_json::{Value, json};

const MODEL: &str = "01900000-0000-7000-8000-0000000000a1";

#[tokio::test]
async fn models_are_registered_tried_and_decided_on() {
    let gateway = Gateway::start().await;
    let post = async |path: &str, key: &str, body: Value| {
        let request = request(Method::POST, path)
            .header("content-type", "application/json")
            .header("idempotency-key", key);
        gateway.send(request.body(Body::from(body.to_string())).unwrap()).await
    };
    let model = json!({"name": "own", "provider": "mine", "model": "own:q4"});
    let registered = post("/models", "again", model.clone()).await;
    assert_eq!((registered.status.as_u16(), &registered.json()["asked"]), (201, &model));
    assert_eq!(registered.headers["idempotent-replayed"], "true");
    let begun = post(&format!("/models/{MODEL}/rollout"), "k", json!({"role": "writer"})).await;
    assert_eq!(begun.status.as_u16(), 201);
    assert_eq!(begun.json(), json!({"model_id": MODEL, "asked": {"role": "writer"}}));
    for action in ["promote", "pause", "resume", "rollback"] {
        let decided = post(&format!("/models/{MODEL}/{action}"), "k", json!({"note": "so"})).await;
        assert_eq!(
            decided.json(),
            json!({"action": action, "actor": "local", "asked": {"note": "so"}})
        );
    }
    for path in ["/models", "/experiments"] {
        let page = gateway.get(&format!("{path}?limit=7&cursor=1.x")).await.json();
        assert_eq!(page, json!({"limit": 7, "cursor": "1.x", "tenant": "default"}));
    }
    let judge = post(&format!("/models/{MODEL}/rollout"), "k", json!({"role": "judge"})).await;
    assert_eq!(judge.problem(), (422, "validation".to_owned()));
    for (path, problem) in [
        (format!("/experiments/{MODEL}"), (404, "experiment_not_found")),
        ("/models/m1".to_owned(), (400, "invalid_id")),
        ("/models?limit=0".to_owned(), (422, "validation")),
    ] {
        let answer = gateway.get(&path).await;
        assert_eq!(answer.problem(), (problem.0, problem.1.to_owned()), "{path}");
    }
}
