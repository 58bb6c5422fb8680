//! Models of one's own, and how they are tried.

use crate::http::read;
use crate::tasks::{query, segment};
use crate::{Client, ClientError};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Map, Value};

/// A person's word on what is tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RolloutWord {
    /// Make it the champion, whatever is known.
    Promote,
    /// Let the champion answer all, for a while.
    Pause,
    /// Go on after a pause.
    Resume,
    /// Give it no more calls.
    RollBack,
}

impl RolloutWord {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Promote => "promote",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::RollBack => "rollback",
        }
    }
}

/// A model that a configured provider serves.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ServedModel {
    /// Versions are counted by name.
    pub name: String,
    /// A configured one.
    pub provider: String,
    /// As the provider knows it.
    pub model: String,
    /// What its answers name as the model that gave them; absent: it is not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers_as: Option<String>,
}

impl Client {
    /// A page of models, the newest first: `{items, next_cursor}`.
    ///
    /// # Errors
    /// What the gateway refuses, or that it does not answer.
    pub async fn models(&self, cursor: Option<String>) -> Result<Value, ClientError> {
        self.get(&format!("/models{}", query([("cursor", &cursor)]))).await
    }

    /// One model.
    ///
    /// # Errors
    /// As [`Self::models`].
    pub async fn model(&self, model_id: &str) -> Result<Value, ClientError> {
        self.get(&format!("/models/{}", segment(model_id))).await
    }

    /// Registers the next version of a name. With a key the same may be sent again and counts once.
    ///
    /// # Errors
    /// As [`Self::models`].
    pub async fn register_model(
        &self,
        model: &ServedModel,
        idempotency_key: Option<&str>,
    ) -> Result<Value, ClientError> {
        let mut post = self.request(Method::POST, "/models").json(model);
        if let Some(key) = idempotency_key {
            post = post.header("idempotency-key", key);
        }
        read(post.send().await?).await
    }

    /// Begins to try a model in a role, `planner` or `writer`; answers with the experiment. `settings`: absent, as
    /// delivered.
    ///
    /// # Errors
    /// As [`Self::models`].
    pub async fn start_rollout(
        &self,
        model_id: &str,
        role: &str,
        settings: Option<Value>,
    ) -> Result<Value, ClientError> {
        let mut body = Map::new();
        body.insert("role".to_owned(), role.into());
        body.extend(settings.map(|settings| ("settings".to_owned(), settings)));
        self.post(&format!("/models/{}/rollout", segment(model_id)), &body)
            .await
    }

    /// Says a word on what is tried; answers with the experiment.
    ///
    /// # Errors
    /// As [`Self::models`].
    pub async fn decide_rollout(
        &self,
        model_id: &str,
        word: RolloutWord,
        role: Option<&str>,
        note: Option<&str>,
    ) -> Result<Value, ClientError> {
        let members = [("role", role), ("note", note)];
        let said = members
            .into_iter()
            .filter_map(|(name, text)| Some((name.to_owned(), Value::from(text?))));
        let body: Map<String, Value> = said.collect();
        self.post(&format!("/models/{}/{}", segment(model_id), word.as_str()), &body)
            .await
    }

    /// A page of experiments, the newest first: `{items, next_cursor}`.
    ///
    /// # Errors
    /// As [`Self::models`].
    pub async fn experiments(&self, cursor: Option<String>) -> Result<Value, ClientError> {
        self.get(&format!("/experiments{}", query([("cursor", &cursor)]))).await
    }

    /// One experiment, with its looks over time.
    ///
    /// # Errors
    /// As [`Self::models`].
    pub async fn experiment(&self, experiment_id: &str) -> Result<Value, ClientError> {
        self.get(&format!("/experiments/{}", segment(experiment_id))).await
    }
}
