//! Training models at providers; by the learner, who reads and checks the documents.

use crate::application::{Application, Page, to_json};
use crate::caller::TENANT;
use crate::idempotency::IdempotencyKey;
use crate::refusal::Refusal;
use contracts::learner::{GetFineTuneRequest, LearningDocument, ListFineTunesRequest, StartFineTuneRequest};
use serde_json::{Map, Value};
use uuid::Uuid;

impl Application {
    /// Begins to train with an export; answers with the job.
    ///
    /// # Errors
    /// What the learner refuses; 503 when it does not answer.
    pub async fn start_fine_tune(
        &self,
        body: &Map<String, Value>,
        key: IdempotencyKey,
    ) -> Result<LearningDocument, Refusal> {
        let request = StartFineTuneRequest {
            tenant: TENANT.to_owned(),
            fine_tune_json: to_json(body)?,
            idempotency_key: key.0.unwrap_or_default(),
        };
        self.learner.start_fine_tune(request).await
    }

    /// A page of jobs, the newest first.
    ///
    /// # Errors
    /// As [`Self::start_fine_tune`].
    pub async fn fine_tunes(&self, page: Page) -> Result<LearningDocument, Refusal> {
        let request = ListFineTunesRequest {
            tenant: TENANT.to_owned(),
            limit: page.limit,
            cursor: page.cursor,
        };
        self.learner.fine_tunes(request).await
    }

    /// One job.
    ///
    /// # Errors
    /// As [`Self::start_fine_tune`].
    pub async fn fine_tune(&self, job: Uuid) -> Result<LearningDocument, Refusal> {
        self.learner.fine_tune(named(job)).await
    }

    /// Ends a job; answers with it.
    ///
    /// # Errors
    /// As [`Self::start_fine_tune`].
    pub async fn cancel_fine_tune(&self, job: Uuid) -> Result<LearningDocument, Refusal> {
        self.learner.cancel_fine_tune(named(job)).await
    }
}

fn named(job: Uuid) -> GetFineTuneRequest {
    GetFineTuneRequest {
        tenant: TENANT.to_owned(),
        fine_tune_id: job.to_string(),
    }
}
