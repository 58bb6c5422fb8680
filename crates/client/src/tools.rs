//! The tool catalog.

use crate::http::read;
use crate::tasks::{Page, query, segment};
use crate::{Client, ClientError};
use reqwest::Method;
use serde_json::{Value, json};

/// Which tools, and which page of them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ToolFilter {
    /// Words that all occur in id, name or description.
    pub q: Option<String>,
    /// Only this category.
    pub category: Option<String>,
    /// builtin | mcp | api
    pub source: Option<String>,
    /// Only this state; absent: all but removed ones.
    pub state: Option<String>,
    /// Whether some live executor serves it.
    pub available: Option<bool>,
    /// 1-200, default 50.
    pub limit: Option<u32>,
    /// Of the page before.
    pub cursor: Option<String>,
}

impl Client {
    /// A page of the tool catalog.
    ///
    /// # Errors
    /// What the gateway refuses, or that it does not answer.
    pub async fn tools(&self, filter: &ToolFilter) -> Result<Page, ClientError> {
        let limit = filter.limit.map(|limit| limit.to_string());
        let available = filter.available.map(|available| available.to_string());
        let pairs = [
            ("q", &filter.q),
            ("category", &filter.category),
            ("source", &filter.source),
            ("state", &filter.state),
            ("available", &available),
            ("limit", &limit),
            ("cursor", &filter.cursor),
        ];
        self.get(&format!("/tools{}", query(pairs))).await
    }

    /// One tool.
    ///
    /// # Errors
    /// As [`Self::tools`].
    pub async fn tool(&self, tool_id: &str) -> Result<Value, ClientError> {
        self.get(&format!("/tools/{}", segment(tool_id))).await
    }

    /// Registers a tool. With a key the same may be sent again and counts once.
    ///
    /// # Errors
    /// As [`Self::tools`].
    pub async fn register_tool(&self, tool: &Value, idempotency_key: Option<&str>) -> Result<Value, ClientError> {
        let mut post = self.request(Method::POST, "/tools").json(tool);
        if let Some(key) = idempotency_key {
            post = post.header("idempotency-key", key);
        }
        read(post.send().await?).await
    }

    /// Replaces the definition of a registered tool.
    ///
    /// # Errors
    /// As [`Self::tools`].
    pub async fn change_tool(&self, tool_id: &str, tool: &Value) -> Result<Value, ClientError> {
        let path = format!("/tools/{}", segment(tool_id));
        read(self.request(Method::PUT, &path).json(tool).send().await?).await
    }

    /// Takes a tool out of use.
    ///
    /// # Errors
    /// As [`Self::tools`].
    pub async fn remove_tool(&self, tool_id: &str) -> Result<Value, ClientError> {
        let path = format!("/tools/{}", segment(tool_id));
        read(self.request(Method::DELETE, &path).send().await?).await
    }

    /// Lets plans use a tool; `version_hash`: of the definition that was looked at.
    ///
    /// # Errors
    /// As [`Self::tools`].
    pub async fn approve_tool(&self, tool_id: &str, version_hash: Option<&str>) -> Result<Value, ClientError> {
        let body = version_hash.map_or_else(|| json!({}), |hash| json!({ "version_hash": hash }));
        self.post(&format!("/tools/{}/approve", segment(tool_id)), &body).await
    }

    /// Stops plans from using a tool.
    ///
    /// # Errors
    /// As [`Self::tools`].
    pub async fn suspend_tool(&self, tool_id: &str) -> Result<Value, ClientError> {
        self.post(&format!("/tools/{}/suspend", segment(tool_id)), &json!({}))
            .await
    }

    /// Has every executor look again what it can serve; answers what that changed.
    ///
    /// # Errors
    /// As [`Self::tools`].
    pub async fn discover_tools(&self) -> Result<Value, ClientError> {
        self.post("/tools/discover", &json!({})).await
    }
}
