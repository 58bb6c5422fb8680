//! A model provider on loopback that speaks OpenAI's Chat Completions and Anthropic's Messages, does what it is
//! told, and remembers what it was asked.

mod content;
mod protocol;

pub use content::SENTENCE;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde_json::Value;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What the server does with one call.
#[derive(Clone, Debug, PartialEq)]
pub enum Say {
    /// Answers as well as it can: JSON by the schema asked for, else text.
    Well,
    /// The same without streaming, whatever was asked.
    Whole,
    /// The same, in a code fence.
    Fenced,
    /// The same, cut off in the middle.
    CutOff,
    /// The same, with a pause before each piece.
    Slowly(Duration),
    /// The same, with numbers that cannot be true.
    WrongUsage,
    /// The same, without numbers.
    NoUsage,
    /// These words.
    Words(String),
    /// The same, with a pause before each piece.
    SlowWords(Duration, String),
    /// It does not want to.
    Refuses,
    /// This status with this `Retry-After`.
    Fails(u16, Option<&'static str>),
    /// This body.
    Raw {
        /// Status.
        status: u16,
        /// `content-type`.
        content_type: String,
        /// As it is.
        body: String,
    },
    /// Begins a stream, and breaks the connection.
    HangsUp,
    /// Begins a stream, and says no more.
    Stalls,
    /// Nothing, for ever.
    Silent,
}

/// A call that arrived.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Path.
    pub path: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Value,
    /// Since the server started.
    pub at: Duration,
}

/// A running server. Dropping it closes its port.
#[derive(Debug)]
pub struct ModelServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    started: Instant,
    state: Mutex<Orders>,
}

/// What is said to a call, given its body and what a model that works well would say; none: as ordered.
pub type Temper = fn(&Value, &str) -> Option<Say>;

#[derive(Debug)]
struct Orders {
    temper: Option<Temper>,
    /// The name that answers bear; none: as it was asked for.
    name: Option<String>,
    next: VecDeque<Say>,
    otherwise: Say,
    asked: Vec<Asked>,
}

impl ModelServer {
    /// Listens on a free loopback port and answers well.
    ///
    /// # Errors
    /// No port.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            started: Instant::now(),
            state: Mutex::new(Orders {
                temper: None,
                name: None,
                next: VecDeque::new(),
                otherwise: Say::Well,
                asked: Vec::new(),
            }),
        });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("the model server ends: {error}");
            }
        });
        Ok(Self {
            address,
            shared,
            server,
        })
    }

    /// Base URL for either protocol.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// What to do with the next calls, one each; what comes after them is as before.
    pub fn next(&self, says: impl IntoIterator<Item = Say>) {
        self.shared.orders().next.extend(says);
    }

    /// What to do with all other calls.
    pub fn always(&self, say: Say) {
        self.shared.orders().otherwise = say;
    }

    /// Lets what is asked decide what is said.
    pub fn tempered(&self, temper: Temper) {
        self.shared.orders().temper = Some(temper);
    }

    /// Has every answer say that this model gave it, whichever was asked for.
    pub fn answering_as(&self, name: &str) {
        self.shared.orders().name = Some(name.to_owned());
    }

    /// Every call so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.orders().asked.clone()
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap, body: String) -> Response<Body> {
    let mut body: Value = serde_json::from_str(&body).unwrap_or(Value::Null);
    let say = {
        let mut orders = shared.orders();
        orders.asked.push(Asked {
            path: uri.path().to_owned(),
            headers,
            body: body.clone(),
            at: shared.started.elapsed(),
        });
        let tempered = orders.temper.and_then(|temper| temper(&body, &content::of(&body)));
        let next = tempered.or_else(|| orders.next.pop_front());
        if let (Some(name), Value::Object(members)) = (orders.name.clone(), &mut body) {
            members.insert("model".to_owned(), name.into());
        }
        next.unwrap_or_else(|| orders.otherwise.clone())
    };
    protocol::answer(uri.path(), &body, say).await
}
