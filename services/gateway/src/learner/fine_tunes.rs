//! Asking the learner about fine-tuning jobs.

use super::Learner;
use crate::coordinator::conclude;
use crate::refusal::Refusal;
use contracts::learner::{GetFineTuneRequest, LearningDocument, ListFineTunesRequest, StartFineTuneRequest};

impl Learner {
    /// Begins to train with an export.
    ///
    /// # Errors
    /// What the learner refuses; 503 when it does not answer.
    pub async fn start_fine_tune(&self, request: StartFineTuneRequest) -> Result<LearningDocument, Refusal> {
        conclude(self.fine_tunes.clone().start_fine_tune(request).await)
    }

    /// A page of jobs.
    ///
    /// # Errors
    /// As [`Self::start_fine_tune`].
    pub async fn fine_tunes(&self, request: ListFineTunesRequest) -> Result<LearningDocument, Refusal> {
        conclude(self.fine_tunes.clone().list_fine_tunes(request).await)
    }

    /// One job.
    ///
    /// # Errors
    /// As [`Self::start_fine_tune`].
    pub async fn fine_tune(&self, request: GetFineTuneRequest) -> Result<LearningDocument, Refusal> {
        conclude(self.fine_tunes.clone().get_fine_tune(request).await)
    }

    /// Ends a job.
    ///
    /// # Errors
    /// As [`Self::start_fine_tune`].
    pub async fn cancel_fine_tune(&self, request: GetFineTuneRequest) -> Result<LearningDocument, Refusal> {
        conclude(self.fine_tunes.clone().cancel_fine_tune(request).await)
    }
}
