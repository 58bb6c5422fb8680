//! Keeping the registered tools: read from the coordinator whenever it says that they are others, and when a step names
//! one that is not known here as it was planned.

use crate::discovery::Discovery;
use crate::tools::registered;
use crate::tools::registry::Registry;
use bus::worker::Coordinator;
use contracts::coordinator::ListDefinitionsRequest;
use service::Context;
use service::config::Config;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

/// The source of registered tools. Named so that, of two tools with one id, the configured one is served.
const SOURCE: &str = "registered";
/// Between attempts while the coordinator is away.
const RETRY: Duration = Duration::from_secs(1);
/// What was read so short ago is what is there.
const FRESH: Duration = Duration::from_millis(200);

/// The registered tools as this executor serves them.
pub struct Definitions {
    config: Arc<Config>,
    coordinator: Coordinator,
    tools: Registry,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    version: u64,
    read: Option<Instant>,
    documents: Vec<String>,
}

impl Definitions {
    /// None yet.
    pub fn new(config: Arc<Config>, coordinator: Coordinator, tools: Registry) -> Self {
        Self {
            config,
            coordinator,
            tools,
            known: Mutex::default(),
        }
    }

    /// Reads them again; false where the coordinator does not answer. A step may come before the beat that tells of
    /// its tool.
    pub async fn renew(&self) -> bool {
        let mut known = self.known.lock().await;
        let fresh = known.read.is_some_and(|at| at.elapsed() < FRESH);
        fresh || self.read(&mut known).await
    }

    async fn read(&self, known: &mut Known) -> bool {
        let ask = ListDefinitionsRequest {
            pool: self.config.worker.pool.clone(),
        };
        let answer = self
            .coordinator
            .client()
            .list_definitions(Coordinator::unary(ask))
            .await;
        let answer = match answer {
            Ok(answer) => answer.into_inner(),
            Err(status) => {
                tracing::debug!(code = ?status.code(), "registered tools not read: {}", status.message());
                return false;
            }
        };
        known.version = answer.version;
        known.read = Some(Instant::now());
        if known.documents != answer.registrations_json {
            known.documents = answer.registrations_json;
            serve(&known.documents, &self.config, &self.tools);
        }
        true
    }

    /// Follows the coordinator's signals until shutdown.
    pub async fn follow(&self, ctx: Context, discovery: Discovery) {
        let mut signals = self.coordinator.signals();
        let mut source = discovery.join(SOURCE);
        let mut asked = None;
        loop {
            let wanted = signals.borrow_and_update().definitions;
            // 0 is no version: there was no beat yet.
            let mut known = self.known.lock().await;
            let missing = wanted != 0 && (asked.is_some() || known.version != wanted);
            let read = missing && self.read(&mut known).await;
            // It may have been read from one that is behind, or have changed once more.
            let behind = wanted != 0 && known.version != wanted;
            drop(known);
            if let Some(generation) = asked.take_if(|_| read) {
                source.done(generation);
            }
            tokio::select! {
                changed = signals.changed() => if changed.is_err() { return },
                generation = source.asked() => asked = Some(generation),
                () = sleep(RETRY), if behind || (missing && !read) => {}
                () = ctx.shutdown.cancelled() => return,
            }
        }
    }
}

fn serve(documents: &[String], config: &Config, tools: &Registry) {
    let served = documents
        .iter()
        .filter_map(|document| match registered::served(document, config) {
            Ok(served) => Some(served),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "a registered tool cannot be served here");
                None
            }
        });
    tools.replace(SOURCE, served.collect());
}
