//! A registry that answers with what it was asked.

use super::learner::FakeLearner;
use contracts::learner::model_service_server::ModelService;
use contracts::learner::*;
use contracts::problem::Problem;
use serde_json::{Value, json};
use tonic::{Request, Response, Status};

type Answer = Result<Response<LearningDocument>, Status>;

fn document(json: &Value, replayed: bool) -> Answer {
    Ok(Response::new(LearningDocument {
        json: json.to_string(),
        replayed,
    }))
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

fn page(request: &ListModelsRequest) -> Answer {
    document(
        &json!({ "limit": request.limit, "cursor": request.cursor, "tenant": request.tenant }),
        false,
    )
}

#[tonic::async_trait]
impl ModelService for FakeLearner {
    async fn register_model(&self, request: Request<RegisterModelRequest>) -> Answer {
        let request = request.into_inner();
        document(
            &json!({ "asked": parsed(&request.model_json) }),
            request.idempotency_key == "again",
        )
    }

    async fn list_models(&self, request: Request<ListModelsRequest>) -> Answer {
        page(request.get_ref())
    }

    async fn get_model(&self, request: Request<GetModelRequest>) -> Answer {
        document(&json!({ "model_id": request.into_inner().model_id }), false)
    }

    async fn start_rollout(&self, request: Request<StartRolloutRequest>) -> Answer {
        let request = request.into_inner();
        let asked = parsed(&request.rollout_json);
        if asked["role"] == "judge" {
            return Err(Problem::new(422, "validation", "a judge cannot be tried").to_status());
        }
        document(&json!({ "model_id": request.model_id, "asked": asked }), false)
    }

    async fn decide_rollout(&self, request: Request<DecideRolloutRequest>) -> Answer {
        let request = request.into_inner();
        let asked = parsed(&request.word_json);
        document(
            &json!({ "action": request.action, "actor": request.actor, "asked": asked }),
            false,
        )
    }

    async fn list_experiments(&self, request: Request<ListModelsRequest>) -> Answer {
        page(request.get_ref())
    }

    async fn get_experiment(&self, _: Request<GetExperimentRequest>) -> Answer {
        Err(Problem::new(404, "experiment_not_found", "there is no such experiment").to_status())
    }
}
