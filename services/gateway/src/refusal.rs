//! The one error type of the gateway: a problem document on its way out.

use axum::response::{IntoResponse, Response};
use contracts::problem::{FieldError, Problem};
use serde_json::Value;

/// Bytes of single faults in a gRPC status.
const MAX_FAULTS_IN_HEADER: usize = 2048;

/// Why a request is not served. Boxed: results stay small.
#[derive(Clone, PartialEq, Debug)]
pub struct Refusal(Box<Problem>);

impl Refusal {
    /// A problem of `code`.
    pub fn new(status: u16, code: &str, detail: impl Into<String>) -> Self {
        Self(Box::new(Problem::new(status, code, detail)))
    }

    /// With single faults.
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.errors = errors;
        self
    }

    /// With a member of its own.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.extra.insert(name.to_owned(), value.into());
        self
    }

    /// With the trace it belongs to.
    pub fn traced(mut self, trace_id: u128) -> Self {
        self.0.trace_id = format!("{trace_id:032x}");
        self
    }

    /// Logs what is no fault of the caller's. An outage must not fill the log: it is counted, and `/readyz` tells of it.
    pub fn log(&self) {
        let Problem {
            status,
            code,
            trace_id,
            detail,
            ..
        } = &*self.0;
        if (500..600).contains(status) && *status != 503 {
            tracing::warn!(code, trace_id, detail, "request failed");
        }
    }

    /// The document.
    pub fn problem(&self) -> &Problem {
        &self.0
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.0.status
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl From<Refusal> for tonic::Status {
    /// The document rides in a header, and clients take few bytes of those: of many faults the first are told.
    fn from(mut refusal: Refusal) -> Self {
        let mut size = 0;
        refusal.0.errors.retain(|error| {
            size += error.pointer.len() + error.detail.len();
            size <= MAX_FAULTS_IN_HEADER
        });
        refusal.0.to_status()
    }
}

impl IntoResponse for Refusal {
    /// Leaves the document in the extensions; the edge, which knows the trace, writes it out.
    fn into_response(self) -> Response {
        let mut response = Response::default();
        response.extensions_mut().insert(self);
        response
    }
}
