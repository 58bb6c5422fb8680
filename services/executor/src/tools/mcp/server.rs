//! A configured server as its tools see it: connected now, or away.

use super::call::{self, Answer, FrozenCall, Manner};
use super::connection::Connection;
use super::http::GuardedHttp;
use super::trouble::{Acted, Trouble};
use crate::credentials::Redactor;
use service::config::McpServerConfig;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, timeout_at};
use workflow::hash::Fingerprint;

/// How long a call waits for a server that is being started again.
const PATIENCE: Duration = Duration::from_secs(5);

/// A server of the configuration.
pub struct Server {
    pub config: Arc<McpServerConfig>,
    pub(super) http: Option<GuardedHttp>,
    /// None: it is away.
    pub(super) live: watch::Sender<Option<Arc<Live>>>,
    /// The first attempt to reach it has ended, well or not.
    pub(super) tried: watch::Sender<bool>,
    /// Its tools are to be listed again.
    pub(super) changed: Arc<Notify>,
    slots: Semaphore,
    /// Hides what the server was given.
    pub redactor: Redactor,
}

/// A connection and what the server defined over it.
pub struct Live {
    pub connection: Connection,
    /// Of each tool that is served, by its name at the server.
    pub versions: BTreeMap<String, Fingerprint>,
}

impl Server {
    pub fn new(config: Arc<McpServerConfig>, http: Option<GuardedHttp>) -> Self {
        let slots = usize::try_from(config.max_concurrency).unwrap_or(1);
        let redactor = http
            .as_ref()
            .map_or_else(Redactor::default, |http| http.redactor().clone());
        Self {
            redactor,
            config,
            http,
            live: watch::Sender::new(None),
            tried: watch::Sender::new(false),
            changed: Arc::default(),
            slots: Semaphore::new(slots),
        }
    }

    /// The connection; waits a little for one that is on its way.
    ///
    /// # Errors
    /// `tool_unavailable`.
    pub async fn live(&self, deadline: Instant) -> Result<Arc<Live>, Trouble> {
        let mut live = self.live.subscribe();
        let until = deadline.min(Instant::now() + PATIENCE);
        let found = timeout_at(until, live.wait_for(Option::is_some)).await;
        let found = found.ok().and_then(Result::ok).and_then(|live| live.clone());
        found.ok_or_else(|| Trouble::away(&self.config.name, ""))
    }

    /// Calls one of its tools, when it is its turn.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn call(&self, frozen: &FrozenCall, manner: Manner<'_>, deadline: Instant) -> Result<Answer, Trouble> {
        let began = Instant::now();
        let busy = || Trouble {
            acted: Acted::No,
            message: format!("the server `{}` had other calls all the time", self.config.name),
            ..Trouble::timeout(deadline.saturating_duration_since(began))
        };
        let slot = timeout_at(deadline, self.slots.acquire()).await.map_err(|_| busy())?;
        let live = self.live(deadline).await?;
        let answer = call::call(&live.connection, frozen, manner, deadline).await;
        drop(slot);
        if answer.as_ref().is_err_and(|trouble| trouble.code == "tool_unavailable") {
            // A connection over HTTP does not notice that there is nobody any more.
            self.changed.notify_one();
        }
        answer
    }
}
