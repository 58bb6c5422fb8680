//! A server that loads files, in the words of each kind, and remembers what it was told.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What it knows.
#[derive(Default)]
pub struct Orders {
    /// Names that it serves.
    pub served: Vec<String>,
    /// Files that lie where it looks.
    pub seen: Vec<String>,
    /// What it was told: method and path, and a document.
    pub told: Vec<(String, Value)>,
    /// The name that answers bear; none: as asked.
    pub answers_as: Option<String>,
    /// How long it takes to load.
    pub slow: Duration,
    /// What it says instead of what was asked for.
    pub says: Option<String>,
}

/// A running server.
#[derive(Clone, Default)]
pub struct FileServer(pub Arc<Mutex<Orders>>);

impl FileServer {
    /// Listens; its URL.
    pub async fn serve(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        url
    }

    pub fn with<T>(&self, look: impl FnOnce(&mut Orders) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    /// How often it was told so.
    pub fn told(&self, what: &str) -> usize {
        self.with(|orders| orders.told.iter().filter(|(told, _)| told == what).count())
    }

    async fn load(&self, name: &Value) -> Response {
        tokio::time::sleep(self.with(|orders| orders.slow)).await;
        self.with(|orders| orders.served.push(name.as_str().unwrap().to_owned()));
        axum::Json(json!({"success": true, "status": "success"})).into_response()
    }
}

async fn answer(State(server): State<FileServer>, request: Request<Body>) -> Response {
    let what = format!("{} {}", request.method(), request.uri().path());
    let bytes = to_bytes(request.into_body(), usize::MAX).await.unwrap();
    let body: Value = serde_json::from_slice(&bytes).unwrap_or(json!({"sha256": sha256(&bytes)}));
    server.with(|orders| orders.told.push((what.clone(), body.clone())));
    match what.as_str() {
        "GET /v1/models" => {
            let base = json!({"id": "base", "root": "acme/small", "parent": null});
            let own = server.with(|orders| orders.served.clone());
            let own = own.into_iter().map(|name| json!({"id": name, "parent": "base"}));
            axum::Json(json!({"data": own.chain([base]).collect::<Vec<_>>()})).into_response()
        }
        "GET /models" => {
            let (seen, served) = server.with(|orders| (orders.seen.clone(), orders.served.clone()));
            let status = |name: &String| if served.contains(name) { "loaded" } else { "unloaded" };
            let all = seen
                .iter()
                .map(|name| json!({"id": name, "status": {"value": status(name)}}));
            axum::Json(json!({"data": all.collect::<Vec<_>>()})).into_response()
        }
        "GET /api/tags" => {
            let own = server.with(|orders| orders.served.clone()).into_iter();
            let own: Vec<_> = own.map(|name| json!({"name": format!("{name}:latest")})).collect();
            axum::Json(json!({"models": own})).into_response()
        }
        "POST /v1/load_lora_adapter" => server.load(&body["lora_name"]).await,
        "POST /models/load" | "POST /api/create" => server.load(&body["model"]).await,
        "POST /v1/chat/completions" => {
            let says = server
                .with(|orders| orders.says.clone())
                .unwrap_or(json!({"ready": true}).to_string());
            let name = server
                .with(|orders| orders.answers_as.clone())
                .map_or(body["model"].clone(), Value::from);
            let message = json!({"role": "assistant", "content": says});
            let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
            axum::Json(
                json!({"model": name, "choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 3}}),
            )
            .into_response()
        }
        head if head.starts_with("HEAD /api/blobs/") => axum::http::StatusCode::NOT_FOUND.into_response(),
        _ => axum::Json(json!({})).into_response(),
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
