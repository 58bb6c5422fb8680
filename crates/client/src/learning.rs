//! What was learned, how well it goes, and what people say about it.

use crate::http::{checked, read};
use crate::tasks::{query, segment};
use crate::{Client, ClientError};
use bytes::Bytes;
use futures::Stream;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What somebody says about a task, at any time.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Feedback {
    /// 1 (useless) to 5 (as it should be).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<u8>,
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The quality dimension it is about; absent: the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dimension: Option<String>,
    /// The step it is about; absent: the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_id: Option<String>,
}

/// What is asked about preferences.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PreferencesAsked {
    /// None: whoever asks.
    pub user: Option<String>,
    /// user, team or tenant; none: all.
    pub scope: Option<String>,
    /// None: all.
    pub key: Option<String>,
    /// RFC 3339, the time asked about; none: now.
    pub at: Option<String>,
    /// RFC 3339: only what was known then counts.
    pub known_at: Option<String>,
    /// With every statement.
    pub history: bool,
}

/// A value of a business metric.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct MetricPoint {
    /// What is measured.
    pub name: String,
    /// Finite.
    pub value: f64,
    /// RFC 3339; absent: now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The task it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_id: Option<String>,
    /// The part of the business it was measured in; absent: the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
}

/// What is asked about business metrics; what is absent is not narrowed down.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MetricQuestion {
    /// One metric.
    pub name: Option<String>,
    /// One part of the business.
    pub segment: Option<String>,
    /// Compared before and after what this task published.
    pub task_id: Option<String>,
    /// Compared before and after the first task that ran this pattern.
    pub pattern_id: Option<String>,
    /// Compared before and after this time, or day.
    pub since: Option<String>,
    /// What came later is not looked at.
    pub until: Option<String>,
    /// On each side, 7-90.
    pub days: Option<u32>,
    /// Other metrics that were not touched.
    pub controls: Vec<String>,
}

impl Client {
    /// Records feedback. With a key the same may be sent again and counts once.
    ///
    /// # Errors
    /// What the gateway refuses, or that it does not answer.
    pub async fn feedback(
        &self,
        task_id: &str,
        feedback: &Feedback,
        idempotency_key: Option<&str>,
    ) -> Result<Value, ClientError> {
        let path = format!("/tasks/{}/feedback", segment(task_id));
        let mut post = self.request(Method::POST, &path).json(feedback);
        if let Some(key) = idempotency_key {
            post = post.header("idempotency-key", key);
        }
        read(post.send().await?).await
    }

    /// A page of learned patterns, with remembered preferences and what is wrong with some.
    ///
    /// # Errors
    /// As [`Self::feedback`].
    pub async fn patterns(&self, limit: Option<u32>, cursor: Option<String>) -> Result<Value, ClientError> {
        let limit = limit.map(|limit| limit.to_string());
        let query = query([("limit", &limit), ("cursor", &cursor)]);
        self.get(&format!("/learning-patterns{query}")).await
    }

    /// What somebody prefers; by default the caller, now.
    ///
    /// # Errors
    /// As [`Self::feedback`].
    pub async fn preferences(&self, asked: &PreferencesAsked) -> Result<Value, ClientError> {
        let history = asked.history.then(|| "true".to_owned());
        let query = query([
            ("user", &asked.user),
            ("scope", &asked.scope),
            ("key", &asked.key),
            ("at", &asked.at),
            ("known_at", &asked.known_at),
            ("history", &history),
        ]);
        self.get(&format!("/preferences{query}")).await
    }

    /// States preferences, a JSON document as `PUT /preferences` takes it.
    ///
    /// # Errors
    /// As [`Self::feedback`].
    pub async fn state_preferences(&self, document: &Value) -> Result<Value, ClientError> {
        read(self.request(Method::PUT, "/preferences").json(document).send().await?).await
    }

    /// Takes a stated preference back.
    ///
    /// # Errors
    /// As [`Self::feedback`].
    pub async fn delete_preference(
        &self,
        key: &str,
        scope: Option<String>,
        team: Option<String>,
    ) -> Result<Value, ClientError> {
        let query = query([("key", &Some(key.to_owned())), ("scope", &scope), ("team", &team)]);
        let delete = self.request(Method::DELETE, &format!("/preferences{query}"));
        read(delete.send().await?).await
    }

    /// Deletes what is kept of a user.
    ///
    /// # Errors
    /// As [`Self::feedback`].
    pub async fn delete_user_data(&self, user: &str) -> Result<Value, ClientError> {
        let path = format!("/users/{}/data", segment(user));
        read(self.request(Method::DELETE, &path).send().await?).await
    }

    /// One pattern.
    ///
    /// # Errors
    /// As [`Self::feedback`].
    pub async fn pattern(&self, pattern_id: &str) -> Result<Value, ClientError> {
        self.get(&format!("/learning-patterns/{}", segment(pattern_id))).await
    }

    /// Notes what people decide about a pattern: `{state?, pinned?, note?}`.
    ///
    /// # Errors
    /// As [`Self::feedback`].
    pub async fn review_pattern(&self, pattern_id: &str, review: &Value) -> Result<Value, ClientError> {
        let path = format!("/learning-patterns/{}", segment(pattern_id));
        read(self.request(Method::PATCH, &path).json(review).send().await?).await
    }

    /// All patterns, one a line, as they come.
    ///
    /// # Errors
    /// As [`Self::feedback`]; items fail when the connection breaks.
    pub async fn export_patterns(
        &self,
    ) -> Result<impl Stream<Item = Result<Bytes, reqwest::Error>> + Send + use<>, ClientError> {
        let response = self
            .request(Method::GET, "/learning-patterns?format=jsonl")
            .send()
            .await?;
        Ok(checked(response).await?.bytes_stream())
    }

    /// Takes over patterns that another system exported: `{imported, known, refused, errors}`.
    ///
    /// # Errors
    /// As [`Self::feedback`].
    pub async fn import_patterns(&self, lines: Vec<u8>) -> Result<Value, ClientError> {
        let post = self.request(Method::POST, "/learning-patterns/import");
        let post = post.header("content-type", "application/x-ndjson").body(lines);
        read(post.send().await?).await
    }

    /// The product's figures over the last `days`; absent: the server's own window.
    ///
    /// # Errors
    /// As [`Self::feedback`].
    pub async fn metrics(&self, days: Option<u32>) -> Result<Value, ClientError> {
        let days = days.map(|days| days.to_string());
        self.get(&format!("/metrics{}", query([("days", &days)]))).await
    }

    /// Keeps points of business metrics, all or none. With a key the same may be sent again and counts once.
    ///
    /// # Errors
    /// As [`Self::feedback`].
    pub async fn record_business_metrics(
        &self,
        points: &[MetricPoint],
        idempotency_key: Option<&str>,
    ) -> Result<Value, ClientError> {
        let body = serde_json::json!({ "points": points });
        let mut post = self.request(Method::POST, "/business-metrics").json(&body);
        if let Some(key) = idempotency_key {
            post = post.header("idempotency-key", key);
        }
        read(post.send().await?).await
    }

    /// What may be said of business metrics, each statement with its level of evidence.
    ///
    /// # Errors
    /// As [`Self::feedback`].
    pub async fn business_metrics(&self, question: MetricQuestion) -> Result<Value, ClientError> {
        let days = question.days.map(|days| days.to_string());
        let controls = Some(question.controls.join(",")).filter(|controls| !controls.is_empty());
        let query = query([
            ("name", &question.name),
            ("segment", &question.segment),
            ("task_id", &question.task_id),
            ("pattern_id", &question.pattern_id),
            ("since", &question.since),
            ("until", &question.until),
            ("days", &days),
            ("controls", &controls),
        ]);
        self.get(&format!("/business-metrics-analysis{query}")).await
    }

    /// Calls, decisions and reasons of a task, step by step.
    ///
    /// # Errors
    /// As [`Self::feedback`].
    pub async fn trace(&self, task_id: &str) -> Result<Value, ClientError> {
        self.get(&format!("/tasks/{}/trace", segment(task_id))).await
    }
}
