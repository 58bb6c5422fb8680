//! The outside world, on loopback: tools that take their time or misbehave on order, and a webhook
//! receiver. Everything that arrives is remembered, so that it can be told afterwards what the system
//! really did, whatever it says about itself.

mod record;
mod rule;
mod tool;
mod webhook;

pub use record::{Arrival, Call};
pub use rule::{BAD, Rule};

use crate::processes;
use anyhow::Result;
use axum::Router;
use axum::routing::post;
use record::Record;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A running oracle. Dropping it closes its port.
#[derive(Debug)]
pub struct Oracle {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    started: Instant,
    seed: u64,
    default_rule: Rule,
    rules: Mutex<BTreeMap<String, Rule>>,
    record: Mutex<Record>,
    /// Who called from which port; a look into the kernel's tables is made once a connection.
    callers: Mutex<BTreeMap<u16, u32>>,
}

impl Oracle {
    /// Listens on a free loopback port. `default_rule` is how tools behave where nothing else is ordered.
    ///
    /// # Errors
    /// No port.
    pub async fn start(seed: u64, default_rule: Rule) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            address,
            started: Instant::now(),
            seed,
            default_rule,
            rules: Mutex::default(),
            record: Mutex::default(),
            callers: Mutex::default(),
        });
        let router = Router::new()
            .route("/tool/{endpoint}", post(tool::call))
            .route("/webhook/{channel}", post(webhook::receive))
            .with_state(Arc::clone(&shared))
            .into_make_service_with_connect_info::<SocketAddr>();
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("oracle: {error}");
            }
        });
        Ok(Self {
            address,
            shared,
            server,
        })
    }

    /// `http://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Orders how calls for `item` behave from now on.
    pub fn order(&self, item: &str, rule: Rule) {
        self.shared
            .rules
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(item.to_owned(), rule);
    }

    /// All calls for `item`, oldest first.
    pub fn calls(&self, item: &str) -> Vec<Call> {
        self.shared
            .read(|record| record.calls.get(item).cloned().unwrap_or_default())
    }

    /// How many calls have begun in all.
    pub fn call_count(&self) -> usize {
        self.shared.read(|record| record.calls.values().map(Vec::len).sum())
    }

    /// All webhook arrivals, oldest first.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.shared.read(|record| record.arrivals.clone())
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn read<T>(&self, look: impl FnOnce(&mut Record) -> T) -> T {
        look(&mut self.record.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn caller(&self, peer: SocketAddr) -> Option<u32> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        // A process that is gone may have left its port to another.
        let known = callers.get(&peer.port()).copied();
        let caller = known
            .filter(|pid| processes::is_alive(*pid))
            .or_else(|| self.owner(peer).ok())?;
        callers.insert(peer.port(), caller);
        Some(caller)
    }

    /// The process at the other end of a connection to us.
    fn owner(&self, peer: SocketAddr) -> anyhow::Result<u32> {
        processes::owner_of_connection(peer.port(), self.address.port())
    }

    fn rule(&self, item: &str) -> Rule {
        let rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        rules.get(item).cloned().unwrap_or_else(|| self.default_rule.clone())
    }
}
