//! REST: which path is whose.

mod approval;
mod approvals;
mod approve;
mod business_metrics;
mod events;
mod fine_tunes;
mod fork;
mod judges;
mod learning;
mod models;
mod patterns;
mod plan_schema;
mod preferences;
mod process;
mod reply;
mod status;
mod task_verbs;
mod tasks;
mod tools;
mod trace;
mod training_data;
mod uploads;

use crate::application::Application;
use crate::edge::{self, Edge};
use crate::mcp;
use crate::refusal::Refusal;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};
use service::health::Health;
use std::sync::Arc;

/// Where the API begins.
pub const BASE: &str = "/api/orchestrator";

/// Everything that REST serves.
pub fn router(app: Arc<Application>, health: Health) -> Router {
    let edge = Edge::new(app.limits.requests_in_flight, &health.metrics);
    let api = Router::new()
        .route("/process", post(process::submit))
        .route("/status/{task_id}", get(status::show))
        .route("/approval/{task_id}", get(approval::show))
        .route("/approve/{task_id}", post(approve::decide))
        .route("/approvals", get(approvals::list))
        .route("/tasks", get(tasks::list))
        .route("/tasks/{task_id}/cancel", post(task_verbs::cancel))
        .route("/tasks/{task_id}/pause", post(task_verbs::pause))
        .route("/tasks/{task_id}/resume", post(task_verbs::resume))
        .route("/tasks/{task_id}/retry", post(task_verbs::retry))
        .route("/tasks/{task_id}/fork", post(fork::fork))
        .route("/tasks/{task_id}/feedback", post(learning::feedback))
        .route(
            "/preferences",
            get(preferences::list)
                .put(preferences::state)
                .delete(preferences::retract),
        )
        .route("/users/{user_id}/data", delete(preferences::erase))
        .route("/tasks/{task_id}/events", get(events::list_or_stream))
        .route("/tasks/{task_id}/trace", get(trace::show))
        .route("/tools", get(tools::list).post(tools::register))
        .route("/tools/discover", post(tools::discover))
        .route(
            "/tools/{tool_id}",
            get(tools::show).put(tools::change).delete(tools::remove),
        )
        .route("/tools/{tool_id}/approve", post(tools::approve))
        .route("/tools/{tool_id}/suspend", post(tools::suspend))
        .route("/plan-schema", get(plan_schema::show))
        .route("/learning-patterns", get(learning::list))
        .route("/learning-patterns/import", post(patterns::import))
        .route(
            "/learning-patterns/{pattern_id}",
            get(learning::show).patch(patterns::review),
        )
        .route("/metrics", get(learning::metrics))
        .route("/business-metrics", post(business_metrics::record))
        .route("/business-metrics-analysis", get(business_metrics::analyse))
        .route("/judges", get(judges::show))
        .route("/training-data/export", post(training_data::start))
        .route("/training-data/exports/{export_id}", get(training_data::show))
        .route("/training-data/exports/{export_id}/file", get(training_data::file))
        .route("/training-data/import", post(training_data::import))
        .route("/training-data/schema", get(training_data::schema))
        .route("/models", get(models::list).post(models::register))
        .route("/models/{model_id}", get(models::show))
        .route("/training-data/upload-model", post(uploads::upload))
        .route("/models/{model_id}/rollout", post(models::rollout))
        .route("/models/{model_id}/promote", post(models::promote))
        .route("/models/{model_id}/pause", post(models::pause))
        .route("/models/{model_id}/resume", post(models::resume))
        .route("/models/{model_id}/rollback", post(models::rollback))
        .route("/experiments", get(models::experiments))
        .route("/experiments/{experiment_id}", get(models::experiment))
        .route("/models/fine-tunes", get(fine_tunes::list).post(fine_tunes::start))
        .route("/models/fine-tunes/{fine_tune_id}", get(fine_tunes::show))
        .route("/models/fine-tunes/{fine_tune_id}/cancel", post(fine_tunes::cancel));
    Router::new()
        .nest(BASE, api)
        .merge(mcp::router(&app))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(edge, edge::pass))
        .with_state(app)
        .merge(health.router())
}

async fn not_found() -> Refusal {
    Refusal::new(404, "not_found", "there is nothing at this path")
}

async fn method_not_allowed() -> Refusal {
    Refusal::new(
        405,
        "method_not_allowed",
        "this path does not serve this method; see the Allow header",
    )
}
