//! Submitting a task.

use crate::http::read;
use crate::tasks::segment;
use crate::{Client, ClientError};
use contracts::api::{ForkRequest, ProcessRequest};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A task that is durable now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Accepted {
    /// Its id.
    pub task_id: String,
    /// Its status at the time of the answer.
    pub status: String,
    /// Where to go on.
    pub links: Links,
}

/// Paths of a task.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Links {
    /// The status document.
    pub status: String,
    /// The approval document.
    pub approval: String,
    /// History and event stream.
    pub events: String,
}

impl Client {
    /// Submits a task. With a key the same request may be sent again without making a second task.
    ///
    /// # Errors
    /// What the gateway refuses, or that it does not answer.
    pub async fn submit(
        &self,
        request: &ProcessRequest,
        idempotency_key: Option<&str>,
    ) -> Result<Accepted, ClientError> {
        let mut post = self.request(Method::POST, "/process").json(request);
        if let Some(key) = idempotency_key {
            post = post.header("idempotency-key", key);
        }
        read(post.send().await?).await
    }

    /// Starts a task on the plan of another one; what is the same is taken over. Answers what [`Self::submit`] does, and
    /// `forked_from`.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn fork(
        &self,
        task_id: &str,
        fork: &ForkRequest,
        idempotency_key: Option<&str>,
    ) -> Result<Value, ClientError> {
        let path = format!("/tasks/{}/fork", segment(task_id));
        let mut post = self.request(Method::POST, &path).json(fork);
        if let Some(key) = idempotency_key {
            post = post.header("idempotency-key", key);
        }
        read(post.send().await?).await
    }
}
