//! Fine-tuning jobs over REST and gRPC: asked of the learner as they came.

use crate::fake::fine_tunes::JOB;
use crate::fake::{BASE, Gateway, request};
use axum::body::Body;
use contracts::problem::Problem;
use contracts::v1::fine_tuning_service_client::FineTuningServiceClient;
use contracts::v1::{CancelFineTuneRequest, GetFineTuneRequest, ListFineTunesRequest, StartFineTuneRequest};
use http::Method;
use serde_json::{Value, json};
use tonic::Request;

#[tokio::test]
async fn jobs_are_begun_listed_shown_and_ended() {
    let gateway = Gateway::start().await;
    let post = async |path: &str, body: &Value| {
        let request = request(Method::POST, path)
            .header("content-type", "application/json")
            .header("idempotency-key", "again");
        gateway.send(request.body(Body::from(body.to_string())).unwrap()).await
    };
    let asked = json!({"export_id": JOB, "provider": "mine", "base_model": "small", "model_name": "own"});
    let begun = post("/models/fine-tunes", &asked).await;
    assert_eq!((begun.status.as_u16(), &begun.json()["asked"]), (202, &asked));
    assert_eq!(begun.json()["tenant"], "default");
    assert_eq!(begun.header("idempotent-replayed"), Some("true"));
    let path = format!("{BASE}/models/fine-tunes/{JOB}");
    assert_eq!(begun.header("location"), Some(path.as_str()));

    let page = gateway.get("/models/fine-tunes?limit=7&cursor=1.x").await.json();
    assert_eq!(
        (&page["items"][0]["limit"], &page["items"][0]["cursor"]),
        (&json!(7), &json!("1.x"))
    );
    let shown = gateway.get(&format!("/models/fine-tunes/{JOB}")).await.json();
    assert_eq!(shown["state"], "running");
    let ended = post(&format!("/models/fine-tunes/{JOB}/cancel"), &json!({})).await;
    assert_eq!(
        (ended.status.as_u16(), &ended.json()["state"]),
        (200, &json!("cancelling"))
    );

    let refused = post("/models/fine-tunes", &json!({"provider": "nobody"})).await;
    assert_eq!(refused.problem(), (422, "fine_tuning_not_allowed".to_owned()));
    for (path, problem) in [
        ("/models/fine-tunes/x", (400, "invalid_id")),
        ("/models/fine-tunes?limit=0", (422, "validation")),
        (
            "/models/fine-tunes/01900000-0000-7000-8000-0000000000f2",
            (404, "fine_tune_not_found"),
        ),
    ] {
        let answer = gateway.get(path).await;
        assert_eq!(answer.problem(), (problem.0, problem.1.to_owned()), "{path}");
    }
}

#[tokio::test]
async fn grpc_offers_the_same_by_the_same_rules() {
    let gateway = Gateway::start().await;
    let url = gateway.listen_grpc().await;
    let mut client = FineTuningServiceClient::connect(url).await.unwrap();
    let asked = StartFineTuneRequest {
        export_id: JOB.to_owned(),
        provider: "mine".to_owned(),
        base_model: "small".to_owned(),
        model_name: "own".to_owned(),
        n_epochs: Some(3),
        max_usd: Some(5.0),
        ..StartFineTuneRequest::default()
    };
    let mut request = Request::new(asked.clone());
    request
        .metadata_mut()
        .insert("idempotency-key", "again".parse().unwrap());
    let begun = client.start_fine_tune(request).await.unwrap().into_inner();
    assert_eq!(
        (begun.fine_tune_id.as_str(), begun.state.as_str(), begun.replayed),
        (JOB, "queued", true)
    );
    assert_eq!((begun.cost_usd, begun.estimated_usd), (None, Some(1.5)));
    let document: Value = serde_json::from_str(&begun.document_json).unwrap();
    assert_eq!(
        document["asked"],
        json!({"export_id": JOB, "provider": "mine", "base_model": "small", "model_name": "own",
            "hyperparameters": {"n_epochs": 3}, "max_usd": 5.0})
    );
    let page = client
        .list_fine_tunes(ListFineTunesRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!((page.fine_tunes.len(), page.next_cursor.as_str()), (1, "c"));
    let job = || JOB.to_owned();
    let shown = client.get_fine_tune(GetFineTuneRequest { fine_tune_id: job() }).await;
    assert_eq!(shown.unwrap().into_inner().state, "running");
    let ended = client
        .cancel_fine_tune(CancelFineTuneRequest { fine_tune_id: job() })
        .await;
    assert_eq!(ended.unwrap().into_inner().state, "cancelling");
    let nobody = StartFineTuneRequest {
        provider: "nobody".to_owned(),
        ..asked
    };
    let refused = client.start_fine_tune(nobody).await.unwrap_err();
    assert_eq!(Problem::from_status(&refused).code, "fine_tuning_not_allowed");
    let bad = GetFineTuneRequest {
        fine_tune_id: "x".to_owned(),
    };
    assert_eq!(
        Problem::from_status(&client.get_fine_tune(bad).await.unwrap_err()).code,
        "invalid_id"
    );
}
