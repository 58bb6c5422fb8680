//! `orchestrator.v1.FineTuningService`, over the same application and the same checks as REST.

use super::learning::{parsed, text};
use super::orchestrator::{answer, caller};
use crate::application::{Application, Page};
use crate::idempotency::{IdempotencyKey, KEY};
use crate::identifiers;
use crate::json;
use crate::query::{DEFAULT_LIMIT, MAX_LIMIT, invalid_cursor, unfit};
use crate::refusal::Refusal;
use contracts::v1::fine_tuning_service_server::FineTuningService;
use contracts::v1::{
    CancelFineTuneRequest, FineTune, FineTuneList, GetFineTuneRequest, ListFineTunesRequest, StartFineTuneRequest,
};
use serde_json::{Map, Value};
use std::sync::Arc;
use tonic::{Request, Response, Status};

const MAX_CURSOR: usize = 4096;

/// The service.
pub struct FineTuning {
    app: Arc<Application>,
}

impl FineTuning {
    /// Over `app`.
    pub fn new(app: Arc<Application>) -> Self {
        Self { app }
    }

    async fn start(&self, key: Option<Vec<u8>>, request: StartFineTuneRequest) -> Result<FineTune, Refusal> {
        let key = IdempotencyKey::parse(key.as_deref())?;
        let body = body(request);
        json::refuse_nul(&body)?;
        let begun = self.app.start_fine_tune(&body, key).await?;
        Ok(message(&parsed(&begun.json)?, begun.replayed))
    }

    async fn list(&self, request: ListFineTunesRequest) -> Result<FineTuneList, Refusal> {
        let limit = match request.limit {
            0 => DEFAULT_LIMIT,
            limit if limit <= MAX_LIMIT => limit,
            _ => return Err(unfit("limit", format!("must be an integer from 1 to {MAX_LIMIT}"))),
        };
        let cursor = request.cursor;
        if cursor.len() > MAX_CURSOR || !cursor.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(invalid_cursor());
        }
        let document_json = self.app.fine_tunes(Page { limit, cursor }).await?.json;
        let page = parsed(&document_json)?;
        let items = page.get("items").and_then(Value::as_array).into_iter().flatten();
        Ok(FineTuneList {
            fine_tunes: items.map(|job| message(job, false)).collect(),
            next_cursor: text(&page, "next_cursor"),
            document_json,
        })
    }

    async fn show(&self, id: &str) -> Result<FineTune, Refusal> {
        let job = self.app.fine_tune(identifiers::require(id)?).await?;
        Ok(message(&parsed(&job.json)?, false))
    }

    async fn cancel(&self, id: &str) -> Result<FineTune, Refusal> {
        let job = self.app.cancel_fine_tune(identifiers::require(id)?).await?;
        Ok(message(&parsed(&job.json)?, false))
    }
}

#[tonic::async_trait]
impl FineTuningService for FineTuning {
    async fn start_fine_tune(&self, request: Request<StartFineTuneRequest>) -> Result<Response<FineTune>, Status> {
        let caller = caller(&request);
        let key = request.metadata().get(KEY).map(|value| value.as_bytes().to_vec());
        answer(caller, self.start(key, request.into_inner()).await)
    }

    async fn list_fine_tunes(&self, request: Request<ListFineTunesRequest>) -> Result<Response<FineTuneList>, Status> {
        answer(caller(&request), self.list(request.into_inner()).await)
    }

    async fn get_fine_tune(&self, request: Request<GetFineTuneRequest>) -> Result<Response<FineTune>, Status> {
        answer(caller(&request), self.show(&request.get_ref().fine_tune_id).await)
    }

    async fn cancel_fine_tune(&self, request: Request<CancelFineTuneRequest>) -> Result<Response<FineTune>, Status> {
        answer(caller(&request), self.cancel(&request.get_ref().fine_tune_id).await)
    }
}

/// As REST would have it.
fn body(request: StartFineTuneRequest) -> Map<String, Value> {
    let told = |members: Vec<(&str, Option<Value>)>| -> Map<String, Value> {
        let told = members.into_iter();
        told.filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    };
    let hyperparameters = told(vec![
        ("n_epochs", request.n_epochs.map(Value::from)),
        ("batch_size", request.batch_size.map(Value::from)),
        (
            "learning_rate_multiplier",
            request.learning_rate_multiplier.map(Value::from),
        ),
    ]);
    told(vec![
        ("export_id", Some(Value::from(request.export_id))),
        ("provider", Some(Value::from(request.provider))),
        ("base_model", Some(Value::from(request.base_model))),
        ("model_name", Some(Value::from(request.model_name))),
        ("method", request.method.map(Value::from)),
        (
            "hyperparameters",
            (!hyperparameters.is_empty()).then_some(Value::Object(hyperparameters)),
        ),
        ("suffix", request.suffix.map(Value::from)),
        ("seed", request.seed.map(Value::from)),
        ("max_usd", request.max_usd.map(Value::from)),
    ])
}

fn message(job: &Value, replayed: bool) -> FineTune {
    let usd = |name: &str| job.get("cost")?.get(name)?.as_f64();
    FineTune {
        fine_tune_id: text(job, "fine_tune_id"),
        state: text(job, "state"),
        reason: text(job, "reason"),
        model_id: text(job, "model_id"),
        cost_usd: usd("usd"),
        estimated_usd: usd("estimated_usd"),
        replayed,
        document_json: job.to_string(),
    }
}
