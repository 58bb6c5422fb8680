//! Tools of servers of the Model Context Protocol. Nothing a server says is trusted: its definitions are bounded and
//! pinned, its hints ignored, its messages limited, its process one group that ends whole.
//!
//! | what happens | a call ends with |
//! |---|---|
//! | no answer until the call's time is over | `tool_timeout` |
//! | not JSON, no message of the protocol, an id nobody asked, not the declared output | `tool_bad_response` |
//! | a message that is too long, a list of tools without end | `tool_response_too_large` |
//! | no HTTP, redirects that lead away, questions for what was not offered | `tool_protocol` |
//! | no connection; it comes back by itself | `tool_unavailable` |
//! | a definition that is not the one the plan was made with | `tool_changed` |
//! | a channel's tool that somebody took out of use | `tool_suspended` |
//! | the tool says that it failed | `tool_error` |
//! | the call is sent back over and over | `tool_rounds_exceeded` |
//!
//! Definitions that are refused are left out, with code `schema_rejected` in the log.

mod call;
mod connection;
mod definition;
mod elicitation;
mod handler;
mod http;
mod input;
mod process;
mod result;
mod server;
mod stdio;
mod supervision;
#[cfg(test)]
mod tests;
mod trouble;

use super::in_force::InForce;
use super::registry::Registry;
use crate::discovery::Discovery;
use crate::failure::RunFailure;
pub use call::{Answer, FrozenCall, Manner};
use http::{GuardedHttp, UnusableServer};
pub use result::{Ended, read};
pub use server::{Pin, Server};
use service::config::{McpEndpoint, McpServerConfig};
use service::metrics::names::MCP_SERVER_UP;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use supervision::Supervisor;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// For all servers to end.
const STOPPING: Duration = Duration::from_secs(10);

/// A server that cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("mcp server {server}")]
pub struct UnusableMcpServer {
    server: String,
    #[source]
    source: UnusableServer,
}

/// The servers of the configuration, by name.
#[derive(Default)]
pub struct Servers {
    by_name: BTreeMap<String, Arc<Server>>,
    in_force: InForce,
}

/// Servers that are being kept connected.
pub struct Supervised {
    stop: CancellationToken,
    supervisors: TaskTracker,
    tried: Vec<watch::Receiver<bool>>,
}

impl Servers {
    /// `in_force`: what the catalog says of definitions.
    ///
    /// # Errors
    /// The first server whose address cannot be used.
    pub fn new(configs: &[McpServerConfig], in_force: InForce) -> Result<Self, UnusableMcpServer> {
        let server = |config: &McpServerConfig| {
            let config = Arc::new(config.clone());
            let http = match config.endpoint() {
                Some(McpEndpoint::Url(url)) => Some(GuardedHttp::new(&config, url)),
                _ => None,
            };
            let http = http.transpose().map_err(|source| UnusableMcpServer {
                server: config.name.clone(),
                source,
            })?;
            Ok((config.name.clone(), Arc::new(Server::new(config, http))))
        };
        let by_name = configs.iter().map(server).collect::<Result<_, _>>()?;
        Ok(Self { by_name, in_force })
    }

    /// What the catalog has of their tools.
    pub fn in_force(&self) -> &InForce {
        &self.in_force
    }

    /// The server of that name.
    ///
    /// # Errors
    /// `tool_unknown`.
    pub fn get(&self, name: &str) -> Result<&Arc<Server>, RunFailure> {
        let unknown = || RunFailure::permanent("tool_unknown", format!("this executor has no server `{name}`"));
        self.by_name.get(name).ok_or_else(unknown)
    }

    /// Keeps them connected, and their tools in the registry. At every discovery they are listed again.
    pub fn supervise(
        &self,
        registry: &Registry,
        pool: &str,
        discovery: &Discovery,
        metrics: &service::metrics::Registry,
    ) -> Supervised {
        let stop = CancellationToken::new();
        let supervisors = TaskTracker::new();
        for server in self.by_name.values() {
            let supervisor = Supervisor {
                server: Arc::clone(server),
                registry: registry.clone(),
                pool: pool.to_owned(),
                source: discovery.join(&format!("mcp {}", server.config.name)),
                asked: None,
                up: metrics.gauge(MCP_SERVER_UP, &[("server", &server.config.name)]),
                stop: stop.clone(),
            };
            supervisors.spawn(supervisor.run());
        }
        supervisors.close();
        Supervised {
            stop,
            supervisors,
            tried: self.by_name.values().map(|server| server.tried.subscribe()).collect(),
        }
    }
}

impl Supervised {
    /// Every server was reached once, or could not be, or `patience` is over.
    pub fn tried(&self, patience: Duration) -> impl Future<Output = ()> + Send + use<> {
        let tried = self.tried.clone();
        async move {
            let all = async {
                for mut server in tried {
                    drop(server.wait_for(|tried| *tried).await);
                }
            };
            drop(timeout(patience, all).await);
        }
    }

    /// Ends the connections and the processes.
    pub async fn end(self) {
        self.stop.cancel();
        if timeout(STOPPING, self.supervisors.wait()).await.is_err() {
            tracing::warn!("servers did not end in time");
        }
    }
}
