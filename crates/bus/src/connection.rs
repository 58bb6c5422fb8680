//! The connection to NATS: made in the background, kept for ever, observable.

use crate::names::{InvalidName, Names};
use async_nats::connection::State;
use async_nats::jetstream::context::{Context, ContextBuilder};
use async_nats::{Client, ConnectOptions, Event};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// Wait for a JetStream answer or an acknowledgement of storage.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Publications under way at once; above the largest burst, since the client waits silently beyond.
const MAX_ACK_INFLIGHT: usize = 20_000;
/// Longest pause between two attempts to connect.
const MAX_RECONNECT_DELAY: Duration = Duration::from_secs(1);
/// A dead peer is noticed after two unanswered pings.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// Where NATS is and what this process is called there.
#[derive(Clone, PartialEq, Eq)]
pub struct BusConfig {
    /// `nats://host:port`, several separated by commas.
    pub url: String,
    /// With a password: who we are.
    pub user: Option<String>,
    /// Never logged.
    pub password: Option<String>,
    /// First element of every subject.
    pub prefix: String,
    /// The connection's name, for operators.
    pub name: String,
}

impl std::fmt::Debug for BusConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BusConfig")
            .field("url", &self.url)
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| "***"))
            .field("prefix", &self.prefix)
            .field("name", &self.name)
            .finish()
    }
}

/// Why a bus could not be set up. An unreachable server is no reason: it is waited for.
#[derive(thiserror::Error, Debug)]
pub enum ConnectError {
    /// The configured prefix cannot begin a subject.
    #[error("the NATS prefix is not usable")]
    Prefix(#[source] InvalidName),
    /// The address or the credentials cannot be used at all.
    #[error("cannot connect to NATS at {url}")]
    Options {
        /// The address as configured.
        url: String,
        /// What the client says.
        #[source]
        source: async_nats::ConnectError,
    },
}

/// State of the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Connection {
    /// The server answers, as far as is known.
    pub up: bool,
    /// How many times a connection was made. Rises with each reconnect.
    pub generation: u64,
}

/// A handle on NATS; clones share one connection.
#[derive(Clone)]
pub struct Bus {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    context: Context,
    names: Names,
    connection: watch::Receiver<Connection>,
    stream_created: watch::Sender<Option<(u64, i64)>>,
}

impl Bus {
    /// Begins to connect and returns at once; attempts go on for ever in the background.
    ///
    /// # Errors
    /// When the configuration can never work.
    pub async fn connect(config: &BusConfig) -> Result<Self, ConnectError> {
        let names = Names::new(&config.prefix).map_err(ConnectError::Prefix)?;
        let (state, connection) = watch::channel(Connection::default());
        let mut options = ConnectOptions::new()
            .name(&config.name)
            .retry_on_initial_connect()
            .max_reconnects(None)
            .reconnect_delay_callback(reconnect_delay)
            .connection_timeout(REQUEST_TIMEOUT)
            .request_timeout(Some(REQUEST_TIMEOUT))
            .ping_interval(PING_INTERVAL)
            .event_callback(move |event| {
                note(&state, &event);
                std::future::ready(())
            });
        if let (Some(user), Some(password)) = (&config.user, &config.password) {
            options = options.user_and_password(user.clone(), password.clone());
        }
        let servers: Vec<&str> = config.url.split(',').map(str::trim).collect();
        let client = options.connect(servers).await.map_err(|source| ConnectError::Options {
            url: config.url.clone(),
            source,
        })?;
        let context = ContextBuilder::new()
            .timeout(REQUEST_TIMEOUT)
            .ack_timeout(REQUEST_TIMEOUT)
            .max_ack_inflight(MAX_ACK_INFLIGHT)
            .build(client.clone());
        let inner = Inner {
            client,
            context,
            names,
            connection,
            stream_created: watch::Sender::new(None),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The names in use.
    pub fn names(&self) -> &Names {
        &self.inner.names
    }

    /// Whether the server answers, as far as is known.
    pub fn is_connected(&self) -> bool {
        self.inner.client.connection_state() == State::Connected
    }

    /// Follows the connection; `generation` rises with every (re)connect.
    pub fn watch_connection(&self) -> watch::Receiver<Connection> {
        self.inner.connection.clone()
    }

    /// Returns once there is a connection.
    pub async fn connected(&self) {
        let mut connection = self.watch_connection();
        while !self.is_connected() {
            // The client drops events when it has many; so the state is looked at now and then too.
            drop(timeout(MAX_RECONNECT_DELAY, connection.wait_for(|state| state.up)).await);
        }
    }

    /// The server knows many messages with one acknowledgement: NATS 2.14 or later.
    pub fn takes_bursts(&self) -> bool {
        self.inner.client.is_server_compatible(2, 14, 0)
    }

    /// The JetStream context, for what has no function here.
    pub fn jetstream(&self) -> &Context {
        &self.inner.context
    }

    /// The client, for what has no function here.
    pub fn client(&self) -> &Client {
        &self.inner.client
    }

    pub(crate) fn generation(&self) -> u64 {
        self.inner.connection.borrow().generation
    }

    /// Creation time of the work stream, with the generation it was read in.
    pub(crate) fn stream_created_cache(&self) -> &watch::Sender<Option<(u64, i64)>> {
        &self.inner.stream_created
    }
}

fn reconnect_delay(attempt: usize) -> Duration {
    let doublings = u32::try_from(attempt.min(6)).unwrap_or(6);
    Duration::from_millis(25)
        .saturating_mul(2_u32.saturating_pow(doublings))
        .min(MAX_RECONNECT_DELAY)
}

fn note(state: &watch::Sender<Connection>, event: &Event) {
    match event {
        Event::Connected => {
            tracing::info!("connected to NATS");
            state.send_modify(|connection| {
                connection.up = true;
                connection.generation = connection.generation.saturating_add(1);
            });
        }
        Event::Disconnected | Event::Closed => {
            tracing::warn!("disconnected from NATS");
            state.send_modify(|connection| connection.up = false);
        }
        other => tracing::warn!(event = %other, "NATS connection"),
    }
}
