//! Documents that change while an executor runs.

use super::{api, registry};
use crate::discovery::Discovery;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// What a server of documents has, and what it answered.
struct Server {
    path: Mutex<&'static str>,
    answered: watch::Sender<Vec<u16>>,
}

impl Server {
    async fn start() -> (Arc<Self>, String) {
        let server = Arc::new(Self {
            path: Mutex::new("/tree/"),
            answered: watch::Sender::default(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let app = Router::new().fallback(answer).with_state(Arc::clone(&server));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (server, address)
    }

    fn becomes(&self, path: &'static str) {
        *self.path.lock().unwrap() = path;
    }

    async fn answers(&self, expected: &[u16]) {
        let mut answered = self.answered.subscribe();
        let all = answered.wait_for(|answered| answered.starts_with(expected));
        let seen = timeout(Duration::from_secs(20), all).await.is_ok();
        assert!(seen, "{:?}", self.answered.borrow());
    }
}

async fn answer(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response {
    let path = *server.path.lock().unwrap();
    let etag = format!("\"{path}\"");
    let is_known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| *known == etag);
    let response = match is_known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => {
            let document = include_str!("catalog.json").replace("/tree/", path);
            ([(header::ETAG, etag)], document).into_response()
        }
    };
    let status = response.status().as_u16();
    server.answered.send_modify(|answered| answered.push(status));
    response
}

/// Runs until the token is dropped; `changed` waits for the next other definition.
struct Loading {
    discovery: Discovery,
    changes: watch::Receiver<Arc<crate::tools::registry::Tools>>,
    _stop: tokio_util::sync::DropGuard,
}

impl Loading {
    fn start(address: &str, refresh_seconds: f64) -> Self {
        let api = api(json!({
            "name": "catalog", "base_url": null, "openapi": format!("http://{address}/openapi.json"),
            "allow_hosts": [address], "openapi_refresh_seconds": refresh_seconds,
        }));
        let registry = registry(api.clone());
        let (discovery, stop) = (Discovery::default(), CancellationToken::new());
        let mut changes = registry.changes();
        changes.mark_unchanged();
        let source = discovery.join("api catalog");
        let loading = super::super::keep_loading(api, "default".to_owned(), registry, source, stop.clone());
        tokio::spawn(loading);
        Self {
            discovery,
            changes,
            _stop: stop.drop_guard(),
        }
    }

    /// Hash of the definition that comes next.
    async fn changed(&mut self) -> String {
        let changed = timeout(Duration::from_secs(20), self.changes.changed()).await;
        changed.unwrap().unwrap();
        let tools = self.changes.borrow_and_update();
        tools["catalog.tree"].spec().version_hash().to_string()
    }
}

#[tokio::test]
async fn a_document_is_read_again_after_a_while_where_its_server_says_that_it_changed() {
    let (server, address) = Server::start().await;
    let mut loading = Loading::start(&address, 0.02);
    let first = loading.changed().await;
    server.answers(&[200, 304, 304]).await;
    assert!(!loading.changes.has_changed().unwrap());
    server.becomes("/forest/");
    assert_ne!(loading.changed().await, first);
}

#[tokio::test]
async fn a_document_is_read_again_when_the_catalog_changed_and_whole_when_somebody_asks() {
    let (server, address) = Server::start().await;
    let mut loading = Loading::start(&address, 3_600.0);
    let first = loading.changed().await;
    loading.discovery.ask(1);
    server.answers(&[200, 200]).await;
    loading.discovery.settled(1).await;
    server.becomes("/forest/");
    loading.discovery.hint();
    assert_ne!(loading.changed().await, first);
}
