//! Keeping a server connected and its tools known.

use super::call::offer;
use super::connection::{Connection, Opened, Revisions, open};
use super::definition::definitions;
use super::elicitation::OpenCalls;
use super::handler::Handler;
use super::server::{Live, Server};
use super::trouble::{Acted, Trouble};
use crate::discovery::Source;
use crate::tools::registry::Registry;
use crate::tools::served::Served;
use rmcp::model::SubscriptionFilter;
use service::metrics::Gauge;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Pauses before a server is tried again, and between lists of one that says that its tools changed.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// A connection that lasted so long was a good one; tools that stayed as they were for so long do not change all the
/// time.
const GOOD: Duration = Duration::from_secs(30);
/// For listing all tools of a server.
const LISTING: Duration = Duration::from_secs(60);
/// A server that says nothing is asked all the same.
const UNASKED: Duration = Duration::from_secs(300);
/// For ending a connection, its process included.
const CLOSING: Duration = Duration::from_secs(8);

/// Keeps one server until `stop`.
pub struct Supervisor {
    pub server: Arc<Server>,
    pub registry: Registry,
    pub pool: String,
    /// Asks for its tools to be listed again.
    pub source: Source,
    /// The discovery that has not been answered yet.
    pub asked: Option<u64>,
    /// 1 while it is connected.
    pub up: Gauge,
    pub stop: CancellationToken,
}

/// Pauses that double, with a part of each left to chance.
struct Backoff {
    next: Duration,
}

impl Backoff {
    fn pause(&mut self, lasted: Duration, chance: f64) -> Duration {
        if lasted >= GOOD {
            self.next = SHORTEST;
        }
        let pause = self.next.mul_f64(0.5 + chance / 2.0);
        self.next = (self.next * 2).min(LONGEST);
        pause
    }
}

impl Supervisor {
    /// Connects, serves, and connects again after every end.
    pub async fn run(mut self) {
        let name = self.server.config.name.clone();
        let mut backoff = Backoff { next: SHORTEST };
        let mut revisions = Revisions::All;
        while !self.stop.is_cancelled() {
            let began = Instant::now();
            let connected = self.connected(revisions).await;
            self.away();
            self.looked();
            if self.stop.is_cancelled() {
                return;
            }
            match connected {
                Ok(()) => tracing::warn!(server = name, "the server ended the connection"),
                Err(trouble) => {
                    let trouble = self.server.without_secrets(trouble);
                    tracing::warn!(server = name, code = trouble.code, "the server is away: {trouble}");
                    // It may have ended because it was asked in a revision it does not know.
                    revisions = match (trouble.acted, revisions) {
                        (Acted::Maybe, Revisions::All) => Revisions::Handshake,
                        _ => Revisions::All,
                    };
                }
            }
            tokio::select! {
                () = sleep(backoff.pause(began.elapsed(), fastrand::f64())) => {}
                generation = self.source.asked() => self.asked = Some(generation),
                () = self.stop.cancelled() => {}
            }
        }
    }

    /// One connection from its beginning to its end.
    async fn connected(&mut self, revisions: Revisions) -> Result<(), Trouble> {
        let handler = Handler {
            server: self.server.config.name.clone(),
            changed: Arc::clone(&self.server.changed),
            calls: OpenCalls::default(),
        };
        let (stop, close) = (self.stop.clone(), CancellationToken::new());
        let http = self.server.http.as_ref();
        let Opened { connection, service } = tokio::select! {
            opened = open(&self.server.config, http, &self.server.redactor, handler, revisions, close.clone()) => opened?,
            () = stop.cancelled() => return Ok(()),
        };
        let ended = service.waiting();
        tokio::pin!(ended);
        let outcome = tokio::select! {
            outcome = self.keep(&connection) => outcome,
            _ = &mut ended => return Ok(()),
            () = stop.cancelled() => Ok(()),
        };
        self.away();
        close.cancel();
        drop(timeout(CLOSING, ended).await);
        outcome
    }

    fn away(&self) {
        self.server.live.send_replace(None);
        self.up.set(0.0);
    }

    /// Nothing more can be found of the server for now.
    fn looked(&mut self) {
        self.server.tried.send_replace(true);
        if let Some(generation) = self.asked.take() {
            self.source.done(generation);
        }
    }

    /// Lists the tools whenever there is reason to.
    async fn keep(&mut self, connection: &Connection) -> Result<(), Trouble> {
        let changed = Arc::clone(&self.server.changed);
        let listening = listen(connection.clone(), &changed);
        tokio::pin!(listening);
        let mut backoff = Backoff { next: SHORTEST };
        let mut unchanged = Duration::ZERO;
        let mut hints = self.source.hints();
        loop {
            hints.mark_unchanged();
            self.list(connection).await?;
            self.looked();
            let (listed, pause) = (Instant::now(), backoff.pause(unchanged, 1.0));
            let told = async {
                sleep(pause).await;
                tokio::select! {
                    () = changed.notified() => {}
                    _ = hints.changed() => {}
                }
            };
            tokio::select! {
                () = told => {}
                generation = self.source.asked() => self.asked = Some(generation),
                () = sleep(UNASKED) => {}
                () = &mut listening => {}
            }
            unchanged = listed.elapsed().saturating_sub(pause);
        }
    }

    async fn list(&self, connection: &Connection) -> Result<(), Trouble> {
        let server = &self.server;
        let tools = connection.tools(Instant::now() + LISTING).await?;
        let unreadable = |_| Trouble::bad_response("nothing can be read of the tools without their secrets");
        let tools = server.redactor.message(tools).map_err(unreadable)?;
        let mut versions = std::collections::BTreeMap::new();
        let mut served = Vec::new();
        for definition in definitions(&server.config, tools, &self.pool) {
            let name = definition.name.clone();
            match Served::new(offer(server, definition)) {
                Ok(tool) => {
                    versions.insert(name, tool.spec().version_hash());
                    served.push(tool);
                }
                Err(error) => {
                    tracing::warn!(
                        server = server.config.name,
                        code = "schema_rejected",
                        "a tool is left out: {error}"
                    );
                }
            }
        }
        tracing::info!(server = server.config.name, tools = served.len(), "tools listed");
        self.registry.replace(&format!("mcp {}", server.config.name), served);
        let connection = connection.clone();
        server.live.send_replace(Some(Arc::new(Live { connection, versions })));
        self.up.set(1.0);
        Ok(())
    }
}

/// Servers of the current revision tell of changes only who listens. Ends never: where it cannot listen, the tools
/// are listed from time to time.
async fn listen(connection: Connection, changed: &tokio::sync::Notify) {
    let info = connection.peer().peer_info();
    let tells = info.is_some_and(|info| {
        let lists = info.capabilities.tools.as_ref().and_then(|tools| tools.list_changed);
        !info.protocol_version.has_initialize() && lists == Some(true)
    });
    if !tells {
        return std::future::pending().await;
    }
    loop {
        let filter = SubscriptionFilter::builder().tools_list_changed().build();
        if let Ok(mut told) = connection.peer().listen(filter).await {
            while let Ok(Some(_)) = told.next().await {
                changed.notify_one();
            }
        }
        sleep(LONGEST).await;
        // What was told meanwhile was told to nobody.
        changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute_and_begin_anew_after_a_good_connection() {
        let mut backoff = Backoff { next: SHORTEST };
        let mut pause = |lasted| backoff.pause(Duration::from_secs(lasted), 1.0).as_secs();
        assert_eq!([0; 8].map(&mut pause), [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!([31, 0].map(&mut pause), [1, 2]);
        assert_eq!(Backoff { next: LONGEST }.pause(Duration::ZERO, 0.0).as_secs(), 30);
    }
}
