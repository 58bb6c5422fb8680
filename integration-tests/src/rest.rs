//! The REST interface as any HTTP client sees it. The product's own client is left out on purpose:
//! half of what is asked here is malformed, and answers are looked at byte by byte.

use crate::document::{Document as _, shortened};
use crate::eventually::eventually;
use anyhow::{Context as _, Result, bail, ensure};
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::time::Duration;

const BASE: &str = "/api/orchestrator";

/// Talks to one gateway.
#[derive(Clone, Debug)]
pub struct Rest {
    http: reqwest::Client,
    root: String,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The body; null where it was not JSON.
    pub body: Value,
}

impl Answer {
    /// The problem's code, or empty.
    pub fn code(&self) -> &str {
        self.body.said("/code")
    }

    /// The body, when the status is as wanted.
    ///
    /// # Errors
    /// Another status.
    pub fn expect(self, status: u16) -> Result<Value> {
        ensure!(
            self.status == status,
            "wanted {status}, got {}: {}",
            self.status,
            shortened(&self.body)
        );
        Ok(self.body)
    }

    /// Refused with this status and code, as a problem document.
    ///
    /// # Errors
    /// It was not.
    pub fn expect_problem(&self, status: u16, code: &str) -> Result<()> {
        let kind = self
            .headers
            .get("content-type")
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default();
        ensure!(
            self.status == status && self.code() == code,
            "wanted {status} {code}, got {} {}: {}",
            self.status,
            self.code(),
            shortened(&self.body)
        );
        ensure!(
            kind.starts_with("application/problem+json"),
            "a problem came as {kind:?}"
        );
        for member in ["/type", "/title", "/detail"] {
            ensure!(!self.body.text(member)?.is_empty(), "{member} of a problem is empty");
        }
        ensure!(
            self.body.number("/status")? == f64::from(status),
            "status member differs from the status"
        );
        Ok(())
    }
}

impl Rest {
    /// For the gateway at `root`, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// No HTTP client can be built.
    pub fn new(root: &str) -> Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(30))
            .no_proxy()
            .build()?;
        Ok(Self {
            http,
            root: root.trim_end_matches('/').to_owned(),
        })
    }

    /// A request below `/api/orchestrator`.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{BASE}{path}", self.root))
    }

    /// A request at the root.
    pub fn root_request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.root))
    }

    /// Sends what was built.
    ///
    /// # Errors
    /// No answer.
    pub async fn send(request: RequestBuilder) -> Result<Answer> {
        let response = request.send().await.context("no answer")?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let bytes = response.bytes().await.context("answer cut off")?;
        Ok(Answer {
            status,
            headers,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        })
    }

    /// GET.
    ///
    /// # Errors
    /// No answer.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        Self::send(self.request(Method::GET, path)).await
    }

    /// POST of a document.
    ///
    /// # Errors
    /// No answer.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        Self::send(self.request(Method::POST, path).json(body)).await
    }

    /// Submits and returns the task's id.
    ///
    /// # Errors
    /// Not accepted.
    pub async fn submit(&self, body: &Value) -> Result<String> {
        let accepted = self.post("/process", body).await?.expect(202)?;
        Ok(accepted.text("/task_id")?.to_owned())
    }

    /// The status document.
    ///
    /// # Errors
    /// Unknown task or no answer.
    pub async fn status(&self, task: &str) -> Result<Value> {
        self.get(&format!("/status/{task}")).await?.expect(200)
    }

    /// The approval document.
    ///
    /// # Errors
    /// Not waiting for approval, or no answer.
    pub async fn approval(&self, task: &str) -> Result<Value> {
        self.get(&format!("/approval/{task}")).await?.expect(200)
    }

    /// Decides a gate.
    ///
    /// # Errors
    /// No answer.
    pub async fn decide(&self, task: &str, decision: &Value) -> Result<Answer> {
        self.post(&format!("/approve/{task}"), decision).await
    }

    /// `POST /tasks/{id}/{verb}` with an empty document.
    ///
    /// # Errors
    /// No answer.
    pub async fn control(&self, task: &str, verb: &str) -> Result<Answer> {
        self.post(&format!("/tasks/{task}/{verb}"), &json!({})).await
    }

    /// Waits until the status is one of `wanted`; stops early where the task ended otherwise.
    ///
    /// # Errors
    /// Another end, or not in time.
    pub async fn until(&self, task: &str, wanted: &[&str], limit: Duration) -> Result<Value> {
        let what = format!("task {task} reaches {wanted:?}");
        let document = eventually(&what, limit, || async {
            let document = self.status(task).await?;
            let status = document.text("/status")?;
            let settled = is_terminal(status) || (status == "needs_attention" && !wanted.contains(&status));
            ensure!(
                wanted.contains(&status) || settled,
                "status {status}: {}",
                shortened(&document)
            );
            Ok(document)
        })
        .await?;
        let status = document.text("/status")?;
        if !wanted.contains(&status) {
            bail!("{what}: it became {status}: {}", shortened(&document));
        }
        Ok(document)
    }

    /// The whole history of a task, oldest first.
    ///
    /// # Errors
    /// No answer, or a page that is not as promised.
    pub async fn history(&self, task: &str) -> Result<Vec<Value>> {
        self.pages(&format!("/tasks/{task}/events?limit=200")).await
    }

    /// Every item of a list, page by page.
    ///
    /// # Errors
    /// No answer, or a page that is not as promised.
    pub async fn pages(&self, path: &str) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut url = path.to_owned();
        // Bounds a cursor that never ends.
        for _ in 0..1000 {
            let page = self.get(&url).await?.expect(200)?;
            items.extend(page.list("/items")?.iter().cloned());
            let Some(cursor) = page.pointer("/next_cursor").and_then(Value::as_str) else {
                return Ok(items);
            };
            url = format!("{path}{}cursor={cursor}", if path.contains('?') { '&' } else { '?' });
        }
        bail!("{path}: the list has no end")
    }
}

/// Ended for good.
pub fn is_terminal(status: &str) -> bool {
    matches!(status, "completed" | "rejected" | "failed" | "cancelled")
}
