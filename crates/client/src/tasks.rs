//! Looking at tasks, and steering them.

use crate::{Client, ClientError};
use contracts::api::RetryRequest;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A page of a list.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Page {
    /// The documents.
    pub items: Vec<Value>,
    /// For the next page; none at the end.
    #[serde(default)]
    pub next_cursor: Option<Value>,
}

/// Which tasks, and which page of them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TaskFilter {
    /// Only this status.
    pub status: Option<String>,
    /// Only requests with this text.
    pub q: Option<String>,
    /// 1-200, default 50.
    pub limit: Option<u32>,
    /// Of the page before.
    pub cursor: Option<String>,
}

impl Page {
    /// The cursor as it goes into the next request.
    pub fn cursor(&self) -> Option<String> {
        match self.next_cursor.as_ref()? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }
}

impl Client {
    /// The status document.
    ///
    /// # Errors
    /// What the gateway refuses, or that it does not answer.
    pub async fn status(&self, task_id: &str) -> Result<Value, ClientError> {
        self.get(&format!("/status/{}", segment(task_id))).await
    }

    /// A page of tasks.
    ///
    /// # Errors
    /// As [`Self::status`].
    pub async fn tasks(&self, filter: &TaskFilter) -> Result<Page, ClientError> {
        let limit = filter.limit.map(|limit| limit.to_string());
        let pairs = [
            ("status", &filter.status),
            ("q", &filter.q),
            ("limit", &limit),
            ("cursor", &filter.cursor),
        ];
        self.get(&format!("/tasks{}", query(pairs))).await
    }

    /// A page of a task's events above sequence `after`.
    ///
    /// # Errors
    /// As [`Self::status`].
    pub async fn events(&self, task_id: &str, after: u64, limit: u32) -> Result<Page, ClientError> {
        self.get(&format!(
            "/tasks/{}/events?after={after}&limit={limit}",
            segment(task_id)
        ))
        .await
    }

    /// Ends a task.
    ///
    /// # Errors
    /// As [`Self::status`].
    pub async fn cancel(&self, task_id: &str) -> Result<Value, ClientError> {
        self.steer(task_id, "cancel").await
    }

    /// Starts nothing more of a task until it is resumed.
    ///
    /// # Errors
    /// As [`Self::status`].
    pub async fn pause(&self, task_id: &str) -> Result<Value, ClientError> {
        self.steer(task_id, "pause").await
    }

    /// Lets a paused task go on.
    ///
    /// # Errors
    /// As [`Self::status`].
    pub async fn resume(&self, task_id: &str) -> Result<Value, ClientError> {
        self.steer(task_id, "resume").await
    }

    /// Continues what failed or needs attention.
    ///
    /// # Errors
    /// As [`Self::status`].
    pub async fn retry(&self, task_id: &str, retry: &RetryRequest) -> Result<Value, ClientError> {
        self.post(&format!("/tasks/{}/retry", segment(task_id)), retry).await
    }

    /// The JSON Schema of plans.
    ///
    /// # Errors
    /// As [`Self::status`].
    pub async fn plan_schema(&self) -> Result<Value, ClientError> {
        self.get("/plan-schema").await
    }

    async fn steer(&self, task_id: &str, verb: &str) -> Result<Value, ClientError> {
        self.post(&format!("/tasks/{}/{verb}", segment(task_id)), &json!({}))
            .await
    }
}

/// One segment of a path, whatever the text is.
pub(crate) fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') || (byte == b'.' && text.len() > 2) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// A query string of what is there, with its question mark; empty when nothing is.
pub(crate) fn query<const N: usize>(pairs: [(&str, &Option<String>); N]) -> String {
    let given = pairs
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)));
    let parts: Vec<String> = given
        .map(|(name, value)| format!("{name}={}", segment(value)))
        .collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!("?{}", parts.join("&"))
    }
}

#[cfg(test)]
mod tests {
    use super::{query, segment};

    #[test]
    fn any_text_is_one_segment_and_one_value() {
        assert_eq!(segment("shop.stock"), "shop.stock");
        assert_eq!(segment("a/b?c%d e\u{e9}"), "a%2Fb%3Fc%25d%20e%C3%A9");
        assert_eq!(segment(".."), "%2E%2E");
        assert_eq!(query([("q", &Some("a&b=c".to_owned())), ("x", &None)]), "?q=a%26b%3Dc");
        assert_eq!(query([("x", &None)]), "");
    }
}
