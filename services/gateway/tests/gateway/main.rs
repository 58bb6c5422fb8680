//! The gateway over its real transports, in front of a coordinator and a learner made for the test.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail the test by panicking"
)]

mod api_client;
mod bad_bodies;
mod bad_documents;
mod bad_requests;
mod business_metrics;
mod decisions;
mod event_streams;
mod fake;
mod fine_tunes;
mod grpc;
mod learning;
mod mcp_client;
mod mcp_protocol;
mod mcp_tasks;
mod models;
mod nats_feed;
mod preferences;
mod submissions;
mod tools;
mod training_data;
mod uploads;
