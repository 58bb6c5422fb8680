//! gRPC: `orchestrator.v1.OrchestratorService`, `LearningService`, `ModelService`, `ExperimentService`, `FineTuningService` and
//! `ToolService`, standard health, reflection in development.

mod business_metrics;
mod decision;
mod fine_tunes;
mod judges;
mod learning;
mod limits;
mod models;
mod orchestrator;
mod preferences;
mod submission;
mod task;
mod tools;
mod training;

use crate::application::Application;
use contracts::v1::experiment_service_server::ExperimentServiceServer;
use contracts::v1::fine_tuning_service_server::FineTuningServiceServer;
use contracts::v1::learning_service_server::LearningServiceServer;
use contracts::v1::model_service_server::ModelServiceServer;
use contracts::v1::orchestrator_service_server::OrchestratorServiceServer;
use contracts::v1::tool_service_server::ToolServiceServer;
use fine_tunes::FineTuning;
use learning::Learning;
use models::Models;
use orchestrator::Orchestrator;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tools::Tools;

/// Requests at a time on one connection.
const MAX_STREAMS: u32 = 256;
/// Streams a client may reset without their ever being accepted.
const MAX_RESETS: usize = 64;
/// Answers without a deadline of the client's end here; it does not cut streams.
const TIMEOUT: Duration = Duration::from_secs(30);
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Room beside the JSON body limit for the rest of a message.
const MESSAGE_OVERHEAD: usize = 64 << 10;
const MAX_ANSWER: usize = 64 << 20;
const SERVICES: [&str; 7] = [
    "orchestrator.v1.OrchestratorService",
    "orchestrator.v1.LearningService",
    "orchestrator.v1.ModelService",
    "orchestrator.v1.ExperimentService",
    "orchestrator.v1.ToolService",
    "grpc.health.v1.Health",
    "orchestrator.v1.FineTuningService",
];

/// The gRPC server could not be set up, or broke down.
#[derive(thiserror::Error, Debug)]
pub enum GrpcError {
    /// The descriptors for reflection cannot be used.
    #[error("gRPC reflection cannot be set up")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The server itself.
    #[error("the gRPC server failed")]
    Serve(#[from] tonic::transport::Error),
}

/// Serves until `stop`, then until every request has its answer.
///
/// # Errors
/// The server cannot be set up or breaks down.
pub async fn serve(
    listener: TcpListener,
    app: Arc<Application>,
    reflection: bool,
    stop: CancellationToken,
) -> Result<(), GrpcError> {
    let (health, health_service) = tonic_health::server::health_reporter();
    let service = OrchestratorServiceServer::new(Orchestrator::new(Arc::clone(&app)))
        .max_decoding_message_size(app.limits.body_bytes + MESSAGE_OVERHEAD)
        .max_encoding_message_size(MAX_ANSWER);
    let learning = LearningServiceServer::new(Learning::new(Arc::clone(&app)))
        .max_decoding_message_size(app.limits.body_bytes + MESSAGE_OVERHEAD)
        .max_encoding_message_size(MAX_ANSWER);
    let registry = Models::new(Arc::clone(&app));
    let models = ModelServiceServer::new(registry.clone())
        .max_decoding_message_size(app.limits.body_bytes + MESSAGE_OVERHEAD)
        .max_encoding_message_size(MAX_ANSWER);
    let experiments = ExperimentServiceServer::new(registry)
        .max_decoding_message_size(app.limits.body_bytes + MESSAGE_OVERHEAD)
        .max_encoding_message_size(MAX_ANSWER);
    let tools = ToolServiceServer::new(Tools::new(Arc::clone(&app)))
        .max_decoding_message_size(app.limits.body_bytes + MESSAGE_OVERHEAD)
        .max_encoding_message_size(MAX_ANSWER);
    let fine_tuning = FineTuningServiceServer::new(FineTuning::new(Arc::clone(&app)))
        .max_decoding_message_size(app.limits.body_bytes + MESSAGE_OVERHEAD)
        .max_encoding_message_size(MAX_ANSWER);
    health.set_serving::<OrchestratorServiceServer<Orchestrator>>().await;
    health.set_serving::<LearningServiceServer<Learning>>().await;
    health.set_serving::<ModelServiceServer<Models>>().await;
    health.set_serving::<ExperimentServiceServer<Models>>().await;
    health.set_serving::<ToolServiceServer<Tools>>().await;
    health.set_serving::<FineTuningServiceServer<FineTuning>>().await;
    let (v1, v1alpha) = if reflection {
        (Some(descriptors().build_v1()?), Some(descriptors().build_v1alpha()?))
    } else {
        (None, None)
    };
    let stopping = async move {
        stop.cancelled().await;
        health
            .set_not_serving::<OrchestratorServiceServer<Orchestrator>>()
            .await;
        health.set_not_serving::<LearningServiceServer<Learning>>().await;
        health.set_not_serving::<ModelServiceServer<Models>>().await;
        health.set_not_serving::<ExperimentServiceServer<Models>>().await;
        health.set_not_serving::<ToolServiceServer<Tools>>().await;
        health.set_not_serving::<FineTuningServiceServer<FineTuning>>().await;
    };
    Server::builder()
        .trace_fn(contracts::trace::rpc_of_client)
        .max_concurrent_streams(MAX_STREAMS)
        .http2_max_pending_accept_reset_streams(Some(MAX_RESETS))
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .timeout(TIMEOUT)
        .layer(tower::util::MapResponseLayer::new(limits::name_exhaustion))
        .add_service(service)
        .add_service(learning)
        .add_service(models)
        .add_service(experiments)
        .add_service(tools)
        .add_service(fine_tuning)
        .add_service(health_service)
        .add_optional_service(v1)
        .add_optional_service(v1alpha)
        .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), stopping)
        .await?;
    Ok(())
}

fn descriptors() -> tonic_reflection::server::Builder<'static> {
    let all = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(contracts::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
    SERVICES.iter().fold(all, |all, name| all.with_service_name(*name))
}
