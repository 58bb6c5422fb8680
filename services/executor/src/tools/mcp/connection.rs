//! One connection to a server: opening it, and asking over it.

use super::elicitation::{OpenCall, OpenCalls};
use super::handler::Handler;
use super::http::GuardedHttp;
use super::process::Process;
use super::stdio::Stdio;
use super::trouble::{Acted, Notes, Trouble};
use crate::credentials::Redactor;
use crate::effects::Question;
use rmcp::model::{
    CancelledNotificationParam, ClientRequest, ListToolsRequest, PaginatedRequestParams, ProtocolVersion, RequestId,
    RequestMetaObject, ServerResult, Tool,
};
use rmcp::service::{
    ClientInitializeError, ClientLifecycleMode, Peer, PeerRequestOptions, RoleClient, RunningService, ServiceError,
    serve_client_with_lifecycle_and_ct,
};
use rmcp::transport::streamable_http_client::{StreamableHttpClientTransportConfig, StreamableHttpError};
use rmcp::transport::{DynamicTransportError, StreamableHttpClientTransport};
use serde_json::{Map, Value};
use service::config::{McpEndpoint, McpServerConfig};
use std::error::Error;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

/// For starting a server and agreeing on a revision: some are downloaded when they are first started.
const OPENING: Duration = Duration::from_secs(60);
/// For telling a server that nobody waits any more.
const FAREWELL: Duration = Duration::from_secs(5);
/// Tools a server may list; of these the operator chooses.
const MAX_TOOLS: usize = 2_000;
/// Parts of the list of its tools.
const MAX_PAGES: usize = 50;

/// Which revisions are tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Revisions {
    /// The current one, then those with a handshake.
    All,
    /// Those with a handshake: for servers that end when they are asked anything else first.
    Handshake,
}

/// An open connection. Cheap to clone.
#[derive(Clone)]
pub struct Connection {
    peer: Peer<RoleClient>,
    notes: Notes,
    calls: OpenCalls,
}

/// What came of a question.
#[derive(Debug)]
pub enum Heard {
    /// The answer.
    Answer(Box<ServerResult>),
    /// A question in return.
    Question(Question),
}

/// An open connection, and what keeps it open.
pub struct Opened {
    pub connection: Connection,
    pub service: RunningService<RoleClient, Handler>,
}

/// Opens a connection; cancelling `until` closes it.
///
/// # Errors
/// [`Trouble`].
pub async fn open(
    server: &McpServerConfig,
    http: Option<&GuardedHttp>,
    redactor: &Redactor,
    handler: Handler,
    revisions: Revisions,
    until: CancellationToken,
) -> Result<Opened, Trouble> {
    let notes = Notes::default();
    let calls = handler.calls.clone();
    let mode = lifecycle(revisions);
    let opening = async {
        match (server.endpoint(), http) {
            (Some(McpEndpoint::Command(program, arguments)), _) => {
                let (process, pipes) = Process::start(&server.name, program, arguments, &server.env, redactor)
                    .map_err(|error| Trouble::away(&server.name, &told(&error)))?;
                tracing::info!(server = server.name, pid = process.id(), "started");
                let line = usize::try_from(server.max_response_bytes).unwrap_or(usize::MAX);
                let transport = Stdio::new(process, pipes, line, notes.clone());
                let opened = serve_client_with_lifecycle_and_ct(handler, transport, mode, until).await;
                opened.map_err(|error| not_opened(&server.name, &error))
            }
            (Some(McpEndpoint::Url(url)), Some(http)) => {
                let config = StreamableHttpClientTransportConfig::with_uri(url)
                    .max_concurrent_requests(usize::try_from(server.max_concurrency).unwrap_or(1).saturating_add(2));
                let transport = StreamableHttpClientTransport::with_client(http.noting(notes.clone()), config);
                let opened = serve_client_with_lifecycle_and_ct(handler, transport, mode, until).await;
                opened.map_err(|error| not_opened(&server.name, &error))
            }
            _ => Err(Trouble::away(&server.name, "it has neither a command nor a url")),
        }
    };
    let service = timeout(OPENING, opening)
        .await
        .unwrap_or_else(|_| Err(Trouble::timeout(OPENING)))?;
    let connection = Connection {
        peer: service.peer().clone(),
        notes,
        calls,
    };
    Ok(Opened { connection, service })
}

fn lifecycle(revisions: Revisions) -> ClientLifecycleMode {
    match revisions {
        Revisions::All => ClientLifecycleMode::Auto {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
            legacy_version: Some(ProtocolVersion::LATEST_WITH_INITIALIZE),
        },
        Revisions::Handshake => ClientLifecycleMode::Initialize,
    }
}

impl Connection {
    /// The other end.
    pub fn peer(&self) -> &Peer<RoleClient> {
        &self.peer
    }

    /// It began with a handshake, as earlier revisions do.
    pub fn has_handshake(&self) -> bool {
        let info = self.peer.peer_info();
        info.is_none_or(|info| info.protocol_version.has_initialize())
    }

    /// Asks and waits for the answer until `deadline`. Whoever stops waiting earlier takes the question back.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn ask(&self, request: ClientRequest, deadline: Instant) -> Result<ServerResult, Trouble> {
        match self.call(request, None, None, deadline).await? {
            Heard::Answer(answer) => Ok(*answer),
            Heard::Question(_) => Err(Trouble::protocol("the server asks before it answers")),
        }
    }

    /// The same for a call; with `answers` the server may ask in return.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn call(
        &self,
        request: ClientRequest,
        meta: Option<RequestMetaObject>,
        answers: Option<Map<String, Value>>,
        deadline: Instant,
    ) -> Result<Heard, Trouble> {
        let began = Instant::now();
        let late = || Trouble::timeout(deadline.saturating_duration_since(began));
        let options = meta.map_or_else(PeerRequestOptions::no_options, |meta| {
            PeerRequestOptions::no_options().with_meta(meta)
        });
        let sending = self.peer.send_request_with_option(request, options);
        let sent = timeout_at(deadline, sending).await.map_err(|_| late())?;
        let handle = sent.map_err(|error| self.trouble_of(error))?;
        // Held to the end: whether or not the server may ask, the other side of it is there.
        let (asked, mut asks) = mpsc::unbounded_channel();
        if let Some(answers) = answers {
            let asked = asked.clone();
            self.calls.open(&handle.id, OpenCall { answers, asked });
        }
        let open = Open {
            connection: self,
            id: handle.id,
            answered: false,
        };
        let answer = tokio::select! {
            answer = timeout_at(deadline, handle.rx) => answer,
            Some(question) = asks.recv() => return Ok(Heard::Question(question)),
        };
        match answer {
            Err(_) => Err(self.notes.closed(&open.id).unwrap_or_else(late)),
            Ok(answer) => {
                let noticed = open.answered();
                match answer {
                    Ok(Ok(result)) => Ok(Heard::Answer(Box::new(result))),
                    Ok(Err(error)) => Err(noticed.unwrap_or_else(|| self.trouble_of(error))),
                    Err(_) => Err(noticed.unwrap_or_else(Trouble::lost)),
                }
            }
        }
    }

    /// All tools of the server.
    ///
    /// # Errors
    /// [`Trouble`], also for more than anybody can use.
    pub async fn tools(&self, deadline: Instant) -> Result<Vec<Tool>, Trouble> {
        let mut tools = Vec::new();
        let mut cursor = None;
        for _ in 0..MAX_PAGES {
            let params = PaginatedRequestParams::default().with_cursor(cursor.take());
            let request = ListToolsRequest {
                method: Default::default(),
                params: Some(params),
                extensions: Default::default(),
            };
            let page = self.ask(ClientRequest::ListToolsRequest(request), deadline).await?;
            let (page, next) = page_of(page)?;
            tools.extend(page);
            if tools.len() > MAX_TOOLS {
                return Err(too_many(format!("more than {MAX_TOOLS} tools")));
            }
            let Some(next) = next else { return Ok(tools) };
            cursor = Some(next);
        }
        Err(too_many(format!("its tools in more than {MAX_PAGES} parts")))
    }

    fn trouble_of(&self, error: ServiceError) -> Trouble {
        match error {
            ServiceError::McpError(error) => Trouble::refused(&error),
            ServiceError::TransportSend(error) => beneath(&error).unwrap_or_else(Trouble::lost),
            ServiceError::UnexpectedResponse => Trouble::bad_response("the server answered something else"),
            _ => Trouble::lost(),
        }
    }
}

/// A question that is open.
struct Open<'a> {
    connection: &'a Connection,
    id: RequestId,
    answered: bool,
}

impl Open<'_> {
    /// The server need not be told that nobody waits; what was noticed about the question.
    fn answered(mut self) -> Option<Trouble> {
        self.answered = true;
        self.connection.notes.closed(&self.id)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.connection.calls.close(&self.id);
        self.connection.notes.closed(&self.id);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if self.answered {
            return;
        }
        let (peer, id) = (self.connection.peer.clone(), self.id.clone());
        runtime.spawn(async move {
            let reason = Some("nobody waits for it any more".to_owned());
            let notice = CancelledNotificationParam::new(Some(id), reason);
            drop(timeout(FAREWELL, peer.notify_cancelled(notice)).await);
        });
    }
}

fn page_of(result: ServerResult) -> Result<(Vec<Tool>, Option<String>), Trouble> {
    match result {
        ServerResult::ListToolsResult(list) => Ok((list.tools, list.next_cursor)),
        // One that is none spoils the whole for the library; the others are of use.
        ServerResult::CustomResult(custom) => {
            let list = custom.0.as_object();
            let tools = list.and_then(super::definition::tools_of);
            let tools = tools.ok_or_else(|| Trouble::bad_response("the server's list of tools is none"))?;
            let next = list
                .and_then(|list| list.get("nextCursor"))
                .and_then(|cursor| cursor.as_str());
            Ok((tools, next.map(str::to_owned)))
        }
        _ => Err(Trouble::bad_response("the server's list of tools is none")),
    }
}

fn too_many(what: String) -> Trouble {
    Trouble::new(
        "tool_response_too_large",
        format!("the server lists {what}"),
        false,
        Acted::No,
    )
}

fn not_opened(server: &str, error: &ClientInitializeError) -> Trouble {
    match error {
        ClientInitializeError::TransportError { error, .. } => {
            beneath(error).unwrap_or_else(|| Trouble::away(server, &told(error)))
        }
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => not_opened(server, fallback),
        ClientInitializeError::ConnectionClosed(_) => Trouble {
            acted: Acted::Maybe,
            ..Trouble::away(server, "it ended the connection at once")
        },
        other => Trouble::protocol(format!("the server `{server}`: {other}")),
    }
}

/// What our own client said beneath the library.
fn beneath(error: &DynamicTransportError) -> Option<Trouble> {
    let http = error.error.downcast_ref::<StreamableHttpError<Trouble>>()?;
    Some(match http {
        StreamableHttpError::Client(trouble) => trouble.clone(),
        StreamableHttpError::UnexpectedServerResponse(_) | StreamableHttpError::Deserialize(_) => {
            Trouble::bad_response("the server answered what is no message of the protocol")
        }
        _ => Trouble::lost(),
    })
}

/// An error with its causes.
pub fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
