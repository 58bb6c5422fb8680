//! The spans of a request: what its log lines are about, and where its trace begins or goes on.

use crate::caller::Caller;
use axum::extract::{MatchedPath, Request};
use contracts::trace;
use http::StatusCode;
use tracing::{Span, error_span, field, info_span};

/// The server's span, below the client's where it sent one.
pub fn server(request: &Request) -> Span {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let method = request.method().as_str();
    let span = info_span!(
        "request",
        otel.kind = "server",
        otel.name = format!("{method} {}", route.unwrap_or_default()).trim_end(),
        http.request.method = method,
        http.route = route,
        http.response.status_code = field::Empty,
        url.path = request.uri().path(),
        url.scheme = "http",
        task_id = field::Empty,
    );
    let parent = request
        .headers()
        .get(trace::TRACEPARENT)
        .and_then(|value| value.to_str().ok());
    trace::below(span, parent.unwrap_or_default())
}

/// For log lines. Of the highest level, so that no choice of `RUST_LOG` takes the names away.
pub fn line(caller: Caller, task_id: Option<&str>) -> Span {
    let trace_id = format_args!("{:032x}", caller.trace.trace_id);
    error_span!("request", %trace_id, task_id)
}

/// What the client got.
pub fn answered(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        trace::fail(span, status.as_str());
    }
}
