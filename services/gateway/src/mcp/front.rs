//! From HTTP to a message: bodies are read as strictly as those of REST before the protocol sees them.

use super::answer;
use super::server::Server;
use crate::application::Application;
use crate::caller::Caller;
use crate::refusal::Refusal;
use crate::{body, json};
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, header};
use rmcp::ErrorData;
use rmcp::model::{ClientJsonRpcMessage, JsonRpcError, RequestId};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde::Deserialize;
use std::sync::Arc;

/// Levels that a message puts around a tool's arguments.
const ENVELOPE_DEPTH: usize = 2;

/// The protocol's machinery; cheap to clone.
pub type Endpoint = StreamableHttpService<Server, NeverSessionManager>;

/// Speaks the protocol for `app`.
///
/// Nothing ends its requests when the process drains: each is one short exchange, and the REST server waits for it.
pub fn endpoint(app: &Arc<Application>) -> Endpoint {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_allowed_hosts(&app.mcp.allowed_hosts)
        .with_allowed_origins(&app.mcp.allowed_origins)
        .enforce_origin_validation()
        .with_max_request_body_bytes(app.limits.body_bytes);
    let server = Server::new(Arc::clone(app));
    StreamableHttpService::new(move || Ok(server.clone()), Arc::default(), config)
}

/// Answers one request.
pub async fn serve(endpoint: Endpoint, app: Arc<Application>, mut request: Request) -> Response {
    if is_own_page(request.headers()) {
        request.headers_mut().remove(header::ORIGIN);
    }
    let checked = match *request.method() {
        Method::POST => with_message(request, &app).await,
        _ => Ok(request),
    };
    match checked {
        Ok(request) => endpoint.handle(request).await.map(Body::new),
        Err(response) => response,
    }
}

/// Whether a page of this very host asks. Nobody else's can be: the host must be one of those that are allowed.
fn is_own_page(headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let from = origin.and_then(|origin| {
        origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"))
    });
    from.is_some_and(|from| host.is_some_and(|host| host.eq_ignore_ascii_case(from)))
}

/// The request again, its body read and known to be a message; or what is answered instead.
async fn with_message(request: Request, app: &Application) -> Result<Request, Response> {
    let (parts, body) = request.into_parts();
    let unread = Request::from_parts(parts.clone(), body);
    let bytes = body::read(unread, app).await.map_err(Refusal::into_response)?;
    let bytes = bytes.unwrap_or_default();
    match check(&bytes, app.limits.json_depth) {
        Ok(()) => Ok(Request::from_parts(parts, Body::from(bytes))),
        Err(fault) => Err(fault.into_response(&parts)),
    }
}

/// Why a body is no message.
enum Fault {
    Unreadable(Refusal),
    NoMessage { id: Option<RequestId>, why: &'static str },
}

fn check(bytes: &[u8], json_depth: usize) -> Result<(), Fault> {
    let message = json::read(bytes, json_depth + ENVELOPE_DEPTH, "").map_err(Fault::Unreadable)?;
    let told = message.get("id");
    let id = told.and_then(|id| RequestId::deserialize(id).ok());
    let no_message = |why| Err(Fault::NoMessage { id: id.clone(), why });
    if message.is_array() {
        return no_message("messages come one by one, not in batches");
    }
    if told.is_some() && id.is_none() {
        return no_message("id must be a string or an integer");
    }
    match serde_json::from_value::<ClientJsonRpcMessage>(message) {
        Ok(_) => Ok(()),
        Err(_) => no_message("the body is not a JSON-RPC 2.0 message"),
    }
}

impl Fault {
    fn into_response(self, parts: &Parts) -> Response {
        let (id, error) = match self {
            Self::Unreadable(refusal) => {
                let caller = parts.extensions.get::<Caller>();
                let refusal = caller.map_or(refusal.clone(), |caller| refusal.traced(caller.trace.trace_id));
                let message = refusal.problem().detail.clone();
                (None, ErrorData::parse_error(message, Some(answer::problem(&refusal))))
            }
            Self::NoMessage { id, why } => (id, ErrorData::invalid_request(why, None)),
        };
        let body = serde_json::to_vec(&JsonRpcError::new(id, error)).unwrap_or_default();
        let content_type = [(header::CONTENT_TYPE, "application/json")];
        (StatusCode::BAD_REQUEST, content_type, body).into_response()
    }
}
