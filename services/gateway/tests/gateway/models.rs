//! Models and what is tried, over REST: asked of the learner as they came.

use crate::fake::{Gateway, request};
use axum::body::Body;
use contracts::problem::Problem;
use contracts::v1::experiment_service_client::ExperimentServiceClient;
use contracts::v1::model_service_client::ModelServiceClient;
use contracts::v1::{
    DecideRolloutRequest, GetExperimentRequest, GetModelRequest, ListExperimentsRequest, ListModelsRequest,
    RegisterModelRequest, StartRolloutRequest,
};
use http::Method;
use serde_json::{Value, json};
use tonic::{Request, Status};

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

fn problem(status: &Status) -> (u16, String) {
    let problem = Problem::from_status(status);
    (problem.status, problem.code)
}

fn told(document_json: &str) -> Value {
    serde_json::from_str(document_json).unwrap()
}

#[tokio::test]
async fn over_grpc_models_are_registered_and_listed() {
    let gateway = Gateway::start().await;
    let url = gateway.listen_grpc().await;
    let mut models = ModelServiceClient::connect(url).await.unwrap();
    let model = json!({"name": "own", "provider": "mine", "model": "own:q4"});
    let mut register = Request::new(RegisterModelRequest {
        model_json: model.to_string(),
    });
    register
        .metadata_mut()
        .insert("idempotency-key", "again".parse().unwrap());
    let registered = models.register_model(register).await.unwrap().into_inner();
    assert!(registered.replayed);
    assert_eq!(told(&registered.document_json)["asked"], model);
    let shown = models
        .get_model(GetModelRequest {
            model_id: MODEL.to_owned(),
        })
        .await;
    assert_eq!(shown.unwrap().into_inner().model_id, MODEL);
    let page = ListModelsRequest {
        limit: 7,
        cursor: "1.x".to_owned(),
    };
    let page = models.list_models(page).await.unwrap().into_inner();
    assert_eq!(
        told(&page.document_json),
        json!({"limit": 7, "cursor": "1.x", "tenant": "default"})
    );
    let unfit = ListModelsRequest {
        limit: 201,
        ..ListModelsRequest::default()
    };
    assert_eq!(
        problem(&models.list_models(unfit).await.unwrap_err()),
        (422, "validation".to_owned())
    );
    for (model_json, code) in [("", "body_required"), ("[]", "json_type"), ("{", "json_syntax")] {
        let model_json = model_json.to_owned();
        let refused = models
            .register_model(RegisterModelRequest { model_json })
            .await
            .unwrap_err();
        assert_eq!(problem(&refused), (400, code.to_owned()));
    }
    let refused = models.get_model(GetModelRequest::default()).await.unwrap_err();
    assert_eq!(problem(&refused), (400, "invalid_id".to_owned()));
}

#[tokio::test]
async fn over_grpc_rollouts_are_begun_and_decided_on() {
    let gateway = Gateway::start().await;
    let url = gateway.listen_grpc().await;
    let mut experiments = ExperimentServiceClient::connect(url).await.unwrap();
    let start = |role: &str, settings: &str| StartRolloutRequest {
        model_id: MODEL.to_owned(),
        role: role.to_owned(),
        settings_json: settings.to_owned(),
    };
    let begun = experiments
        .start_rollout(start("writer", r#"{"alpha":0.01}"#))
        .await
        .unwrap();
    assert_eq!(
        told(&begun.into_inner().document_json),
        json!({"model_id": MODEL, "asked": {"role": "writer", "settings": {"alpha": 0.01}}})
    );
    let judge = experiments.start_rollout(start("judge", "")).await.unwrap_err();
    assert_eq!(problem(&judge), (422, "validation".to_owned()));
    let unread = experiments.start_rollout(start("writer", "{")).await.unwrap_err();
    assert_eq!(problem(&unread), (400, "json_syntax".to_owned()));
    let word = || DecideRolloutRequest {
        model_id: MODEL.to_owned(),
        role: String::new(),
        note: "so".to_owned(),
    };
    let answers = [
        experiments.promote_model(word()).await,
        experiments.pause_rollout(word()).await,
        experiments.resume_rollout(word()).await,
        experiments.roll_back_model(word()).await,
    ];
    for (answer, action) in answers.into_iter().zip(["promote", "pause", "resume", "rollback"]) {
        let document = told(&answer.unwrap().into_inner().document_json);
        assert_eq!(
            document,
            json!({"action": action, "actor": "local", "asked": {"note": "so"}})
        );
    }
    let page = experiments.list_experiments(ListExperimentsRequest::default()).await;
    assert_eq!(told(&page.unwrap().into_inner().document_json)["limit"], 50);
    let asked = GetExperimentRequest {
        experiment_id: MODEL.to_owned(),
    };
    let missing = experiments.get_experiment(asked).await.unwrap_err();
    assert_eq!(problem(&missing), (404, "experiment_not_found".to_owned()));
}
