//! The protocol over HTTP. Every byte goes through the guarded client.

use super::trouble::{Acted, Notes, Trouble, same};
use crate::credentials::{Credentials, Redactor, UnusableCredentials};
use futures::StreamExt;
use futures::stream::BoxStream;
use outbound::{
    AllowList, Client, HeaderMap, HeaderName, HeaderValue, Limits, Method, Pace, Request, StatusCode, Streaming,
    Unlisted, Url, header,
};
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, ErrorData, RequestId, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_client::{
    SseError, StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
};
use serde::Deserialize;
use service::config::{HeaderText, McpServerConfig};
use sse_stream::{Sse, SseStream};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");
const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";
/// Places a call may be sent on to, one after the other.
const MAX_HOPS: usize = 5;
/// How long the stream of notifications may stay silent before it is opened anew, and last in all.
const STREAM_IDLE: Duration = Duration::from_secs(300);
const STREAM_TOTAL: Duration = Duration::from_secs(24 * 3600);
/// A step of a plan may give a call more time than its tool has. Its own time ends it first.
const LONGEST_CALL: Duration = Duration::from_secs(3600);
const SLACK: Duration = Duration::from_secs(5);
/// For ending a session.
const FAREWELL: Duration = Duration::from_secs(5);

type Failed = StreamableHttpError<Trouble>;
type Events = BoxStream<'static, Result<Sse, SseError>>;

/// A server whose URL or headers cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UnusableServer {
    /// An address.
    #[error(transparent)]
    Address(#[from] outbound::InvalidEntry),
    /// No HTTP client.
    #[error(transparent)]
    Client(#[from] outbound::BuildError),
    /// What it is shown to prove who calls.
    #[error(transparent)]
    Credentials(#[from] UnusableCredentials),
}

/// Calls one server.
#[derive(Clone)]
pub struct GuardedHttp {
    client: Client,
    server: Arc<McpServerConfig>,
    credentials: Credentials,
    notes: Notes,
}

impl GuardedHttp {
    /// A client that calls this server's host alone.
    ///
    /// # Errors
    /// [`UnusableServer`].
    pub fn new(server: &Arc<McpServerConfig>, url: &str) -> Result<Self, UnusableServer> {
        let mut allow = AllowList::new(Unlisted::Refused);
        allow.allow(url)?;
        let limits = Limits {
            max_response_bytes: usize::try_from(server.max_response_bytes).unwrap_or(usize::MAX),
            ..Limits::default()
        };
        Ok(Self {
            client: Client::new(allow, limits)?,
            credentials: Credentials::new(url, server.auth.as_ref(), &server.headers)?,
            server: Arc::clone(server),
            notes: Notes::default(),
        })
    }

    /// The same client for a new connection, with notes of its own.
    #[must_use]
    pub fn noting(&self, notes: Notes) -> Self {
        Self { notes, ..self.clone() }
    }

    /// Takes what was sent out of what comes back.
    pub fn redactor(&self) -> &Redactor {
        self.credentials.redactor()
    }

    fn headers(&self, own: HashMap<HeaderName, HeaderValue>, session: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.server.headers {
            // Secrets are the credentials' matter, and names were checked with the configuration.
            if let HeaderText::Text(text) = value
                && let Ok(name) = HeaderName::from_bytes(name.as_bytes())
                && let Ok(value) = HeaderValue::from_str(text)
            {
                headers.insert(name, value);
            }
        }
        headers.extend(own);
        let accepted = HeaderValue::from_static("application/json, text/event-stream");
        headers.insert(header::ACCEPT, accepted);
        if let Some(session) = session.and_then(|session| HeaderValue::from_str(session).ok()) {
            headers.insert(SESSION, session);
        }
        headers
    }

    /// Sends with credentials, and once more with new ones where the server refuses those.
    async fn send(&self, request: Request, pace: Pace) -> Result<Streaming, Trouble> {
        let proof = self.proof(&request.url).await?;
        let answer = self.follow(with(&request, &proof), pace).await?;
        if answer.status != StatusCode::UNAUTHORIZED || !self.credentials.refused(&proof).await {
            return Ok(answer);
        }
        let proof = self.proof(&request.url).await?;
        self.follow(with(&request, &proof), pace).await
    }

    async fn proof(&self, url: &Url) -> Result<HeaderMap, Trouble> {
        self.credentials.headers(url).await.map_err(|failure| Trouble {
            retry_after_seconds: failure.retry_after_seconds,
            ..Trouble::new("tool_credentials", failure.to_string(), failure.retryable, Acted::No)
        })
    }

    /// Sends, and goes where it is sent on to within its own host: other redirects are refused by what refuses them.
    async fn follow(&self, mut request: Request, pace: Pace) -> Result<Streaming, Trouble> {
        for _ in 0..MAX_HOPS {
            let answer = self.client.stream(request.clone(), pace).await?;
            if !answer.status.is_redirection() {
                return Ok(answer);
            }
            request.url = self.sent_on(&request.url, &answer)?;
        }
        Err(Trouble::protocol(format!("more than {MAX_HOPS} redirects")))
    }

    fn sent_on(&self, from: &Url, answer: &Streaming) -> Result<Url, Trouble> {
        let location = answer
            .headers
            .get(header::LOCATION)
            .and_then(|value| value.to_str().ok());
        let next = location.and_then(|location| from.join(location).ok());
        let next = next.ok_or_else(|| Trouble::protocol("a redirect leads to no URL"))?;
        self.client.check(&next)?;
        let keeps_method = matches!(
            answer.status,
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
        );
        if keeps_method && next.origin() == from.origin() {
            Ok(next)
        } else {
            Err(Trouble::protocol(format!(
                "the server answered {} instead of the protocol",
                answer.status.as_u16()
            )))
        }
    }

    async fn post(
        &self,
        uri: &str,
        message: &ClientJsonRpcMessage,
        session: Option<&str>,
        own: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Failed> {
        let id = id_of(message);
        if let Some(id) = &id {
            self.notes.asked(id);
        }
        let mut headers = self.headers(own, session);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
        let total = Duration::from_secs_f64(self.server.longest_timeout()).max(LONGEST_CALL) + SLACK;
        let request = Request {
            headers,
            body: serde_json::to_vec(message)?.into(),
            ..Request::new(Method::POST, url(uri)?, total)
        };
        let pace = Pace {
            first_byte: total,
            idle: total,
        };
        let mut answer = self.send(request, pace).await.map_err(Failed::Client)?;
        let new_session = answer
            .headers
            .get(SESSION)
            .and_then(|v| v.to_str().ok())
            .map(str::to_owned);
        let Some(id) = id else {
            return match answer.status {
                status if status.is_success() => Ok(StreamableHttpPostResponse::Accepted),
                StatusCode::NOT_FOUND if session.is_some() => Err(Failed::SessionExpired),
                status => Err(Failed::Client(refused(status, ""))),
            };
        };
        if answer.status == StatusCode::NOT_FOUND && session.is_some() {
            return Err(Failed::SessionExpired);
        }
        if !answer.status.is_success() {
            let json = is(&answer, JSON);
            return rejected(answer, message, id, json, session.is_some()).await;
        }
        if is(&answer, EVENTS) {
            return Ok(StreamableHttpPostResponse::Sse(
                self.events(answer, Some(id)),
                new_session,
            ));
        }
        if matches!(answer.status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
            return Ok(StreamableHttpPostResponse::Accepted);
        }
        if !is(&answer, JSON) {
            return Err(Failed::Client(Trouble::bad_response(
                "the server answered neither JSON nor events",
            )));
        }
        let body = answer.rest().await.map_err(|error| Failed::Client(error.into()))?;
        let unreadable = |_| {
            Failed::Client(Trouble::bad_response(
                "the server answered what is no message of the protocol",
            ))
        };
        let answered = serde_json::from_slice::<ServerJsonRpcMessage>(&body).map_err(unreadable)?;
        if answers_another(&answered, &id) {
            return Err(Failed::Client(Trouble::bad_response(
                "the server answered under an id that was not asked",
            )));
        }
        Ok(StreamableHttpPostResponse::Json(answered, new_session))
    }

    /// The events of an answer. What ends or spoils them is noted for the question `id`, since the protocol's own
    /// reading tells only that they ended.
    fn events(&self, answer: Streaming, id: Option<RequestId>) -> Events {
        let notes = self.notes.clone();
        let read = {
            let (notes, id) = (notes.clone(), id.clone());
            move |mut answer: Streaming| {
                let (notes, id) = (notes.clone(), id.clone());
                async move {
                    match answer.chunk().await {
                        Ok(chunk) => Ok(chunk.map(|chunk| (chunk, answer))),
                        Err(error) => {
                            let trouble = Trouble::from(error);
                            if let Some(id) = &id {
                                notes.about(id, trouble.clone());
                            }
                            Err(trouble)
                        }
                    }
                }
            }
        };
        let bytes = futures::stream::try_unfold(answer, read);
        let events = SseStream::from_bytes_stream(bytes.boxed());
        let seen = events.inspect(move |event| {
            if let (Some(id), Ok(event)) = (&id, event) {
                look(event, id, &notes);
            }
        });
        seen.boxed()
    }
}

impl StreamableHttpClient for GuardedHttp {
    type Error = Trouble;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        _: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Failed> {
        self.post(&uri, &message, session_id.as_deref(), custom_headers).await
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        _: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Failed> {
        let headers = self.headers(custom_headers, Some(&session_id));
        let request = Request {
            headers,
            ..Request::new(Method::DELETE, url(&uri)?, FAREWELL)
        };
        let pace = Pace {
            first_byte: FAREWELL,
            idle: FAREWELL,
        };
        let answer = self.send(request, pace).await.map_err(Failed::Client)?;
        match answer.status {
            StatusCode::METHOD_NOT_ALLOWED => Err(Failed::ServerDoesNotSupportDeleteSession),
            status if status.is_success() => Ok(()),
            status => Err(Failed::Client(refused(status, ""))),
        }
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        _: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<Events, Failed> {
        let mut headers = self.headers(custom_headers, session_id.as_deref());
        if let Some(event) = last_event_id.and_then(|event| HeaderValue::from_str(&event).ok()) {
            headers.insert(LAST_EVENT, event);
        }
        let request = Request {
            headers,
            ..Request::new(Method::GET, url(&uri)?, STREAM_TOTAL)
        };
        let pace = Pace {
            first_byte: STREAM_IDLE,
            idle: STREAM_IDLE,
        };
        let answer = self.send(request, pace).await.map_err(Failed::Client)?;
        match answer.status {
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_FOUND | StatusCode::NOT_IMPLEMENTED => {
                Err(Failed::ServerDoesNotSupportSse)
            }
            status if status.is_success() && is(&answer, EVENTS) => Ok(self.events(answer, None)),
            status => Err(Failed::Client(refused(status, ""))),
        }
    }
}

/// An answer that is no success. To the first question it may mean that the server knows only earlier revisions.
async fn rejected(
    mut answer: Streaming,
    message: &ClientJsonRpcMessage,
    id: RequestId,
    json: bool,
    in_session: bool,
) -> Result<StreamableHttpPostResponse, Failed> {
    let status = answer.status;
    let body = if json {
        answer.rest().await.unwrap_or_default()
    } else {
        Default::default()
    };
    let said = match serde_json::from_slice::<ServerJsonRpcMessage>(&body) {
        Ok(ServerJsonRpcMessage::Error(error)) => Some(error.error),
        _ => None,
    };
    let denied = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    let first = !in_session && is_discovery(message) && status.is_client_error() && !denied;
    let error = match said {
        Some(error) if !denied => error,
        None if first => ErrorData::invalid_request("no such method", None),
        Some(error) => return Err(Failed::Client(refused(status, &error.message))),
        None => return Err(Failed::Client(refused(status, ""))),
    };
    Ok(StreamableHttpPostResponse::Json(
        ServerJsonRpcMessage::error(error, Some(id)),
        None,
    ))
}

/// What a status that is no success says.
fn refused(status: StatusCode, said: &str) -> Trouble {
    let said = if said.is_empty() {
        String::new()
    } else {
        format!(": {said}")
    };
    let message = format!("the server answered {}{said}", status.as_u16());
    match status.as_u16() {
        425 | 429 => Trouble::new("tool_unavailable", message, true, Acted::No),
        408 | 500.. => Trouble::new("tool_unavailable", message, true, Acted::Maybe),
        _ => Trouble::new("tool_rejected", message, false, Acted::Refused),
    }
}

/// Notes what the reading of the protocol passes over: events that are no messages, and answers to nobody.
fn look(event: &Sse, id: &RequestId, notes: &Notes) {
    let is_message = matches!(event.event.as_deref(), None | Some("" | "message"));
    let Some(data) = event
        .data
        .as_deref()
        .filter(|data| is_message && !data.trim().is_empty())
    else {
        return;
    };
    match serde_json::from_str::<Envelope>(data) {
        Err(_) => notes.about(
            id,
            Trouble::bad_response("the server sent what is no message of the protocol"),
        ),
        Ok(Envelope {
            id: Some(other),
            method: None,
        }) if notes.never_asked(&other) => {
            notes.about(
                id,
                Trouble::bad_response("the server answered under an id that was not asked"),
            );
        }
        Ok(_) => {}
    }
}

#[derive(Deserialize)]
struct Envelope {
    id: Option<RequestId>,
    method: Option<String>,
}

fn answers_another(message: &ServerJsonRpcMessage, asked: &RequestId) -> bool {
    match message {
        ServerJsonRpcMessage::Response(response) => !same(asked, &response.id),
        ServerJsonRpcMessage::Error(error) => error.id.as_ref().is_some_and(|id| !same(asked, id)),
        ServerJsonRpcMessage::Request(_) | ServerJsonRpcMessage::Notification(_) => true,
    }
}

fn id_of(message: &ClientJsonRpcMessage) -> Option<RequestId> {
    match message {
        ClientJsonRpcMessage::Request(request) => Some(request.id.clone()),
        _ => None,
    }
}

fn is_discovery(message: &ClientJsonRpcMessage) -> bool {
    matches!(message, ClientJsonRpcMessage::Request(request) if matches!(request.request, ClientRequest::DiscoverRequest(_)))
}

fn is(answer: &Streaming, media_type: &str) -> bool {
    let value = answer
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(media_type)
}

fn url(uri: &str) -> Result<Url, Failed> {
    Url::parse(uri).map_err(|_| Failed::Client(Trouble::protocol("the URL of the server is none")))
}

fn with(request: &Request, proof: &HeaderMap) -> Request {
    let mut request = request.clone();
    request.headers.extend(proof.clone());
    request
}
