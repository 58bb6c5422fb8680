//! A server of the Model Context Protocol over HTTP whose tools change as a test wants it: of the current revision, or
//! of an earlier one that begins with a handshake.
//!
//! | tool | does |
//! |---|---|
//! | `ask` | asks for a size, then acts |
//! | `echo` | says what credential it was sent |
//! | `moved` | sends the call on to another host |
//! | any other | says what it was told to say of the item, or its name |

#![expect(
    clippy::indexing_slicing,
    reason = "a member that is not there is null, which no test takes for what it wants"
)]

use anyhow::Result;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::channel::{mpsc, oneshot};
use futures::{Stream, StreamExt as _, stream};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The question of `ask`.
pub const QUESTION: &str = "Which size?";
/// Where a subscription's messages bear whose they are.
const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// What a server speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Revision {
    /// 2026-07-28: questions come as results, changes on a subscription.
    Current,
    /// 2025-06-18: questions come as requests, changes on the session's own stream.
    Handshake,
}

/// A running server. Dropping it closes its port.
pub struct McpServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

/// What a server is like.
pub struct Character {
    /// What it speaks.
    pub revision: Revision,
    /// Whether an `authorization` header is accepted; others get 401.
    pub lets_in: fn(&str) -> bool,
    /// Where `moved` leads.
    pub elsewhere: String,
}

/// A message as it came.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body; null for none.
    pub body: Value,
    /// Whether it was answered with 401.
    pub refused: bool,
}

struct Shared {
    character: Character,
    state: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    tools: Vec<Value>,
    messages: Vec<Message>,
    acted: Vec<Value>,
    /// By item.
    says: BTreeMap<String, String>,
    listeners: Vec<(Value, mpsc::UnboundedSender<String>)>,
    /// Of sessions, by the id of the question.
    questions: BTreeMap<String, oneshot::Sender<Value>>,
    asked: u64,
}

/// A tool that takes an item.
pub fn tool(name: &str, description: &str) -> Value {
    let schema = json!({"type": "object", "properties": {"item": {"type": "string"}}});
    json!({"name": name, "description": description, "inputSchema": schema})
}

impl McpServer {
    /// Listens on a free loopback port.
    ///
    /// # Errors
    /// No port.
    pub async fn start(character: Character, tools: Vec<Value>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let state = Mutex::new(Told {
            tools,
            ..Told::default()
        });
        let shared = Arc::new(Shared { character, state });
        let router = Router::new().fallback(take).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("mcp server: {error}");
            }
        });
        Ok(Self {
            address,
            shared,
            server,
        })
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// Has other tools from now on, and says so to whoever listens.
    pub fn change(&self, tools: Vec<Value>) {
        let mut told = self.shared.lock();
        told.tools = tools;
        told.listeners.retain(|(meta, listener)| {
            let params = json!({"_meta": meta});
            let changed = json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": params});
            listener.unbounded_send(event(&changed)).is_ok()
        });
    }

    /// Answers calls for `item` with these words from now on.
    pub fn say(&self, item: &str, words: &str) {
        self.shared.lock().says.insert(item.to_owned(), words.to_owned());
    }

    /// Everything it was told, oldest first.
    pub fn messages(&self) -> Vec<Message> {
        self.shared.lock().messages.clone()
    }

    /// Parameters of all calls of a tool for `item`, those that were answered with 401 included.
    pub fn calls(&self, tool: &str, item: &str) -> Vec<Value> {
        let calls = self
            .messages()
            .into_iter()
            .map(|message| message.body["params"].clone());
        calls
            .filter(|params| params["name"] == tool && params["arguments"]["item"] == item)
            .collect()
    }

    /// What `ask` did for `item`: its answers.
    pub fn acted(&self, item: &str) -> Vec<Value> {
        let acted = self.shared.lock().acted.clone();
        let of_item = acted.into_iter().filter(|act| act["item"] == item);
        of_item.map(|act| act["answer"].clone()).collect()
    }
}

impl Drop for McpServer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Told> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody who is told of changes, and how the messages are marked as theirs.
    fn listen(&self, meta: &Value) -> mpsc::UnboundedReceiver<String> {
        let (sender, receiver) = mpsc::unbounded();
        self.lock().listeners.push((meta.clone(), sender));
        receiver
    }

    /// What `ask` does once it is answered.
    fn act(&self, params: &Value, answer: &Value) -> Value {
        let item = &params["arguments"]["item"];
        match answer["action"].as_str() {
            Some("accept") => {
                self.lock().acted.push(json!({"item": item, "answer": answer}));
                let size = answer["content"]["size"].as_str().unwrap_or_default();
                text(&format!("{} of size {size}", item.as_str().unwrap_or_default()))
            }
            Some(action) => text(&format!("nothing was done: {action}")),
            None => text("nothing was done"),
        }
    }
}

async fn take(State(shared): State<Arc<Shared>>, method: Method, headers: HeaderMap, body: Bytes) -> Response {
    let credential = headers.get("authorization").and_then(|value| value.to_str().ok());
    let credential = credential.unwrap_or_default().to_owned();
    let asked: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let refused = !(shared.character.lets_in)(&credential);
    shared.lock().messages.push(Message {
        headers,
        body: asked.clone(),
        refused,
    });
    if refused {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    match method {
        Method::POST => answer(&shared, &asked, &credential),
        Method::GET if shared.character.revision == Revision::Handshake => events(shared.listen(&json!({}))),
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

fn answer(shared: &Arc<Shared>, asked: &Value, credential: &str) -> Response {
    let (id, params) = (&asked["id"], &asked["params"]);
    let current = shared.character.revision == Revision::Current;
    let capabilities = json!({"tools": {"listChanged": true}});
    match asked["method"].as_str() {
        Some("server/discover") if current => result(
            id,
            &json!({
                "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": capabilities, "ttlMs": 0,
                "cacheScope": "private",
            }),
        ),
        Some("server/discover") => (StatusCode::BAD_REQUEST, "no session").into_response(),
        Some("initialize") => {
            let info = json!({"name": "scripted", "version": "1"});
            let agreed = json!({"protocolVersion": "2025-06-18", "capabilities": capabilities, "serverInfo": info});
            ([("mcp-session-id", "session-1")], result(id, &agreed)).into_response()
        }
        Some("subscriptions/listen") => {
            let meta = json!({SUBSCRIPTION: id});
            let heard = json!({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged",
                "params": {"_meta": meta, "notifications": params["notifications"]}});
            events(stream::iter([event(&heard)]).chain(shared.listen(&meta)))
        }
        Some("tools/list") => result(id, &json!({"tools": shared.lock().tools})),
        Some("tools/call") => called(shared, id, params, credential),
        Some(_) => StatusCode::ACCEPTED.into_response(),
        None => {
            let question = asked["id"].as_str().unwrap_or_default();
            if let Some(asker) = shared.lock().questions.remove(question) {
                // Who asked may be gone.
                drop(asker.send(asked["result"].clone()));
            }
            StatusCode::ACCEPTED.into_response()
        }
    }
}

fn called(shared: &Arc<Shared>, id: &Value, params: &Value, credential: &str) -> Response {
    match params["name"].as_str().unwrap_or_default() {
        "echo" => result(id, &text(&format!("sent with {credential}"))),
        "moved" => {
            let location = [("location", shared.character.elsewhere.clone())];
            (StatusCode::TEMPORARY_REDIRECT, location).into_response()
        }
        "ask" if shared.character.revision == Revision::Handshake => ask_within(shared, id, params),
        "ask" => result(id, &ask_back(shared, params)),
        name => {
            let item = params["arguments"]["item"].as_str().unwrap_or_default();
            let words = shared.lock().says.get(item).cloned();
            result(id, &text(words.as_deref().unwrap_or(name)))
        }
    }
}

/// As servers of the current revision ask: the call is over, and comes again with the answer and this state.
fn ask_back(shared: &Shared, params: &Value) -> Value {
    let state = format!("state of {}", params["arguments"]["item"]);
    let answer = &params["inputResponses"]["size"];
    if params["requestState"] == state.as_str() && answer.is_object() {
        return shared.act(params, answer);
    }
    let request = json!({"method": "elicitation/create", "params": question()});
    json!({"resultType": "input_required", "requestState": state, "inputRequests": {"size": request}})
}

/// As servers of earlier revisions ask: while the call stays open.
fn ask_within(shared: &Arc<Shared>, id: &Value, params: &Value) -> Response {
    let (asker, answer) = oneshot::channel();
    let mut told = shared.lock();
    told.asked += 1;
    let name = format!("question-{}", told.asked);
    told.questions.insert(name.clone(), asker);
    drop(told);
    let asks = json!({"jsonrpc": "2.0", "id": name, "method": "elicitation/create", "params": question()});
    let (shared, id, params) = (Arc::clone(shared), id.clone(), params.clone());
    let ending = stream::once(async move {
        let answer = answer.await.unwrap_or(Value::Null);
        event(&json!({"jsonrpc": "2.0", "id": id, "result": shared.act(&params, &answer)}))
    });
    events(stream::iter([event(&asks)]).chain(ending))
}

fn question() -> Value {
    let schema = json!({"type": "object", "properties": {"size": {"type": "string"}}, "required": ["size"]});
    json!({"mode": "form", "message": QUESTION, "requestedSchema": schema})
}

fn text(text: &str) -> Value {
    json!({"content": [{"type": "text", "text": text}]})
}

fn event(message: &Value) -> String {
    format!("data: {message}\n\n")
}

fn events(events: impl Stream<Item = String> + Send + 'static) -> Response {
    let body = Body::from_stream(events.map(Ok::<_, Infallible>));
    ([("content-type", "text/event-stream")], body).into_response()
}

fn result(id: &Value, result: &Value) -> Response {
    axum::Json(json!({"jsonrpc": "2.0", "id": id, "result": result})).into_response()
}
