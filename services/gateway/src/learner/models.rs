//! Asking the learner about models and what is tried.

use super::Learner;
use crate::coordinator::conclude;
use crate::refusal::Refusal;
use contracts::learner::{
    DecideRolloutRequest, GetExperimentRequest, GetModelRequest, LearningDocument, ListModelsRequest,
    RegisterModelRequest, StartRolloutRequest,
};

impl Learner {
    /// Registers the next version of a name.
    ///
    /// # Errors
    /// What the learner refuses; 503 when it does not answer.
    pub async fn register_model(&self, request: RegisterModelRequest) -> Result<LearningDocument, Refusal> {
        conclude(self.models.clone().register_model(request).await)
    }

    /// A page of models.
    ///
    /// # Errors
    /// As [`Self::register_model`].
    pub async fn models(&self, request: ListModelsRequest) -> Result<LearningDocument, Refusal> {
        conclude(self.models.clone().list_models(request).await)
    }

    /// One model.
    ///
    /// # Errors
    /// As [`Self::register_model`].
    pub async fn model(&self, request: GetModelRequest) -> Result<LearningDocument, Refusal> {
        conclude(self.models.clone().get_model(request).await)
    }

    /// Begins to try a model.
    ///
    /// # Errors
    /// As [`Self::register_model`].
    pub async fn start_rollout(&self, request: StartRolloutRequest) -> Result<LearningDocument, Refusal> {
        conclude(self.models.clone().start_rollout(request).await)
    }

    /// Takes a person's word on what is tried.
    ///
    /// # Errors
    /// As [`Self::register_model`].
    pub async fn decide_rollout(&self, request: DecideRolloutRequest) -> Result<LearningDocument, Refusal> {
        conclude(self.models.clone().decide_rollout(request).await)
    }

    /// A page of experiments.
    ///
    /// # Errors
    /// As [`Self::register_model`].
    pub async fn experiments(&self, request: ListModelsRequest) -> Result<LearningDocument, Refusal> {
        conclude(self.models.clone().list_experiments(request).await)
    }

    /// One experiment, with its looks over time.
    ///
    /// # Errors
    /// As [`Self::register_model`].
    pub async fn experiment(&self, request: GetExperimentRequest) -> Result<LearningDocument, Refusal> {
        conclude(self.models.clone().get_experiment(request).await)
    }
}
