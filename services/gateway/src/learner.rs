//! Asking the learner.

mod fine_tunes;
mod models;
mod uploads;

use crate::coordinator::{channel, conclude, patient_channel};
use crate::refusal::Refusal;
use contracts::learner::fine_tune_service_client::FineTuneServiceClient;
use contracts::learner::learner_service_client::LearnerServiceClient;
use contracts::learner::model_service_client::ModelServiceClient;
use contracts::learner::{
    AnalyseBusinessMetricsRequest, EraseUserRequest, ExportChunk, ExportDocument, ExportPatternsRequest,
    GetExportRequest, GetMetricsRequest, GetPatternRequest, GetRecordSchemaRequest, ImportChunk, ImportPatternsRequest,
    LearningDocument, ListPatternsRequest, ListPreferencesRequest, RecordBusinessMetricsRequest, RecordFeedbackRequest,
    RetractPreferenceRequest, ReviewPatternRequest, StartExportRequest, StatePreferencesRequest,
};
use contracts::trace;
use futures::Stream;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

/// Largest answer read.
const MAX_MESSAGE: usize = 16 << 20;

type Inject = fn(Request<()>) -> Result<Request<()>, Status>;

/// The learner as the gateway needs it.
#[derive(Clone)]
pub struct Learner {
    client: LearnerServiceClient<InterceptedService<Channel, Inject>>,
    models: ModelServiceClient<InterceptedService<Channel, Inject>>,
    fine_tunes: FineTuneServiceClient<InterceptedService<Channel, Inject>>,
    /// For what takes as long as its sender does.
    imports: LearnerServiceClient<InterceptedService<Channel, Inject>>,
    uploads: ModelServiceClient<InterceptedService<Channel, Inject>>,
}

impl Learner {
    /// At `url`; connects when first used.
    ///
    /// # Errors
    /// The address is not a URL.
    pub fn connect(url: &str) -> Result<Self, tonic::transport::Error> {
        let (channel, patient) = (channel(url)?, patient_channel(url)?);
        let uploads = ModelServiceClient::with_interceptor(patient.clone(), trace::inject as Inject);
        let imports = LearnerServiceClient::with_interceptor(patient, trace::inject as Inject)
            .max_decoding_message_size(MAX_MESSAGE);
        let models = ModelServiceClient::with_interceptor(channel.clone(), trace::inject as Inject)
            .max_decoding_message_size(MAX_MESSAGE);
        let fine_tunes = FineTuneServiceClient::with_interceptor(channel.clone(), trace::inject as Inject)
            .max_decoding_message_size(MAX_MESSAGE);
        let client = LearnerServiceClient::with_interceptor(channel, trace::inject as Inject)
            .max_decoding_message_size(MAX_MESSAGE);
        Ok(Self {
            client,
            models,
            fine_tunes,
            imports,
            uploads,
        })
    }

    /// Starts an export; a small one is complete in the answer.
    ///
    /// # Errors
    /// What the learner refuses; 503 when it does not answer.
    pub async fn start_export(&self, request: StartExportRequest) -> Result<ExportDocument, Refusal> {
        conclude(self.client.clone().start_export(request).await)
    }

    /// An export's document.
    ///
    /// # Errors
    /// As [`Self::start_export`].
    pub async fn export(&self, request: GetExportRequest) -> Result<ExportDocument, Refusal> {
        conclude(self.client.clone().get_export(request).await)
    }

    /// An export's bytes.
    ///
    /// # Errors
    /// As [`Self::start_export`].
    pub async fn download(&self, request: GetExportRequest) -> Result<Streaming<ExportChunk>, Refusal> {
        conclude(self.client.clone().download_export(request).await)
    }

    /// The JSON Schema of one record, or of what a format makes of it.
    ///
    /// # Errors
    /// As [`Self::start_export`].
    pub async fn record_schema(&self, format: String) -> Result<ExportDocument, Refusal> {
        let request = GetRecordSchemaRequest { format };
        conclude(self.client.clone().get_record_schema(request).await)
    }

    /// Imports records; the report.
    ///
    /// # Errors
    /// As [`Self::start_export`].
    pub async fn import(
        &self,
        chunks: impl Stream<Item = ImportChunk> + Send + 'static,
    ) -> Result<LearningDocument, Refusal> {
        conclude(self.imports.clone().import_records(chunks).await)
    }

    /// A page of patterns.
    ///
    /// # Errors
    /// As [`Self::start_export`].
    pub async fn patterns(&self, request: ListPatternsRequest) -> Result<LearningDocument, Refusal> {
        conclude(self.client.clone().list_patterns(request).await)
    }

    /// What somebody prefers.
    ///
    /// # Errors
    /// As [`Self::start_export`].
    pub async fn preferences(&self, request: ListPreferencesRequest) -> Result<LearningDocument, Refusal> {
        conclude(self.client.clone().list_preferences(request).await)
    }

    /// Notes what somebody states to prefer; answered after it is durable.
    ///
    /// # Errors
    /// As [`Self::start_export`].
    pub async fn state_preferences(&self, request: StatePreferencesRequest) -> Result<LearningDocument, Refusal> {
        conclude(self.client.clone().state_preferences(request).await)
    }

    /// Takes a statement back.
    ///
    /// # Errors
    /// As [`Self::start_export`].
    pub async fn retract_preference(&self, request: RetractPreferenceRequest) -> Result<LearningDocument, Refusal> {
        conclude(self.client.clone().retract_preference(request).await)
    }

    /// Deletes what is kept of a user.
    ///
    /// # Errors
    /// As [`Self::start_export`].
    pub async fn erase_user(&self, request: EraseUserRequest) -> Result<LearningDocument, Refusal> {
        conclude(self.client.clone().erase_user(request).await)
    }

    /// One pattern.
    ///
    /// # Errors
    /// As [`Self::start_export`].
    pub async fn pattern(&self, request: GetPatternRequest) -> Result<LearningDocument, Refusal> {
        conclude(self.client.clone().get_pattern(request).await)
    }

    /// Notes what people decide about a pattern.
    ///
    /// # Errors
    /// As [`Self::start_export`].
    pub async fn review_pattern(&self, request: ReviewPatternRequest) -> Result<LearningDocument, Refusal> {
        conclude(self.client.clone().review_pattern(request).await)
    }

    /// All patterns, one a line.
    ///
    /// # Errors
    /// As [`Self::start_export`].
    pub async fn export_patterns(&self, request: ExportPatternsRequest) -> Result<Streaming<ExportChunk>, Refusal> {
        conclude(self.client.clone().export_patterns(request).await)
    }

    /// Takes over patterns of another system.
    ///
    /// # Errors
    /// As [`Self::start_export`].
    pub async fn import_patterns(&self, request: ImportPatternsRequest) -> Result<LearningDocument, Refusal> {
        conclude(self.client.clone().import_patterns(request).await)
    }

    /// The figures.
    ///
    /// # Errors
    /// As [`Self::start_export`].
    pub async fn metrics(&self, request: GetMetricsRequest) -> Result<LearningDocument, Refusal> {
        conclude(self.client.clone().get_metrics(request).await)
    }

    /// Keeps points of business metrics; answered after they are durable.
    ///
    /// # Errors
    /// As [`Self::start_export`].
    pub async fn record_business_metrics(
        &self,
        request: RecordBusinessMetricsRequest,
    ) -> Result<LearningDocument, Refusal> {
        conclude(self.client.clone().record_business_metrics(request).await)
    }

    /// What may be said of business metrics.
    ///
    /// # Errors
    /// As [`Self::start_export`].
    pub async fn analyse_business_metrics(
        &self,
        request: AnalyseBusinessMetricsRequest,
    ) -> Result<LearningDocument, Refusal> {
        conclude(self.client.clone().analyse_business_metrics(request).await)
    }

    /// Notes feedback; answered after it is durable.
    ///
    /// # Errors
    /// As [`Self::start_export`].
    pub async fn record_feedback(&self, request: RecordFeedbackRequest) -> Result<LearningDocument, Refusal> {
        conclude(self.client.clone().record_feedback(request).await)
    }
}
