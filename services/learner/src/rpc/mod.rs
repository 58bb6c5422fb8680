//! The gRPC service.

mod business;
mod fine_tunes;
mod learning;
mod models;
mod preferences;
mod rollouts;
mod training;
mod uploads;

pub use fine_tunes::FineTuneJobs;
pub use models::{ModelRegistry, id};

use crate::export::{self, Exports, StartError};
use crate::imports::Imports;
use crate::patterns::Patterns;
use crate::preferences::Preferences;
use crate::store::{ExportRow, ExportState, Store, StoreError};
use contracts::learner::learner_service_server::LearnerService;
use contracts::learner::{
    AnalyseBusinessMetricsRequest, EraseUserRequest, ExportChunk, ExportDocument, ExportPatternsRequest,
    GetExportRequest, GetMetricsRequest, GetPatternRequest, GetRecordSchemaRequest, ImportChunk, ImportPatternsRequest,
    LearningDocument, ListPatternsRequest, ListPreferencesRequest, RecallRequest, RecallResponse,
    RecordBusinessMetricsRequest, RecordFeedbackRequest, RetractPreferenceRequest, ReviewPatternRequest,
    StartExportRequest, StatePreferencesRequest,
};
use contracts::problem::Problem;
use futures::stream::{self, BoxStream, StreamExt};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

/// Answers gateway and planner. Whoever asks was authenticated there; the tenant comes from the credential.
pub struct Learner {
    exports: Exports,
    imports: Imports,
    patterns: Patterns,
    preferences: Preferences,
    store: Store,
    window_days: u32,
    /// Turns of those about business metrics.
    business: Arc<Semaphore>,
}

impl Learner {
    /// Over what is kept. Figures look back `window_days` where nobody says otherwise.
    pub fn new(
        exports: Exports,
        imports: Imports,
        patterns: Patterns,
        preferences: Preferences,
        store: Store,
        window_days: u32,
    ) -> Self {
        Self {
            exports,
            imports,
            patterns,
            preferences,
            store,
            window_days,
            business: Arc::new(Semaphore::new(business::AT_A_TIME)),
        }
    }

    async fn find(&self, request: &GetExportRequest) -> Result<ExportRow, Status> {
        let id = Uuid::parse_str(&request.export_id)
            .map_err(|_| Problem::new(400, "invalid_id", "an export's id is a UUID"))?;
        let found = self
            .exports
            .find(id, &request.tenant)
            .await
            .map_err(|error| away(&error))?;
        Ok(found.ok_or_else(not_found)?)
    }
}

#[tonic::async_trait]
impl LearnerService for Learner {
    async fn start_export(&self, request: Request<StartExportRequest>) -> Result<Response<ExportDocument>, Status> {
        let request = request.into_inner();
        let options = export::parse(&request.options_json).map_err(|problem| problem.to_status())?;
        let started = self.exports.start(service::ids::v7(), &request.tenant, &options).await;
        let export = started.map_err(|error| match error {
            StartError::TooMany => Problem::new(
                429,
                "too_many_exports",
                "wait until one of the running exports has ended",
            ),
            StartError::Store(error) => away(&error),
            StartError::Options(_) => Problem::new(500, "internal", "the export could not be started"),
        })?;
        Ok(Response::new(export::document(&export.ok_or_else(not_found)?)))
    }

    async fn get_export(&self, request: Request<GetExportRequest>) -> Result<Response<ExportDocument>, Status> {
        let export = self.find(request.get_ref()).await?;
        Ok(Response::new(export::document(&export)))
    }

    type DownloadExportStream = BoxStream<'static, Result<ExportChunk, Status>>;

    async fn download_export(
        &self,
        request: Request<GetExportRequest>,
    ) -> Result<Response<Self::DownloadExportStream>, Status> {
        let export = self.find(request.get_ref()).await?;
        match &export.state {
            ExportState::Completed(_) => {}
            ExportState::Running => {
                return Err(Problem::new(
                    409,
                    "export_running",
                    "the export is not complete yet; ask for it again",
                )
                .into());
            }
            ExportState::Failed(reason) => {
                return Err(Problem::new(409, "export_failed", format!("the export failed: {reason}")).into());
            }
            ExportState::Expired => {
                let detail = "the file was kept for a time and is there no more; export it again";
                return Err(Problem::new(410, "export_expired", detail).into());
            }
        }
        let exports = self.exports.clone();
        // The next piece is read when the one before has been taken.
        let chunks = stream::try_unfold(0, move |no: i32| {
            let (exports, tenant) = (exports.clone(), export.tenant.clone());
            async move {
                let chunk = exports.chunk(export.id, no).await.map_err(|error| away(&error))?;
                let is_there = chunk.is_some()
                    || exports
                        .find(export.id, &tenant)
                        .await
                        .is_ok_and(|found| found.is_some());
                if !is_there {
                    // It was dropped meanwhile: the end of what there is would pass for the end of the file.
                    return Err(not_found().into());
                }
                Ok(chunk.map(|chunk| (ExportChunk { chunk }, no.saturating_add(1))))
            }
        });
        Ok(Response::new(chunks.boxed()))
    }

    async fn get_record_schema(
        &self,
        request: Request<GetRecordSchemaRequest>,
    ) -> Result<Response<ExportDocument>, Status> {
        Ok(Response::new(training::schema(&request.get_ref().format)?))
    }

    async fn import_records(
        &self,
        request: Request<Streaming<ImportChunk>>,
    ) -> Result<Response<LearningDocument>, Status> {
        Ok(Response::new(self.imported(request.into_inner()).await?))
    }

    async fn recall(&self, request: Request<RecallRequest>) -> Result<Response<RecallResponse>, Status> {
        Ok(Response::new(self.recalled(request.into_inner()).await?))
    }

    async fn list_preferences(
        &self,
        request: Request<ListPreferencesRequest>,
    ) -> Result<Response<LearningDocument>, Status> {
        Ok(Response::new(self.preferences_held(request.into_inner()).await?))
    }

    async fn state_preferences(
        &self,
        request: Request<StatePreferencesRequest>,
    ) -> Result<Response<LearningDocument>, Status> {
        Ok(Response::new(self.preferences_stated(request.into_inner()).await?))
    }

    async fn retract_preference(
        &self,
        request: Request<RetractPreferenceRequest>,
    ) -> Result<Response<LearningDocument>, Status> {
        Ok(Response::new(self.preference_retracted(request.into_inner()).await?))
    }

    async fn erase_user(&self, request: Request<EraseUserRequest>) -> Result<Response<LearningDocument>, Status> {
        Ok(Response::new(self.user_erased(request.into_inner()).await?))
    }

    async fn list_patterns(&self, request: Request<ListPatternsRequest>) -> Result<Response<LearningDocument>, Status> {
        Ok(Response::new(self.patterns_page(request.into_inner()).await?))
    }

    async fn get_pattern(&self, request: Request<GetPatternRequest>) -> Result<Response<LearningDocument>, Status> {
        Ok(Response::new(self.pattern(request.into_inner()).await?))
    }

    async fn review_pattern(
        &self,
        request: Request<ReviewPatternRequest>,
    ) -> Result<Response<LearningDocument>, Status> {
        Ok(Response::new(self.reviewed(request.into_inner()).await?))
    }

    type ExportPatternsStream = BoxStream<'static, Result<ExportChunk, Status>>;

    async fn export_patterns(
        &self,
        request: Request<ExportPatternsRequest>,
    ) -> Result<Response<Self::ExportPatternsStream>, Status> {
        Ok(Response::new(self.exported(request.into_inner().tenant)))
    }

    async fn import_patterns(
        &self,
        request: Request<ImportPatternsRequest>,
    ) -> Result<Response<LearningDocument>, Status> {
        Ok(Response::new(self.imported_patterns(request.into_inner()).await?))
    }

    async fn get_metrics(&self, request: Request<GetMetricsRequest>) -> Result<Response<LearningDocument>, Status> {
        Ok(Response::new(self.metrics(request.into_inner()).await?))
    }

    async fn record_business_metrics(
        &self,
        request: Request<RecordBusinessMetricsRequest>,
    ) -> Result<Response<LearningDocument>, Status> {
        Ok(Response::new(self.business_points(request.into_inner()).await?))
    }

    async fn analyse_business_metrics(
        &self,
        request: Request<AnalyseBusinessMetricsRequest>,
    ) -> Result<Response<LearningDocument>, Status> {
        Ok(Response::new(self.business_analysis(request.into_inner()).await?))
    }

    async fn record_feedback(
        &self,
        request: Request<RecordFeedbackRequest>,
    ) -> Result<Response<LearningDocument>, Status> {
        Ok(Response::new(self.feedback(request.into_inner()).await?))
    }
}

fn not_found() -> Problem {
    Problem::new(404, "export_not_found", "there is no such export")
}

pub(crate) fn away(error: &StoreError) -> Problem {
    tracing::warn!(error = crate::chain(error), "the database did not answer");
    if error.is_retryable() {
        Problem::new(503, "unavailable", "the database does not answer; try again")
    } else {
        Problem::new(500, "internal", "the request could not be processed")
    }
}
