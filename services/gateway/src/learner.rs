//! Asking the learner.

use crate::coordinator::conclude;
use crate::refusal::Refusal;
use contracts::learner::learner_service_client::LearnerServiceClient;
use contracts::learner::{
    ExportChunk, ExportDocument, GetExportRequest, GetMetricsRequest, GetPatternRequest, GetRecordSchemaRequest,
    ImportChunk, LearningDocument, ListPatternsRequest, RecordFeedbackRequest, StartExportRequest,
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
}

impl Learner {
    /// Over `channel`.
    pub fn new(channel: Channel) -> Self {
        let client = LearnerServiceClient::with_interceptor(channel, trace::inject as Inject)
            .max_decoding_message_size(MAX_MESSAGE);
        Self { client }
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
        conclude(self.client.clone().import_records(chunks).await)
    }

    /// A page of patterns.
    ///
    /// # Errors
    /// As [`Self::start_export`].
    pub async fn patterns(&self, request: ListPatternsRequest) -> Result<LearningDocument, Refusal> {
        conclude(self.client.clone().list_patterns(request).await)
    }

    /// One pattern.
    ///
    /// # Errors
    /// As [`Self::start_export`].
    pub async fn pattern(&self, request: GetPatternRequest) -> Result<LearningDocument, Refusal> {
        conclude(self.client.clone().get_pattern(request).await)
    }

    /// The figures.
    ///
    /// # Errors
    /// As [`Self::start_export`].
    pub async fn metrics(&self, request: GetMetricsRequest) -> Result<LearningDocument, Refusal> {
        conclude(self.client.clone().get_metrics(request).await)
    }

    /// Notes feedback; answered after it is durable.
    ///
    /// # Errors
    /// As [`Self::start_export`].
    pub async fn record_feedback(&self, request: RecordFeedbackRequest) -> Result<LearningDocument, Refusal> {
        conclude(self.client.clone().record_feedback(request).await)
    }
}
