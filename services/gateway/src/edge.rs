//! What every REST request passes: admission, trace, the writing of problems, counting.

use crate::caller::{Caller, TRACEPARENT};
use crate::refusal::Refusal;
use crate::spans;
use axum::RequestExt;
use axum::extract::{RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use contracts::problem::Problem;
use http::{HeaderValue, Method, StatusCode, header};
use service::metrics::{Counter, Registry, names};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tracing::{Instrument, Span};

/// Seconds after which a refused client may come again.
const RETRY_AFTER: u32 = 1;

/// State of the edge.
pub struct Edge {
    /// One permit a request; event streams give theirs back when they begin.
    slots: Semaphore,
    /// Answers by hundreds of their status.
    answers: [Counter; 4],
}

impl Edge {
    /// Admits so many requests at a time.
    pub fn new(requests_in_flight: usize, metrics: &Registry) -> Arc<Self> {
        let counter = |class| metrics.counter(names::HTTP_REQUESTS, &[("status", class)]);
        Arc::new(Self {
            slots: Semaphore::new(requests_in_flight),
            answers: ["2xx", "3xx", "4xx", "5xx"].map(counter),
        })
    }

    fn count(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(2);
        if let Some(counter) = self.answers.get(class) {
            counter.inc();
        }
    }
}

/// The middleware.
pub async fn pass(State(edge): State<Arc<Edge>>, mut request: Request, next: Next) -> Response {
    let span = spans::server(&request);
    let caller = Caller::within(&span, request.headers(), service::ids::v7);
    request.extensions_mut().insert(caller);
    let task = task_of(&mut request).await;
    let line = spans::line(caller, task.as_deref());
    span.record("task_id", task);
    answer(edge, caller, request, next)
        .instrument(span)
        .instrument(line)
        .await
}

/// The task a path names.
async fn task_of(request: &mut Request) -> Option<String> {
    let parameters: RawPathParams = request.extract_parts().await.ok()?;
    let mut named = parameters.iter().filter(|(name, _)| *name == "task_id");
    named.next().map(|(_, task)| task.to_owned())
}

async fn answer(edge: Arc<Edge>, caller: Caller, request: Request, next: Next) -> Response {
    let head_only = request.method() == Method::HEAD;
    let mut response = match edge.slots.try_acquire() {
        Ok(_permit) => next.run(request).await,
        Err(_) => Refusal::new(503, "overloaded", "too many requests are in flight; try again later").into_response(),
    };
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        response = write(refusal.traced(caller.trace.trace_id), response, head_only);
    }
    if let Ok(value) = HeaderValue::try_from(caller.trace.to_string()) {
        response.headers_mut().insert(TRACEPARENT, value);
    }
    edge.count(response.status());
    spans::answered(&Span::current(), response.status());
    response
}

/// Writes the problem, keeping headers such as `Allow` that the router set.
fn write(refusal: Refusal, shell: Response, head_only: bool) -> Response {
    refusal.log();
    let problem = refusal.problem();
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = if head_only {
        Vec::new()
    } else {
        serde_json::to_vec(problem).unwrap_or_default()
    };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.extend(
        shell
            .into_parts()
            .0
            .headers
            .into_iter()
            .filter_map(|(name, value)| Some((name?, value))),
    );
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    if let Some(seconds) = retry_after(problem) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn retry_after(problem: &Problem) -> Option<u32> {
    let told = problem.extra.get("retry_after_seconds").and_then(|v| v.as_f64());
    matches!(problem.status, 429 | 503).then(|| told.map_or(RETRY_AFTER, |seconds| (seconds.ceil() as u32).max(1)))
}
