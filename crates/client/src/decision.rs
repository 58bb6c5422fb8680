//! What waits for a human, and the answer.

use crate::tasks::{Page, query, segment};
use crate::{Client, ClientError};
use contracts::api::ApproveRequest;
use serde_json::Value;

impl Client {
    /// The approval document of a gate, by default of the only open one.
    ///
    /// # Errors
    /// 409 `not_awaiting_approval` or `gate_ambiguous`; else what the gateway refuses, or that it does not answer.
    pub async fn approval(&self, task_id: &str, gate_id: Option<&str>) -> Result<Value, ClientError> {
        let query = query([("gate_id", &gate_id.map(str::to_owned))]);
        self.get(&format!("/approval/{}{query}", segment(task_id))).await
    }

    /// Answers a gate. The first answer wins; a later one gets 409 with who and when.
    ///
    /// # Errors
    /// As [`Self::approval`].
    pub async fn decide(&self, task_id: &str, decision: &ApproveRequest) -> Result<Value, ClientError> {
        self.post(&format!("/approve/{}", segment(task_id)), decision).await
    }

    /// How far people agree with whoever judges their tasks.
    ///
    /// # Errors
    /// What the gateway refuses, or that it does not answer.
    pub async fn judges(&self) -> Result<Value, ClientError> {
        self.get("/judges").await
    }

    /// A page of everything that waits for a human, oldest first; `assignee`: of one who is to answer it.
    ///
    /// # Errors
    /// As [`Self::approval`].
    pub async fn approvals(
        &self,
        limit: Option<u32>,
        cursor: Option<String>,
        assignee: Option<String>,
    ) -> Result<Page, ClientError> {
        let limit = limit.map(|limit| limit.to_string());
        self.get(&format!(
            "/approvals{}",
            query([("limit", &limit), ("cursor", &cursor), ("assignee", &assignee)])
        ))
        .await
    }
}
