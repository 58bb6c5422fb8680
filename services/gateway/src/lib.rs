//! The gateway: REST, gRPC and event streams at the edge. It holds nothing; it checks what comes in
//! and asks the coordinator or the learner.

mod accepted;
pub mod application;
mod body;
mod business_metrics;
mod caller;
mod catalog;
pub mod coordinator;
mod documents;
mod edge;
mod figures;
mod fine_tunes;
mod gateway;
pub mod grpc;
mod idempotency;
mod identifiers;
mod importing;
mod json;
pub mod learner;
mod learning;
pub mod live;
mod mcp;
mod models;
mod preferences;
mod query;
mod refusal;
pub mod rest;
mod routes;
mod spans;
mod sse;
mod uploads;
pub mod usual_channels;

pub use gateway::{GatewayError, run};
