//! `orchestrator.v1.ModelService` and `ExperimentService`, over the same application and the same checks as REST.

use super::learning::{parsed, text};
use super::orchestrator::{answer, caller};
use crate::application::{Application, Page};
use crate::caller::Caller;
use crate::idempotency::{IdempotencyKey, KEY};
use crate::identifiers;
use crate::json;
use crate::query::{DEFAULT_LIMIT, MAX_LIMIT, invalid_cursor, unfit};
use crate::refusal::Refusal;
use contracts::learner::LearningDocument;
use contracts::v1::experiment_service_server::ExperimentService;
use contracts::v1::model_service_server::ModelService;
use contracts::v1::{
    DecideRolloutRequest, Experiment, ExperimentList, GetExperimentRequest, GetModelRequest, ListExperimentsRequest,
    ListModelsRequest, Model, ModelList, RegisterModelRequest, StartRolloutRequest,
};
use serde_json::{Map, Value};
use std::sync::Arc;
use tonic::{Request, Response, Status};

const MAX_CURSOR: usize = 4096;

/// Both services.
#[derive(Clone)]
pub struct Models {
    app: Arc<Application>,
}

impl Models {
    /// Over `app`.
    pub fn new(app: Arc<Application>) -> Self {
        Self { app }
    }

    async fn list(&self, request: ListModelsRequest) -> Result<ModelList, Refusal> {
        let document_json = self.app.models(page(request.limit, request.cursor)?).await?.json;
        let document = parsed(&document_json)?;
        Ok(ModelList {
            models: items(&document).map(|one| model(one, false)).collect(),
            next_cursor: text(&document, "next_cursor"),
            document_json,
        })
    }

    async fn show(&self, request: GetModelRequest) -> Result<Model, Refusal> {
        let id = identifiers::require(&request.model_id)?;
        model_of(&self.app.model(id).await?)
    }

    async fn register(&self, key: Option<Vec<u8>>, request: RegisterModelRequest) -> Result<Model, Refusal> {
        let key = IdempotencyKey::parse(key.as_deref())?;
        let body = json::read_object(request.model_json.as_bytes(), self.app.limits.json_depth)?;
        model_of(&self.app.register_model(&body, key).await?)
    }

    async fn experiments(&self, request: ListExperimentsRequest) -> Result<ExperimentList, Refusal> {
        let page = page(request.limit, request.cursor)?;
        let document_json = self.app.experiments(page).await?.json;
        let document = parsed(&document_json)?;
        let experiments = items(&document).map(|one| experiment(one, false));
        Ok(ExperimentList {
            experiments: experiments.collect(),
            next_cursor: text(&document, "next_cursor"),
            document_json,
        })
    }

    async fn experiment(&self, request: GetExperimentRequest) -> Result<Experiment, Refusal> {
        let id = identifiers::require(&request.experiment_id)?;
        experiment_of(&self.app.experiment(id).await?)
    }

    async fn start(&self, key: Option<Vec<u8>>, request: StartRolloutRequest) -> Result<Experiment, Refusal> {
        let key = IdempotencyKey::parse(key.as_deref())?;
        let id = identifiers::require(&request.model_id)?;
        let mut body = Map::new();
        body.insert("role".to_owned(), request.role.into());
        if !request.settings_json.is_empty() {
            let depth = self.app.limits.json_depth;
            let settings = json::read(request.settings_json.as_bytes(), depth, "/settings")?;
            body.insert("settings".to_owned(), settings);
        }
        json::refuse_nul(&body)?;
        experiment_of(&self.app.start_rollout(id, &body, key).await?)
    }

    async fn decide(&self, caller: Caller, action: &str, request: DecideRolloutRequest) -> Result<Experiment, Refusal> {
        let id = identifiers::require(&request.model_id)?;
        let mut body = Map::new();
        for (name, text) in [("role", request.role), ("note", request.note)] {
            if !text.is_empty() {
                body.insert(name.to_owned(), text.into());
            }
        }
        json::refuse_nul(&body)?;
        experiment_of(&self.app.decide_rollout(caller, id, action, &body).await?)
    }

    async fn answered(
        &self,
        action: &str,
        request: Request<DecideRolloutRequest>,
    ) -> Result<Response<Experiment>, Status> {
        let caller = caller(&request);
        answer(caller, self.decide(caller, action, request.into_inner()).await)
    }
}

#[tonic::async_trait]
impl ModelService for Models {
    async fn list_models(&self, request: Request<ListModelsRequest>) -> Result<Response<ModelList>, Status> {
        let caller = caller(&request);
        answer(caller, self.list(request.into_inner()).await)
    }

    async fn get_model(&self, request: Request<GetModelRequest>) -> Result<Response<Model>, Status> {
        let caller = caller(&request);
        answer(caller, self.show(request.into_inner()).await)
    }

    async fn register_model(&self, request: Request<RegisterModelRequest>) -> Result<Response<Model>, Status> {
        let caller = caller(&request);
        let key = request.metadata().get(KEY).map(|value| value.as_bytes().to_vec());
        answer(caller, self.register(key, request.into_inner()).await)
    }
}

#[tonic::async_trait]
impl ExperimentService for Models {
    async fn list_experiments(
        &self,
        request: Request<ListExperimentsRequest>,
    ) -> Result<Response<ExperimentList>, Status> {
        let caller = caller(&request);
        answer(caller, self.experiments(request.into_inner()).await)
    }

    async fn get_experiment(&self, request: Request<GetExperimentRequest>) -> Result<Response<Experiment>, Status> {
        let caller = caller(&request);
        answer(caller, self.experiment(request.into_inner()).await)
    }

    async fn start_rollout(&self, request: Request<StartRolloutRequest>) -> Result<Response<Experiment>, Status> {
        let caller = caller(&request);
        let key = request.metadata().get(KEY).map(|value| value.as_bytes().to_vec());
        answer(caller, self.start(key, request.into_inner()).await)
    }

    async fn promote_model(&self, request: Request<DecideRolloutRequest>) -> Result<Response<Experiment>, Status> {
        self.answered("promote", request).await
    }

    async fn pause_rollout(&self, request: Request<DecideRolloutRequest>) -> Result<Response<Experiment>, Status> {
        self.answered("pause", request).await
    }

    async fn resume_rollout(&self, request: Request<DecideRolloutRequest>) -> Result<Response<Experiment>, Status> {
        self.answered("resume", request).await
    }

    async fn roll_back_model(&self, request: Request<DecideRolloutRequest>) -> Result<Response<Experiment>, Status> {
        self.answered("rollback", request).await
    }
}

/// Held to what REST's query parameters are.
fn page(limit: u32, cursor: String) -> Result<Page, Refusal> {
    let limit = match limit {
        0 => DEFAULT_LIMIT,
        limit if limit <= MAX_LIMIT => limit,
        _ => return Err(unfit("limit", format!("must be an integer from 1 to {MAX_LIMIT}"))),
    };
    if cursor.len() > MAX_CURSOR || !cursor.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(invalid_cursor());
    }
    Ok(Page { limit, cursor })
}

fn items(document: &Value) -> impl Iterator<Item = &Value> {
    document.get("items").and_then(Value::as_array).into_iter().flatten()
}

fn model_of(document: &LearningDocument) -> Result<Model, Refusal> {
    Ok(model(&parsed(&document.json)?, document.replayed))
}

fn model(document: &Value, replayed: bool) -> Model {
    Model {
        model_id: text(document, "model_id"),
        model_name: text(document, "model_name"),
        version: number(document.get("version")),
        served_as: text(document, "served_as"),
        state: text(document, "state"),
        replayed,
        document_json: document.to_string(),
    }
}

fn experiment_of(document: &LearningDocument) -> Result<Experiment, Refusal> {
    Ok(experiment(&parsed(&document.json)?, document.replayed))
}

fn experiment(document: &Value, replayed: bool) -> Experiment {
    let step = document.pointer("/stage/step");
    Experiment {
        experiment_id: text(document, "experiment_id"),
        role: text(document, "role"),
        champion: text(document, "champion"),
        challenger: text(document, "challenger"),
        stage: step.map_or_else(|| text(document, "stage"), |_| "step".to_owned()),
        step: number(step),
        paused: document.get("paused").and_then(Value::as_bool).unwrap_or_default(),
        exposed: document.get("exposed").and_then(Value::as_f64),
        replayed,
        document_json: document.to_string(),
    }
}

fn number(value: Option<&Value>) -> u32 {
    let number = value.and_then(Value::as_u64).unwrap_or_default();
    u32::try_from(number).unwrap_or(u32::MAX)
}
