//! What travels between processes: generated protobuf, the public request documents, problem
//! documents, CloudEvents, and conversions to the core's types.

pub mod api;
pub mod gen_ai;
pub mod problem;
pub mod tools;
pub mod trace;
mod trace_context;
pub mod webhooks;

pub use trace_context::TraceParent;

/// Generated protobuf of work messages.
pub mod work {
    tonic::include_proto!("orchestrator.work.v1");
}

/// Generated protobuf and gRPC services of the coordinator.
#[expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]
pub mod coordinator {
    tonic::include_proto!("orchestrator.coordinator.v1");
}

/// Generated protobuf and gRPC service of the learner.
#[expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]
pub mod learner {
    tonic::include_proto!("orchestrator.learner.v1");
}

/// Generated protobuf and gRPC services of the public interface.
#[expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]
pub mod v1 {
    tonic::include_proto!("orchestrator.v1");
}

/// Descriptors of all protobuf files, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
