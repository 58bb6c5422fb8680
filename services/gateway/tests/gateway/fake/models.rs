//! A registry that answers with what it was asked.

use super::learner::FakeLearner;
use contracts::learner::model_service_server::ModelService;
use contracts::learner::upload_model_request::Part;
use contracts::learner::*;
use contracts::problem::Problem;
use serde_json::{Value, json};
use tonic::{Request, Response, Status, Streaming};

/// What came of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Upload {
    /// Tenant and idempotency key.
    pub begin: (String, String),
    pub fields: Value,
    pub name: String,
    pub bytes: usize,
}

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

    async fn upload_model(&self, request: Request<Streaming<UploadModelRequest>>) -> Answer {
        let mut messages = request.into_inner();
        let mut upload = Upload::default();
        while let Some(message) = messages.message().await? {
            match message.part.unwrap() {
                Part::Begin(begin) => upload.begin = (begin.tenant, begin.idempotency_key),
                Part::FieldsJson(json) => upload.fields = parsed(&json),
                Part::FileName(name) if name.ends_with(".pt") => {
                    return Err(Problem::new(422, "model_file_runs_code", "pickles are not accepted").to_status());
                }
                Part::FileName(name) => upload.name = name,
                Part::Chunk(chunk) => upload.bytes += chunk.len(),
                Part::Complete(_) => {
                    self.uploads.lock().unwrap().push(upload.clone());
                    return document(&json!({ "model_id": "m" }), upload.begin.1 == "again");
                }
            }
        }
        Err(Problem::new(400, "upload_aborted", "it ended before its end").to_status())
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
