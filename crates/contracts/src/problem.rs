//! Problem documents (RFC 9457), and how they travel in gRPC status details: as `orchestrator.v1.Problem` within
//! `google.rpc.Status`, which every client can read.

use crate::v1;
use prost::Message;
use prost_types::Any;
use serde::{Deserialize, Serialize};

const TYPE_URL: &str = "type.googleapis.com/orchestrator.v1.Problem";

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// An `application/problem+json` document.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Problem {
    /// `urn:orchestrator:problem:<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Short and the same for every problem of this code.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What happened here and what would help.
    pub detail: String,
    /// Stable, for programs.
    pub code: String,
    /// Single faults.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The trace of the request.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub trace_id: String,
    /// Members of this problem alone, such as `gates` or `decided_by`.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// One fault of a document.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FieldError {
    /// JSON pointer into the request body.
    pub pointer: String,
    /// What is wrong and what would be right.
    pub detail: String,
}

impl Problem {
    /// A problem of `code`.
    pub fn new(status: u16, code: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:orchestrator:problem:{code}"),
            title: code.replace('_', " "),
            status,
            detail: detail.into(),
            code: code.to_owned(),
            errors: Vec::new(),
            trace_id: String::new(),
            extra: serde_json::Map::new(),
        }
    }

    /// With single faults.
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }

    /// With a member of its own.
    pub fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.extra.insert(name.to_owned(), value.into());
        self
    }

    /// The gRPC code that goes with the HTTP status.
    pub fn grpc_code(&self) -> tonic::Code {
        match self.status {
            400 | 422 => tonic::Code::InvalidArgument,
            401 => tonic::Code::Unauthenticated,
            403 => tonic::Code::PermissionDenied,
            404 => tonic::Code::NotFound,
            409 | 412 | 428 => tonic::Code::FailedPrecondition,
            413 | 429 => tonic::Code::ResourceExhausted,
            503 => tonic::Code::Unavailable,
            504 => tonic::Code::DeadlineExceeded,
            _ => tonic::Code::Internal,
        }
    }

    /// As a gRPC status; the document rides in the details.
    pub fn to_status(&self) -> tonic::Status {
        let code = self.grpc_code();
        let problem = v1::Problem {
            code: self.code.clone(),
            status: self.status.into(),
            document_json: serde_json::to_string(self).unwrap_or_default(),
        };
        let details = RpcStatus {
            code: code.into(),
            message: self.detail.clone(),
            details: vec![Any {
                type_url: TYPE_URL.to_owned(),
                value: problem.encode_to_vec(),
            }],
        };
        tonic::Status::with_details(code, self.detail.clone(), details.encode_to_vec().into())
    }

    /// Back from a gRPC status; a status without a document becomes 503 or 500 by its code.
    pub fn from_status(status: &tonic::Status) -> Self {
        if let Some(problem) = Self::in_details(status.details()) {
            return problem;
        }
        match status.code() {
            tonic::Code::Unavailable
            | tonic::Code::Cancelled
            | tonic::Code::DeadlineExceeded
            | tonic::Code::Unknown => Self::new(
                503,
                "unavailable",
                "a service behind the gateway does not answer; try again",
            ),
            _ => Self::new(500, "internal", "the request could not be processed"),
        }
    }
}

impl Problem {
    fn in_details(details: &[u8]) -> Option<Self> {
        let status = RpcStatus::decode(details).ok()?;
        let detail = status.details.iter().find(|detail| detail.type_url == TYPE_URL)?;
        let problem = v1::Problem::decode(detail.value.as_slice()).ok()?;
        serde_json::from_str(&problem.document_json).ok()
    }
}

impl From<Problem> for tonic::Status {
    fn from(problem: Problem) -> Self {
        problem.to_status()
    }
}
