//! Sending the learner a model's file.

use super::Learner;
use crate::coordinator::conclude;
use crate::refusal::Refusal;
use contracts::learner::{LearningDocument, UploadModelRequest};
use futures::Stream;

impl Learner {
    /// Sends a file as it comes; the registered version. It may be refused before all of it is sent.
    ///
    /// # Errors
    /// What the learner refuses; 503 when it does not answer.
    pub async fn upload_model(
        &self,
        messages: impl Stream<Item = UploadModelRequest> + Send + 'static,
    ) -> Result<LearningDocument, Refusal> {
        conclude(self.uploads.clone().upload_model(messages).await)
    }
}
