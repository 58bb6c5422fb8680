//! `/livez`, `/readyz` and `/metrics`, on a port of their own.

use crate::metrics::{Registry, names};
use crate::ready::ReadyFlag;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What the answers are made of.
#[derive(Clone, Debug)]
pub struct Health {
    /// Decides `/readyz`.
    pub ready: ReadyFlag,
    /// Shown by `/metrics`.
    pub metrics: Registry,
}

impl Health {
    /// The three routes; a service with an HTTP port of its own can serve them there, too.
    pub fn router(self) -> Router {
        Router::new()
            .route("/livez", get(|| async { "ok" }))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .with_state(self)
    }

    /// Serves until `stop`.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> std::io::Result<()> {
        axum::serve(listener, self.router())
            .with_graceful_shutdown(stop.cancelled_owned())
            .await
    }
}

async fn readyz(State(health): State<Health>) -> Response {
    let reasons = health.ready.reasons();
    if reasons.is_empty() {
        Json(json!({ "ready": true })).into_response()
    } else {
        let body = Json(json!({ "ready": false, "reasons": reasons }));
        (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
    }
}

async fn metrics(State(health): State<Health>) -> Response {
    let ready = if health.ready.is_ready() { 1.0 } else { 0.0 };
    health.metrics.gauge(names::READY, &[]).set(ready);
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        health.metrics.render(),
    )
        .into_response()
}
