//! Training models at providers.

use crate::http::read;
use crate::tasks::{query, segment};
use crate::{Client, ClientError};
use reqwest::Method;
use serde_json::Value;

impl Client {
    /// Begins to train with an export, a JSON document as `POST /models/fine-tunes` takes it.
    ///
    /// # Errors
    /// What the gateway refuses, or that it does not answer.
    pub async fn start_fine_tune(&self, document: &Value, idempotency_key: Option<&str>) -> Result<Value, ClientError> {
        let mut post = self.request(Method::POST, "/models/fine-tunes").json(document);
        if let Some(key) = idempotency_key {
            post = post.header("idempotency-key", key);
        }
        read(post.send().await?).await
    }

    /// A page of fine-tuning jobs, the newest first.
    ///
    /// # Errors
    /// As [`Self::start_fine_tune`].
    pub async fn fine_tunes(&self, limit: Option<u32>, cursor: Option<String>) -> Result<Value, ClientError> {
        let limit = limit.map(|limit| limit.to_string());
        let query = query([("limit", &limit), ("cursor", &cursor)]);
        self.get(&format!("/models/fine-tunes{query}")).await
    }

    /// One fine-tuning job.
    ///
    /// # Errors
    /// As [`Self::start_fine_tune`].
    pub async fn fine_tune(&self, fine_tune_id: &str) -> Result<Value, ClientError> {
        self.get(&format!("/models/fine-tunes/{}", segment(fine_tune_id))).await
    }

    /// Ends a fine-tuning job.
    ///
    /// # Errors
    /// As [`Self::start_fine_tune`].
    pub async fn cancel_fine_tune(&self, fine_tune_id: &str) -> Result<Value, ClientError> {
        let path = format!("/models/fine-tunes/{}/cancel", segment(fine_tune_id));
        self.post(&path, &Value::Object(Default::default())).await
    }
}
