//! Models: requests read, answers made.

use super::away;
use super::preferences::now;
use crate::models::intake::Intake;
use crate::models::registration::{Registration, Unfit};
use crate::models::version::{Source, State, served_name};
use crate::store::models::{Model, Models, NewModel};
use chrono::{DateTime, Utc};
use contracts::learner::model_service_server::ModelService;
use contracts::learner::{
    DecideRolloutRequest, GetExperimentRequest, GetModelRequest, LearningDocument, ListModelsRequest,
    RegisterModelRequest, StartRolloutRequest, UploadModelRequest,
};
use contracts::problem::Problem;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

const MOST: u32 = 200;

/// Answers about models and what is tried.
pub struct ModelRegistry {
    pub(super) store: crate::store::Store,
    providers: BTreeSet<String>,
    pub(super) intake: Option<Intake>,
}

impl ModelRegistry {
    /// Over what is kept; `providers` are configured.
    pub fn new(store: crate::store::Store, providers: BTreeSet<String>) -> Self {
        Self {
            store,
            providers,
            intake: None,
        }
    }

    /// The same, which takes in files.
    #[must_use]
    pub fn taking(self, intake: Intake) -> Self {
        Self {
            intake: Some(intake),
            ..self
        }
    }

    async fn registered(&self, request: RegisterModelRequest) -> Result<LearningDocument, Problem> {
        let registration = Registration::read(&request.model_json, &self.providers)
            .map_err(|unfit: Unfit| Problem::new(422, "validation", unfit.to_string()))?;
        let models = Models::of(&self.store, &request.tenant);
        let new = NewModel {
            id: id(&request.tenant, "model", &request.idempotency_key),
            name: registration.name.clone(),
            state: State::Loaded,
            source: registration.source(),
            trained_on: None,
            at: now(),
        };
        let earlier = models.get(new.id).await.map_err(|error| away(&error))?;
        let replayed = earlier.is_some();
        if earlier.is_none() {
            models.register(&new).await.map_err(|error| away(&error))?;
        }
        let kept = models
            .get(new.id)
            .await
            .map_err(|error| away(&error))?
            .ok_or_else(no_model)?;
        if kept.name != new.name || kept.source != new.source {
            return Err(reused());
        }
        Ok(document(&of_model(&kept), replayed))
    }

    async fn models(&self, request: ListModelsRequest) -> Result<LearningDocument, Problem> {
        let (before, limit) = page(&request)?;
        let models = Models::of(&self.store, &request.tenant);
        let found = models.list(before, limit.into()).await.map_err(|error| away(&error))?;
        let next = next(found.last().map(|last| (last.created_at, last.id)), found.len(), limit);
        let models = self.described(&found).await?;
        Ok(document(&json!({ "items": models, "next_cursor": next }), false))
    }

    async fn model(&self, request: GetModelRequest) -> Result<LearningDocument, Problem> {
        let found = self.known(&request.tenant, &request.model_id).await?;
        let told = self.described(std::slice::from_ref(&found)).await?;
        let told = told.into_iter().next().ok_or_else(no_model)?;
        Ok(document(&told, false))
    }

    /// The documents of models, with what those come from that were trained here.
    async fn described(&self, models: &[Model]) -> Result<Vec<Value>, Problem> {
        let ids: Vec<Uuid> = models.iter().map(|model| model.id).collect();
        let trained = self.store.trained(&ids).await.map_err(|error| away(&error))?;
        let told = models.iter().map(|model| {
            let mut told = of_model(model);
            if let (Some(trained), Some(told)) = (trained.get(&model.id), told.as_object_mut()) {
                told.insert("trained_by".to_owned(), json!(trained.by));
                told.insert("base_model".to_owned(), json!(trained.base_model));
            }
            told
        });
        Ok(told.collect())
    }

    /// A tenant's model.
    pub(super) async fn known(&self, tenant: &str, id: &str) -> Result<Model, Problem> {
        let id = Uuid::parse_str(id).map_err(|_| Problem::new(400, "invalid_id", "a model's id is a UUID"))?;
        let found = Models::of(&self.store, tenant).get(id).await;
        found.map_err(|error| away(&error))?.ok_or_else(no_model)
    }
}

#[tonic::async_trait]
impl ModelService for ModelRegistry {
    async fn register_model(
        &self,
        request: Request<RegisterModelRequest>,
    ) -> Result<Response<LearningDocument>, Status> {
        Ok(Response::new(self.registered(request.into_inner()).await?))
    }

    async fn list_models(&self, request: Request<ListModelsRequest>) -> Result<Response<LearningDocument>, Status> {
        Ok(Response::new(self.models(request.into_inner()).await?))
    }

    async fn get_model(&self, request: Request<GetModelRequest>) -> Result<Response<LearningDocument>, Status> {
        Ok(Response::new(self.model(request.into_inner()).await?))
    }

    async fn upload_model(
        &self,
        request: Request<Streaming<UploadModelRequest>>,
    ) -> Result<Response<LearningDocument>, Status> {
        Ok(Response::new(self.uploaded(request.into_inner()).await?))
    }

    async fn start_rollout(&self, request: Request<StartRolloutRequest>) -> Result<Response<LearningDocument>, Status> {
        Ok(Response::new(self.begun(request.into_inner()).await?))
    }

    async fn decide_rollout(
        &self,
        request: Request<DecideRolloutRequest>,
    ) -> Result<Response<LearningDocument>, Status> {
        Ok(Response::new(self.decided(request.into_inner()).await?))
    }

    async fn list_experiments(
        &self,
        request: Request<ListModelsRequest>,
    ) -> Result<Response<LearningDocument>, Status> {
        Ok(Response::new(self.experiments(request.into_inner()).await?))
    }

    async fn get_experiment(
        &self,
        request: Request<GetExperimentRequest>,
    ) -> Result<Response<LearningDocument>, Status> {
        Ok(Response::new(self.experiment(request.into_inner()).await?))
    }
}

pub(super) fn of_model(model: &Model) -> Value {
    let time = |at: DateTime<Utc>| service::clock::rfc3339(at.timestamp_millis());
    let source = match &model.source {
        Source::File {
            sha256,
            size,
            file,
            base_model,
            ..
        } => {
            let serving = model.serving.as_ref();
            json!({
                "kind": "file", "sha256": sha256, "size": size, "file": file, "base_model": base_model,
                "provider": serving.and_then(|serving| serving.provider.as_ref()),
                "model": serving.map(|serving| &serving.asked_as),
                "answers_as": serving.and_then(|serving| serving.answers_as.as_ref()),
            })
        }
        Source::Remote {
            provider,
            model,
            answers_as,
        } => json!({ "kind": "remote", "provider": provider, "model": model, "answers_as": answers_as }),
    };
    json!({
        "model_id": model.id,
        "model_name": model.name,
        "version": model.version,
        "served_as": served_name(&model.name, model.version),
        "state": model.state,
        "reason": model.reason.as_ref().or(model.serving.as_ref().and_then(|serving| serving.waits.as_ref())),
        "source": source,
        "trained_on": model.trained_on,
        "created_at": time(model.created_at),
        "changed_at": time(model.changed_at),
    })
}

/// The same for the same key, so that whoever asks again finds what was made.
pub fn id(tenant: &str, what: &str, key: &str) -> Uuid {
    if key.is_empty() {
        return service::ids::v7();
    }
    let digest = Sha256::digest(format!("{what}\n{tenant}\n{key}"));
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest).for_each(|(byte, from)| *byte = from);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

pub(super) fn reused() -> Problem {
    let detail = "another request had this idempotency key; use a new one for each request";
    Problem::new(422, "idempotency_key_reused", detail)
}

fn no_model() -> Problem {
    Problem::new(404, "model_not_found", "there is no such model")
}

pub(super) fn document(json: &Value, replayed: bool) -> LearningDocument {
    LearningDocument {
        json: json.to_string(),
        replayed,
    }
}

type Place = Option<(DateTime<Utc>, Uuid)>;

/// Where a page begins, and how long it is.
#[expect(clippy::result_large_err, reason = "the answer itself, once a request")]
pub(super) fn page(request: &ListModelsRequest) -> Result<(Place, u32), Problem> {
    let forged = || {
        let detail = "the cursor is not one that a page of this list gave";
        Problem::new(400, "invalid_cursor", detail)
    };
    let read = |cursor: &str| {
        let (micros, id) = cursor.split_once('.')?;
        Some((DateTime::from_timestamp_micros(micros.parse().ok()?)?, id.parse().ok()?))
    };
    let before = match request.cursor.as_str() {
        "" => None,
        cursor => Some(read(cursor).ok_or_else(forged)?),
    };
    Ok((before, request.limit.clamp(1, MOST)))
}

/// Where the next page begins; none at the end.
pub(super) fn next(last: Place, found: usize, limit: u32) -> Option<String> {
    let (at, id) = last?;
    let full = u32::try_from(found).is_ok_and(|found| found >= limit);
    full.then(|| format!("{}.{id}", at.timestamp_micros()))
}
