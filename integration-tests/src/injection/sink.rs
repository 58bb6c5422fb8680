//! A listener that remembers every byte it was sent.

use anyhow::Result;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use bytes::Bytes;
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A request, whole.
#[derive(Clone, Debug)]
pub struct Request {
    /// Path and query.
    pub uri: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// Answers a body.
type Answer = Box<dyn Fn(&Value) -> Value + Send + Sync>;

/// A running listener. Dropping it closes its port.
pub struct Sink {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

struct Shared {
    answer: Answer,
    requests: Mutex<Vec<Request>>,
}

impl Sink {
    /// Listens on a free loopback port.
    ///
    /// # Errors
    /// No port.
    pub async fn start(answer: impl Fn(&Value) -> Value + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            answer: Box::new(answer),
            requests: Mutex::default(),
        });
        let router = Router::new().fallback(receive).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("sink: {error}");
            }
        });
        Ok(Self {
            address,
            shared,
            server,
        })
    }

    /// `http://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything so far, oldest first.
    pub fn requests(&self) -> Vec<Request> {
        self.shared
            .requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn receive(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap, body: Bytes) -> axum::Json<Value> {
    let said = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let request = Request {
        uri: uri.to_string(),
        headers,
        body,
    };
    shared
        .requests
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(request);
    axum::Json((shared.answer)(&said))
}
