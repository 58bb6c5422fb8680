//! Who asks, and what for.

use crate::grpc::problems;
use contracts::coordinator::Caller;
use contracts::problem::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::Status;
use uuid::Uuid;
use workflow::ids::{GateId, TaskId};

/// The caller the gateway vouches for.
///
/// # Errors
/// 401 without one, or with a tenant that could be no element of a subject.
pub fn caller(caller: Option<Caller>) -> Result<Caller, Status> {
    caller
        .filter(|c| bus::Token::parse(&c.tenant).is_ok())
        .ok_or_else(|| Problem::new(401, "unauthenticated", "the request names no tenant").to_status())
}

/// A task's id.
///
/// # Errors
/// 400 `invalid_id`.
pub fn task_id(text: &str) -> Result<TaskId, Status> {
    uuid(text).map(TaskId)
}

/// A gate's id, where one is named.
///
/// # Errors
/// 400 `invalid_id`.
pub fn gate_id(text: &str) -> Result<Option<GateId>, Status> {
    if text.is_empty() {
        return Ok(None);
    }
    uuid(text).map(|id| Some(GateId(id)))
}

fn uuid(text: &str) -> Result<Uuid, Status> {
    Uuid::try_parse(text).map_err(|_| problems::invalid_id().to_status())
}

/// A document as JSON text.
///
/// # Errors
/// It bears a number that is none.
pub fn text<T: Serialize>(document: &T) -> Result<String, Status> {
    serde_json::to_string(document).map_err(|error| Problem::new(422, "validation", error.to_string()).to_status())
}

/// A document the gateway has checked already.
///
/// # Errors
/// 422 where it is not of its shape.
pub fn json<T: DeserializeOwned>(text: &str) -> Result<T, Status> {
    serde_json::from_str(text).map_err(|error| Problem::new(422, "validation", error.to_string()).to_status())
}
