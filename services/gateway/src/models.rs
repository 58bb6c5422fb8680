//! Models, and how they are tried; by the learner, who reads and checks the documents.

use crate::application::{Application, Page, to_json};
use crate::caller::{Caller, TENANT};
use crate::idempotency::IdempotencyKey;
use crate::refusal::Refusal;
use contracts::learner::{
    DecideRolloutRequest, GetExperimentRequest, GetModelRequest, LearningDocument, ListModelsRequest,
    RegisterModelRequest, StartRolloutRequest,
};
use serde_json::{Map, Value};
use uuid::Uuid;

impl Application {
    /// Registers the next version of a name that a configured provider serves.
    ///
    /// # Errors
    /// What the learner refuses; 503 when it does not answer.
    pub async fn register_model(
        &self,
        body: &Map<String, Value>,
        key: IdempotencyKey,
    ) -> Result<LearningDocument, Refusal> {
        let request = RegisterModelRequest {
            tenant: TENANT.to_owned(),
            model_json: to_json(body)?,
            idempotency_key: key.0.unwrap_or_default(),
        };
        self.learner.register_model(request).await
    }

    /// A page of models, the newest first.
    ///
    /// # Errors
    /// As [`Self::register_model`].
    pub async fn models(&self, page: Page) -> Result<LearningDocument, Refusal> {
        self.learner.models(list(page)).await
    }

    /// One model.
    ///
    /// # Errors
    /// As [`Self::register_model`].
    pub async fn model(&self, model: Uuid) -> Result<LearningDocument, Refusal> {
        let request = GetModelRequest {
            tenant: TENANT.to_owned(),
            model_id: model.to_string(),
        };
        self.learner.model(request).await
    }

    /// Begins to try a model in a role; answers with the experiment.
    ///
    /// # Errors
    /// As [`Self::register_model`].
    pub async fn start_rollout(
        &self,
        model: Uuid,
        body: &Map<String, Value>,
        key: IdempotencyKey,
    ) -> Result<LearningDocument, Refusal> {
        let request = StartRolloutRequest {
            tenant: TENANT.to_owned(),
            model_id: model.to_string(),
            rollout_json: to_json(body)?,
            idempotency_key: key.0.unwrap_or_default(),
        };
        self.learner.start_rollout(request).await
    }

    /// Takes a person's word on what is tried; answers with the experiment.
    ///
    /// # Errors
    /// As [`Self::register_model`].
    pub async fn decide_rollout(
        &self,
        caller: Caller,
        model: Uuid,
        action: &str,
        body: &Map<String, Value>,
    ) -> Result<LearningDocument, Refusal> {
        let request = DecideRolloutRequest {
            tenant: TENANT.to_owned(),
            actor: caller.to_message().actor,
            model_id: model.to_string(),
            action: action.to_owned(),
            word_json: to_json(body)?,
        };
        self.learner.decide_rollout(request).await
    }

    /// A page of experiments, the newest first.
    ///
    /// # Errors
    /// As [`Self::register_model`].
    pub async fn experiments(&self, page: Page) -> Result<LearningDocument, Refusal> {
        self.learner.experiments(list(page)).await
    }

    /// One experiment, with its looks over time.
    ///
    /// # Errors
    /// As [`Self::register_model`].
    pub async fn experiment(&self, experiment: Uuid) -> Result<LearningDocument, Refusal> {
        let request = GetExperimentRequest {
            tenant: TENANT.to_owned(),
            experiment_id: experiment.to_string(),
        };
        self.learner.experiment(request).await
    }
}

fn list(page: Page) -> ListModelsRequest {
    ListModelsRequest {
        tenant: TENANT.to_owned(),
        limit: page.limit,
        cursor: page.cursor,
    }
}
