//! A gateway with everything behind it.

mod catalog;
mod coordinator;
mod feed;
pub mod fine_tunes;
pub mod learner;
pub mod models;

pub use coordinator::{FakeCoordinator, MANY_FAULTS};
pub use feed::FakeFeed;
use learner::FakeLearner;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use futures::StreamExt;
use gateway::application::{Application, Limits};
use gateway::coordinator::Coordinator;
use gateway::learner::Learner;
use gateway::live::{Feed, Hub};
use gateway::usual_channels::UsualChannels;
use gateway::{grpc, rest};
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::Value;
use service::config::{Decisions, McpConfig};
use service::health::Health;
use service::metrics::Registry;
use service::ready::ReadyFlag;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

pub const BASE: &str = rest::BASE;

/// The gateway under test.
pub struct Gateway {
    pub app: Arc<Application>,
    pub router: Router,
    pub coordinator: Arc<FakeCoordinator>,
    pub learner: Arc<FakeLearner>,
    pub feed: Arc<FakeFeed>,
    pub stop: CancellationToken,
    coordinator_url: String,
    learner_url: String,
}

/// An answer, read whole.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Bytes,
}

impl Answer {
    /// Of a gateway to a request.
    pub async fn of(router: &Router, request: Request<Body>) -> Self {
        let response = router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Self {
            status: parts.status,
            headers: parts.headers,
            bytes,
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|e| panic!("{e}: {:?}", self.bytes))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|v| v.to_str().unwrap())
    }

    /// Status and code of a problem, which must be a whole one.
    pub fn problem(&self) -> (u16, String) {
        let problem = self.json();
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{problem}"
        );
        assert_eq!(problem["status"], self.status.as_u16());
        assert_eq!(problem["trace_id"].as_str().unwrap().len(), 32);
        for member in ["type", "title", "detail"] {
            assert!(!problem[member].as_str().unwrap().is_empty(), "{member}");
        }
        (self.status.as_u16(), problem["code"].as_str().unwrap().to_owned())
    }

    /// Pointers of the problem's errors.
    pub fn pointers(&self) -> Vec<String> {
        let problem = self.json();
        let errors = problem["errors"].as_array().unwrap();
        errors
            .iter()
            .map(|e| e["pointer"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Gateway {
    pub async fn start() -> Self {
        Self::with(Limits::default()).await
    }

    pub async fn with(limits: Limits) -> Self {
        let feed = Arc::new(FakeFeed::default());
        Self::over(limits, Arc::clone(&feed) as Arc<dyn Feed>, feed).await
    }

    pub async fn over(limits: Limits, source: Arc<dyn Feed>, feed: Arc<FakeFeed>) -> Self {
        let stop = CancellationToken::new();
        let learner = Arc::new(FakeLearner::default());
        let learner_url = learner::serve(Arc::clone(&learner), stop.clone()).await;
        Self::beside(limits, source, feed, learner, &learner_url, stop).await
    }

    /// Nobody listens where the learner should be.
    pub async fn without_learner() -> Self {
        let feed = Arc::new(FakeFeed::default());
        let source = Arc::clone(&feed) as Arc<dyn Feed>;
        let (learner, stop) = (Arc::default(), CancellationToken::new());
        Self::beside(Limits::default(), source, feed, learner, "http://127.0.0.1:1", stop).await
    }

    async fn beside(
        limits: Limits,
        source: Arc<dyn Feed>,
        feed: Arc<FakeFeed>,
        learner: Arc<FakeLearner>,
        learner_url: &str,
        stop: CancellationToken,
    ) -> Self {
        let coordinator = Arc::new(FakeCoordinator::default());
        let coordinator_url = coordinator::serve(Arc::clone(&coordinator), stop.clone()).await;
        let app = Arc::new(Application {
            coordinator: Coordinator::connect(&coordinator_url).unwrap(),
            learner: Learner::connect(learner_url).unwrap(),
            usual_channels: UsualChannels::default(),
            hub: Hub::new(source),
            limits,
            mcp: deciding(Decisions::Tool),
            draining: stop.clone(),
        });
        let health = health();
        Self {
            router: rest::router(Arc::clone(&app), health),
            app,
            coordinator,
            learner,
            feed,
            stop,
            coordinator_url,
            learner_url: learner_url.to_owned(),
        }
    }

    /// Another gateway before the same services; its REST interface.
    pub fn replica(&self, mcp: McpConfig) -> Router {
        let app = Arc::new(Application {
            coordinator: Coordinator::connect(&self.coordinator_url).unwrap(),
            learner: Learner::connect(&self.learner_url).unwrap(),
            usual_channels: UsualChannels::default(),
            hub: Hub::new(Arc::clone(&self.feed) as Arc<dyn Feed>),
            limits: Limits::default(),
            mcp,
            draining: self.stop.clone(),
        });
        rest::router(app, health())
    }

    /// Two gateways behind one address that take turns, request by request; its URL.
    pub async fn listen_in_turns(&self) -> String {
        let replicas = [self.router.clone(), self.replica(deciding(Decisions::Tool))];
        let turn = Arc::new(AtomicUsize::new(0));
        let either = move |request: Request<Body>| {
            let chosen = replicas[turn.fetch_add(1, Ordering::Relaxed) % replicas.len()].clone();
            chosen.oneshot(request)
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = axum::serve(listener, Router::new().fallback(either));
        tokio::spawn(
            server
                .with_graceful_shutdown(self.stop.clone().cancelled_owned())
                .into_future(),
        );
        url
    }

    /// A real REST listener; its URL.
    pub async fn listen(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(rest::serve(
            listener,
            Arc::clone(&self.app),
            health(),
            self.stop.clone(),
        ));
        url
    }

    /// A real gRPC listener; its URL.
    pub async fn listen_grpc(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(grpc::serve(listener, Arc::clone(&self.app), true, self.stop.clone()));
        url
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(&self.router, request).await
    }

    pub async fn call(&self, method: Method, path: &str) -> Answer {
        self.send(request(method, path).body(Body::empty()).unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path).await
    }

    pub async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.post_as(path, "application/json", body).await
    }

    pub async fn post_as(&self, path: &str, media: &str, body: impl Into<Body>) -> Answer {
        let request = request(Method::POST, path).header("content-type", media);
        self.send(request.body(body.into()).unwrap()).await
    }

    pub async fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.post(path, body.to_string()).await
    }

    /// Submits a simple task; its id.
    pub async fn task(&self) -> String {
        let answer = self.post("/process", r#"{"request":"write"}"#).await;
        answer.json()["task_id"].as_str().unwrap().to_owned()
    }

    /// Opens an event stream; its frames as text, keep-alives and `retry` left out.
    pub async fn stream(&self, task: &str, last_event_id: Option<u64>) -> (StatusCode, Frames) {
        let mut request = request(Method::GET, &format!("/tasks/{task}/events")).header("accept", "text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = self
            .router
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        let status = response.status();
        if status == StatusCode::OK {
            assert_eq!(response.headers()["content-type"], "text/event-stream");
        }
        let frames = Frames {
            body: response.into_body().into_data_stream().boxed(),
            text: String::new(),
        };
        (status, frames)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// An open event stream.
pub struct Frames {
    body: futures::stream::BoxStream<'static, Result<Bytes, axum::Error>>,
    text: String,
}

impl Frames {
    /// `(id, event, data)` of the next event; none when the stream closed.
    pub async fn next(&mut self) -> Option<(u64, String, Value)> {
        loop {
            while let Some(end) = self.text.find("\n\n") {
                let frame: String = self.text.drain(..end + 2).collect();
                let field = |name: &str| frame.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                if let Some(data) = field("data:") {
                    let id = field("id:").unwrap().parse().unwrap();
                    return Some((
                        id,
                        field("event:").unwrap().to_owned(),
                        serde_json::from_str(data).unwrap(),
                    ));
                }
            }
            let piece = self.body.next().await?.unwrap();
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    /// The sequences until the stream closes.
    pub async fn rest(&mut self) -> Vec<u64> {
        let mut seen = Vec::new();
        while let Some((id, _, _)) = self.next().await {
            seen.push(id);
        }
        seen
    }
}

/// The defaults, but for who may decide.
pub fn deciding(decisions: Decisions) -> McpConfig {
    McpConfig {
        decisions,
        ..McpConfig::default()
    }
}

pub fn request(method: Method, path: &str) -> http::request::Builder {
    let uri = if path.starts_with("//") {
        path[1..].to_owned()
    } else {
        format!("{BASE}{path}")
    };
    Request::builder().method(method).uri(uri)
}

fn health() -> Health {
    Health {
        ready: ReadyFlag::default(),
        metrics: Registry::default(),
    }
}
