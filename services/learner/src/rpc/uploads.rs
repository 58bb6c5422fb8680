//! Files of models: what comes, taken in, and the answer.

use super::away;
use super::models::{ModelRegistry, document, id, of_model, reused};
use super::preferences::now;
use crate::models::blobs::IntakeError;
use crate::models::intake::{Coming, Part, UploadError};
use crate::models::version::Source;
use crate::store::models::Model;
use contracts::learner::upload_model_request::Part as Message;
use contracts::learner::{LearningDocument, UploadModelRequest};
use contracts::problem::{FieldError, Problem};
use futures::{Stream, StreamExt};
use serde_json::{Value, json};
use tonic::Status;

impl ModelRegistry {
    /// Takes in a file; the first message says whose it is.
    pub(super) async fn uploaded<S>(&self, messages: S) -> Result<LearningDocument, Problem>
    where
        S: Stream<Item = Result<UploadModelRequest, Status>> + Send + Unpin,
    {
        let mut messages = messages;
        let Some(intake) = &self.intake else {
            return Err(Problem::new(503, "unavailable", "files of models cannot be taken in"));
        };
        let first = messages.next().await.and_then(Result::ok).and_then(|first| first.part);
        let begin = match first {
            Some(Message::Begin(begin)) if !begin.tenant.is_empty() => begin,
            _ => return Err(Problem::new(422, "validation", "the first message names the tenant")),
        };
        let coming = Coming {
            id: id(&begin.tenant, "upload", &begin.idempotency_key),
            tenant: begin.tenant,
            at: now(),
        };
        let parts = messages.map(|message| match message {
            Ok(message) => part(message),
            Err(status) => Err(status.message().to_owned()),
        });
        let taken = intake.take(&coming, parts).await;
        let (model, replayed) = taken.map_err(|error| refused(&error))?;
        Ok(document(&answer(&model), replayed))
    }
}

fn part(message: UploadModelRequest) -> Result<Part, String> {
    match message.part {
        Some(Message::FieldsJson(json)) => Ok(Part::Fields(json)),
        Some(Message::FileName(name)) => Ok(Part::Name(name)),
        Some(Message::Chunk(bytes)) => Ok(Part::Bytes(bytes.into())),
        Some(Message::Complete(true)) => Ok(Part::Complete),
        Some(Message::Begin(_) | Message::Complete(false)) | None => {
            Err("a message that has no place there".to_owned())
        }
    }
}

/// The model's document, and what the contract has at its top.
fn answer(model: &Model) -> Value {
    let mut told = of_model(model);
    if let (Source::File { sha256, size, file, .. }, Some(members)) = (&model.source, told.as_object_mut()) {
        members.insert("format".to_owned(), json!(file.format));
        members.insert("size".to_owned(), json!(size));
        members.insert("sha256".to_owned(), json!(sha256));
    }
    told
}

fn refused(error: &UploadError) -> Problem {
    let detail = crate::chain(error);
    match error {
        UploadError::Fields(said) => {
            let mut problem = Problem::new(422, "validation", said.as_str());
            if let Some((field, detail)) = said.split_once(": ").filter(|(field, _)| !field.contains(' ')) {
                problem.errors = vec![FieldError {
                    pointer: format!("/{field}"),
                    detail: detail.to_owned(),
                }];
            }
            problem
        }
        UploadError::Adapter(_) => Problem::new(422, "model_adapter_unfit", detail),
        UploadError::Busy => Problem::new(429, "too_many_uploads", detail),
        UploadError::Reused => reused(),
        UploadError::Store(error) => away(error),
        UploadError::Intake(error) => {
            let status = match error {
                IntakeError::TooLarge(_) => 413,
                IntakeError::Aborted(_) => 400,
                IntakeError::Write(_) => 503,
                IntakeError::File(_) | IntakeError::Path(_) | IntakeError::Read(_) => 422,
            };
            if status == 503 {
                tracing::warn!(error = detail, "a file of a model could not be kept");
            }
            Problem::new(status, error.code(), detail)
        }
    }
}
