//! Fine-tuning jobs: requests read, answers made.

use super::away;
use super::models::{document, id, next, page, reused};
use super::preferences::now;
use crate::export::ExportOptions;
use crate::fine_tunes::{
    self, Course, FineTune, FineTuneRequest, LinesError, Provider, Providers, State, Unfit, check, measure,
};
use crate::store::fine_tunes::Asked;
use crate::store::{ExportState, Store};
use chrono::TimeDelta;
use contracts::learner::fine_tune_service_server::FineTuneService;
use contracts::learner::{
    GetFineTuneRequest, LearningDocument, ListFineTunesRequest, ListModelsRequest, StartFineTuneRequest,
};
use contracts::problem::Problem;
use serde_json::{Value, json};
use service::config::FineTunesConfig;
use std::sync::Arc;
use tonic::{Request, Response, Status};
use uuid::Uuid;

const MIB: u64 = 1 << 20;

/// Answers about jobs that train models at providers.
pub struct FineTuneJobs {
    store: Store,
    providers: Arc<Providers>,
    rules: FineTunesConfig,
}

impl FineTuneJobs {
    /// Over what is kept; by `rules`, at `providers`.
    pub fn new(store: Store, providers: Arc<Providers>, rules: FineTunesConfig) -> Self {
        Self {
            store,
            providers,
            rules,
        }
    }

    async fn begun(&self, request: StartFineTuneRequest) -> Result<LearningDocument, Problem> {
        let wanted = FineTuneRequest::read(&request.fine_tune_json).map_err(|unfit| refused(&unfit))?;
        let id = id(&request.tenant, "fine_tune", &request.idempotency_key);
        if let Some(earlier) = self.find(id, &request.tenant).await? {
            return replayed(&wanted, &earlier);
        }
        let provider = self.providers.get(&wanted.provider);
        let provider = provider.ok_or_else(|| refused(&Unfit::Provider(wanted.provider.clone())))?;
        let new = self.new_tune(id, &request.tenant, &wanted, provider).await?;
        let asked = self.store.ask_for_fine_tune(&new, self.rules.max_under_way).await;
        match asked.map_err(|error| away(&error))? {
            Asked::Kept => {}
            Asked::NoExport => return Err(no_export()),
            Asked::TooMany => {
                let detail = format!(
                    "{} jobs are under way; wait until one has ended",
                    self.rules.max_under_way
                );
                return Err(Problem::new(429, "too_many_fine_tunes", detail));
            }
        }
        // Of twins that came at once the one is kept that came first.
        let kept = self.find(id, &request.tenant).await?.ok_or_else(no_job)?;
        if kept.created_at != new.created_at {
            return replayed(&wanted, &kept);
        }
        Ok(document(&fine_tunes::document(&kept), false))
    }

    /// The job, if it may be begun.
    async fn new_tune(
        &self,
        id: Uuid,
        tenant: &str,
        request: &FineTuneRequest,
        provider: &Provider,
    ) -> Result<FineTune, Problem> {
        let options = self.export(request.export_id, tenant).await?;
        let wanted = request.wanted(options.format).map_err(|unfit| refused(&unfit))?;
        let mut examples = measure(&self.store, request.export_id)
            .await
            .map_err(|error| match error {
                LinesError::Store(error) => away(&error),
                LinesError::Unmarked => Problem::new(409, "export_unmarked", error.to_string()),
            })?;
        examples.usd_per_million_tokens = provider.rules.price(&wanted.base_model);
        let most = u64::from(self.rules.max_file_mib).saturating_mul(MIB);
        check(&wanted, &examples, provider, most).map_err(|unfit| refused(&unfit))?;
        let now = now();
        #[expect(clippy::cast_possible_truncation, reason = "hours of at most a year")]
        let patience = TimeDelta::seconds((self.rules.deadline_hours * 3600.0) as i64);
        Ok(FineTune {
            id,
            tenant: tenant.to_owned(),
            export: request.export_id,
            provider: request.provider.clone(),
            model_name: request.model_name.clone(),
            wanted,
            examples,
            state: State::Queued,
            reason: None,
            course: Course::default(),
            model: None,
            cancel_asked_at: None,
            withdrawn_at: None,
            created_at: now,
            changed_at: now,
            ended_at: None,
            deadline_at: now + patience,
            failures: 0,
            turn: 0,
        })
    }

    /// What a completed export was asked for.
    async fn export(&self, id: Uuid, tenant: &str) -> Result<ExportOptions, Problem> {
        let export = self.store.export(id, tenant).await.map_err(|error| away(&error))?;
        let export = export.ok_or_else(no_export)?;
        match export.state {
            ExportState::Completed(_) => {}
            ExportState::Running => {
                return Err(Problem::new(409, "export_running", "the export is not complete yet"));
            }
            ExportState::Failed(reason) => return Err(Problem::new(409, "export_failed", reason)),
            ExportState::Expired => {
                let detail = "the export was kept for learning.export_retention_days; export again";
                return Err(Problem::new(410, "export_expired", detail));
            }
        }
        let options = serde_json::from_str(&export.options);
        options.map_err(|_| Problem::new(500, "internal", "the export cannot be described"))
    }

    async fn jobs(&self, request: ListFineTunesRequest) -> Result<LearningDocument, Problem> {
        let (before, limit) = page(&ListModelsRequest {
            tenant: String::new(),
            limit: request.limit,
            cursor: request.cursor,
        })?;
        let found = self.store.fine_tunes(&request.tenant, before, limit.into()).await;
        let found = found.map_err(|error| away(&error))?;
        let next = next(found.last().map(|last| (last.created_at, last.id)), found.len(), limit);
        let jobs: Vec<Value> = found.iter().map(fine_tunes::document).collect();
        Ok(document(&json!({ "items": jobs, "next_cursor": next }), false))
    }

    async fn job(&self, request: &GetFineTuneRequest) -> Result<FineTune, Problem> {
        let id = Uuid::parse_str(&request.fine_tune_id);
        let id = id.map_err(|_| Problem::new(400, "invalid_id", "a job's id is a UUID"))?;
        self.find(id, &request.tenant).await?.ok_or_else(no_job)
    }

    async fn cancelled(&self, request: &GetFineTuneRequest) -> Result<LearningDocument, Problem> {
        let job = self.job(request).await?;
        let cancelled = self.store.cancel_fine_tune(job.id, &job.tenant, now()).await;
        let job = match cancelled.map_err(|error| away(&error))? {
            true => self.job(request).await?,
            // Whoever asks again is told the same.
            false if job.cancel_asked_at.is_some() => job,
            false => {
                let job = self.job(request).await?;
                let detail = format!("the job has ended: {}", job.state.as_str());
                return Err(Problem::new(409, "already_terminal", detail));
            }
        };
        Ok(document(&fine_tunes::document(&job), false))
    }

    async fn find(&self, id: Uuid, tenant: &str) -> Result<Option<FineTune>, Problem> {
        self.store.fine_tune(id, tenant).await.map_err(|error| away(&error))
    }
}

#[tonic::async_trait]
impl FineTuneService for FineTuneJobs {
    async fn start_fine_tune(
        &self,
        request: Request<StartFineTuneRequest>,
    ) -> Result<Response<LearningDocument>, Status> {
        Ok(Response::new(self.begun(request.into_inner()).await?))
    }

    async fn list_fine_tunes(
        &self,
        request: Request<ListFineTunesRequest>,
    ) -> Result<Response<LearningDocument>, Status> {
        Ok(Response::new(self.jobs(request.into_inner()).await?))
    }

    async fn get_fine_tune(&self, request: Request<GetFineTuneRequest>) -> Result<Response<LearningDocument>, Status> {
        let job = self.job(request.get_ref()).await?;
        Ok(Response::new(document(&fine_tunes::document(&job), false)))
    }

    async fn cancel_fine_tune(
        &self,
        request: Request<GetFineTuneRequest>,
    ) -> Result<Response<LearningDocument>, Status> {
        Ok(Response::new(self.cancelled(request.get_ref()).await?))
    }
}

#[expect(clippy::result_large_err, reason = "the answer itself, once a request")]
fn replayed(request: &FineTuneRequest, earlier: &FineTune) -> Result<LearningDocument, Problem> {
    if request.is_of(earlier) {
        Ok(document(&fine_tunes::document(earlier), true))
    } else {
        Err(reused())
    }
}

fn refused(unfit: &Unfit) -> Problem {
    Problem::new(422, unfit.code(), unfit.to_string())
}

fn no_export() -> Problem {
    Problem::new(404, "export_not_found", "there is no such export")
}

fn no_job() -> Problem {
    Problem::new(404, "fine_tune_not_found", "there is no such fine-tuning job")
}
