//! Passing a model's file on to the learner while it comes in: no more of it is here than a few pieces.

mod form;
mod steady;

pub use form::{Form, too_large};

use crate::application::{Application, to_json};
use crate::caller::TENANT;
use crate::idempotency::IdempotencyKey;
use crate::refusal::Refusal;
use contracts::learner::upload_model_request::Part;
use contracts::learner::{LearningDocument, UploadModelBegin, UploadModelRequest};
use futures::stream;
use serde_json::{Map, Value};
use std::pin::pin;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Messages on their way: while the learner takes no more, nothing more is read.
const UNDER_WAY: usize = 2;

/// Sends messages to the learner.
pub struct Sender(mpsc::Sender<UploadModelRequest>);

/// The learner takes no more, and says why.
pub struct Stopped;

impl Sender {
    /// Once the learner takes it.
    ///
    /// # Errors
    /// When it takes no more.
    pub async fn send(&self, part: Part) -> Result<(), Stopped> {
        self.0.send(message(part)).await.map_err(|_| Stopped)
    }
}

impl Application {
    /// Takes in a file that lies in the directory of models.
    ///
    /// # Errors
    /// What the learner refuses; 503 when it does not answer.
    pub async fn take_in_model(
        &self,
        fields: &Map<String, Value>,
        key: IdempotencyKey,
    ) -> Result<LearningDocument, Refusal> {
        let parts = [begin(key), Part::FieldsJson(to_json(fields)?), Part::Complete(true)];
        self.learner.upload_model(stream::iter(parts.map(message))).await
    }

    /// Takes in a file as it comes.
    ///
    /// # Errors
    /// As [`Self::take_in_model`], and what is wrong with the form.
    pub async fn upload_model(&self, form: &mut Form<'_>, key: IdempotencyKey) -> Result<LearningDocument, Refusal> {
        let (sender, messages) = mpsc::channel(UNDER_WAY);
        let first = stream::iter([message(begin(key))]);
        let messages = futures::StreamExt::chain(first, ReceiverStream::new(messages));
        let mut answer = pin!(self.learner.upload_model(messages));
        let refused = {
            let mut passed_on = pin!(form.pass_on(Sender(sender)));
            tokio::select! {
                answer = &mut answer => answer,
                passed_on = &mut passed_on => match passed_on {
                    // Its end is in what was sent: where that is missing, the learner throws away what it has.
                    Err(refusal) => return Err(refusal),
                    Ok(()) => return answer.await,
                },
            }
        };
        // It was refused on the way: whoever still sends would not hear why.
        form.discard().await;
        refused
    }
}

fn begin(key: IdempotencyKey) -> Part {
    Part::Begin(UploadModelBegin {
        tenant: TENANT.to_owned(),
        idempotency_key: key.0.unwrap_or_default(),
    })
}

fn message(part: Part) -> UploadModelRequest {
    UploadModelRequest { part: Some(part) }
}
