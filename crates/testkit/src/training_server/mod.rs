//! A provider on loopback that takes files and fine-tuning jobs as OpenAI does, is as faulty as it is told, and
//! remembers what it has. A job goes on until somebody says how it ends.

mod form;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Largest form it takes in.
const MOST_BYTES: usize = 64 << 20;

/// What goes wrong with one call.
#[derive(Clone, Debug)]
pub enum Wrong {
    /// It is not acted upon; this status with this `Retry-After`.
    Status(u16, Option<&'static str>),
    /// It is acted upon, and then the answer is lost.
    AnswerLost,
    /// It is acted upon, and the answer is these words.
    Says(&'static str),
    /// It is acted upon, and never answered.
    Silent,
}

/// A file it has.
#[derive(Clone, Debug)]
pub struct TrainingFile {
    /// As it was sent.
    pub name: String,
    /// As it was sent.
    pub purpose: String,
    /// As they were sent.
    pub content: Bytes,
}

/// A running server. Dropping it closes its port.
#[derive(Debug)]
pub struct TrainingServer {
    address: SocketAddr,
    shared: Arc<Mutex<Provider>>,
    server: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Provider {
    files: BTreeMap<String, TrainingFile>,
    jobs: BTreeMap<String, Value>,
    models_deleted: Vec<String>,
    calls: Vec<String>,
    keys: Vec<String>,
    wrong: Vec<(String, Wrong)>,
    /// Members that every job has from its next telling on.
    becomes: Value,
    made: usize,
}

impl TrainingServer {
    /// Listens on a free loopback port.
    ///
    /// # Errors
    /// No port.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Mutex::new(Provider::default()));
        let router = Router::new()
            .fallback(answer)
            .layer(axum::extract::DefaultBodyLimit::max(MOST_BYTES))
            .with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("the training server ends: {error}");
            }
        });
        Ok(Self {
            address,
            shared,
            server,
        })
    }

    /// Base URL.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// What goes wrong with the next call that begins so, as `POST /files`; one call each, in order.
    pub fn next(&self, call: &str, wrong: Wrong) {
        self.provider().wrong.push((call.to_owned(), wrong));
    }

    /// What jobs are told to be from now on, as `{"status": "succeeded", "fine_tuned_model": "ft:x"}`.
    pub fn jobs_become(&self, members: Value) {
        self.provider().becomes = members;
    }

    /// Forgets every job.
    pub fn forget_jobs(&self) {
        self.provider().jobs.clear();
    }

    /// What it has of files, by id.
    pub fn files(&self) -> BTreeMap<String, TrainingFile> {
        self.provider().files.clone()
    }

    /// What it has of jobs, the oldest first, as it was asked for them and how they stand.
    pub fn jobs(&self) -> Vec<Value> {
        self.provider().jobs.values().cloned().collect()
    }

    /// Models it was told to delete.
    pub fn models_deleted(&self) -> Vec<String> {
        self.provider().models_deleted.clone()
    }

    /// Every call so far, as `POST /files`.
    pub fn calls(&self) -> Vec<String> {
        self.provider().calls.clone()
    }

    /// Idempotency keys so far.
    pub fn keys(&self) -> Vec<String> {
        self.provider().keys.clone()
    }

    fn provider(&self) -> MutexGuard<'_, Provider> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for TrainingServer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(
    State(shared): State<Arc<Mutex<Provider>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let path = uri.path().trim_start_matches("/v1").to_owned();
    let call = format!("{method} {path}");
    let (wrong, answer) = {
        let mut provider = shared.lock().unwrap_or_else(PoisonError::into_inner);
        provider.calls.push(call.clone());
        let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
        provider.keys.extend(key.map(str::to_owned));
        let place = provider.wrong.iter().position(|(begins, _)| call.starts_with(begins));
        let wrong = place.map(|place| provider.wrong.remove(place).1);
        if let Some(Wrong::Status(status, retry_after)) = &wrong {
            let words = json!({ "error": { "message": "not now, sk-secret" } });
            return said(*status, *retry_after, words.to_string());
        }
        (wrong, provider.act(&method, &path, &headers, &body))
    };
    match wrong {
        // No status line and no body: the connection just ends.
        Some(Wrong::AnswerLost) => {
            let broken = futures::stream::iter([Err::<Bytes, _>(std::io::Error::other("the answer is lost"))]);
            Response::new(Body::from_stream(broken))
        }
        Some(Wrong::Says(words)) => said(200, None, words.to_owned()),
        Some(Wrong::Silent) => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            said(200, None, String::new())
        }
        _ => said(answer.0, None, answer.1.to_string()),
    }
}

fn said(status: u16, retry_after: Option<&str>, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let seconds = retry_after.and_then(|seconds| seconds.parse().ok());
    response
        .headers_mut()
        .extend(seconds.map(|seconds| (axum::http::header::RETRY_AFTER, seconds)));
    response
}

fn refused(status: u16, words: &str) -> (u16, Value) {
    (status, json!({ "error": { "message": words } }))
}

impl Provider {
    fn act(&mut self, method: &Method, path: &str, headers: &HeaderMap, body: &Bytes) -> (u16, Value) {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        match (method.as_str(), parts.as_slice()) {
            ("POST", ["files"]) => self.take(headers, body),
            ("GET", ["files"]) => (200, list(self.files.iter().map(|(id, file)| described(id, file)))),
            ("DELETE", ["files", id]) => match self.files.remove(*id) {
                Some(_) => (200, json!({ "id": id, "deleted": true })),
                None => refused(404, "no such file"),
            },
            ("DELETE", ["models", name]) => {
                self.models_deleted.push((*name).to_owned());
                (200, json!({ "id": name, "deleted": true }))
            }
            ("POST", ["fine_tuning", "jobs"]) => self.begin(body),
            ("GET", ["fine_tuning", "jobs"]) => {
                let newest_first = self.jobs.keys().rev().map(|id| self.told(id));
                (200, list(newest_first.collect::<Vec<_>>().into_iter()))
            }
            ("GET", ["fine_tuning", "jobs", id]) if self.jobs.contains_key(*id) => (200, self.told(id)),
            ("POST", ["fine_tuning", "jobs", id, "cancel"]) => self.cancel(id),
            _ => refused(404, "there is nothing"),
        }
    }

    fn take(&mut self, headers: &HeaderMap, body: &Bytes) -> (u16, Value) {
        let Some(file) = form::read(headers, body) else {
            return refused(400, "the form cannot be read");
        };
        let id = self.id("file");
        let told = described(&id, &file);
        self.files.insert(id, file);
        (200, told)
    }

    fn begin(&mut self, body: &Bytes) -> (u16, Value) {
        let Ok(Value::Object(mut job)) = serde_json::from_slice::<Value>(body) else {
            return refused(400, "the job is no JSON");
        };
        for file in ["training_file", "validation_file"] {
            let known = job
                .get(file)
                .and_then(Value::as_str)
                .map(|id| self.files.contains_key(id));
            if known == Some(false) || (known.is_none() && file == "training_file") {
                return refused(400, &format!("{file} is not there"));
            }
        }
        let id = self.id("ftjob");
        let more = json!({ "id": id, "object": "fine_tuning.job", "status": "queued", "created_at": self.made,
            "fine_tuned_model": null, "trained_tokens": null, "error": null });
        job.extend(more.as_object().cloned().unwrap_or_default());
        self.jobs.insert(id.clone(), Value::Object(job));
        (200, self.told(&id))
    }

    fn cancel(&mut self, id: &str) -> (u16, Value) {
        let Some(job) = self.jobs.get(id) else {
            return refused(404, "no such job");
        };
        let status = self.becomes.get("status").or_else(|| job.get("status"));
        if status.is_some_and(|status| status == "succeeded" || status == "failed") {
            return refused(400, "the job has ended");
        }
        if let Some(job) = self.jobs.get_mut(id).and_then(Value::as_object_mut) {
            job.insert("status".to_owned(), json!("cancelled"));
        }
        (200, self.told(id))
    }

    /// As it stands now.
    fn told(&self, id: &str) -> Value {
        let mut job = self.jobs.get(id).cloned().unwrap_or_default();
        let cancelled = job.get("status").is_some_and(|status| status == "cancelled");
        if let (Some(job), Some(becomes), false) = (job.as_object_mut(), self.becomes.as_object(), cancelled) {
            job.extend(becomes.clone());
        }
        job
    }

    fn id(&mut self, what: &str) -> String {
        self.made += 1;
        format!("{what}-{:04}", self.made)
    }
}

fn list(items: impl Iterator<Item = Value>) -> Value {
    json!({ "object": "list", "data": items.collect::<Vec<_>>(), "has_more": false })
}

fn described(id: &str, file: &TrainingFile) -> Value {
    json!({ "id": id, "object": "file", "bytes": file.content.len(), "filename": file.name,
        "purpose": file.purpose, "status": "processed" })
}
