//! Keeping the registered tools, and what is in force of found ones: read from the coordinator whenever it says that they
//! are others, and when a step names one that is not known here as it was planned.

use crate::channels::mcp;
use crate::discovery::Discovery;
use crate::tools::registered;
use crate::tools::registry::Registry;
use bus::worker::Coordinator;
use contracts::coordinator::ListDefinitionsRequest;
use service::Context;
use service::config::Config;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

/// The source of registered tools. Named so that, of two tools with one id, the configured one is served.
const SOURCE: &str = "registered";
/// Between attempts while the coordinator is away.
const RETRY: Duration = Duration::from_secs(1);
/// A reading that began so short a time before somebody asked tells what is there.
const FRESH: Duration = Duration::from_millis(200);

/// The registered tools as this executor serves them.
pub struct Definitions {
    config: Arc<Config>,
    coordinator: Coordinator,
    tools: Registry,
    /// Tools that channels publish with, by channel.
    published_with: BTreeMap<String, String>,
    /// Those, and what agents call: it is asked what is in force of them.
    asked: Vec<String>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    version: u64,
    last: Option<Reading>,
    documents: Vec<String>,
}

/// One question to the coordinator.
#[derive(Clone, Copy)]
struct Reading {
    began: Instant,
    answered: bool,
}

impl Reading {
    /// Whoever came while it was under way, or hardly later, need not ask once more.
    fn is_of(&self, came: Instant) -> bool {
        self.began + FRESH >= came
    }
}

impl Definitions {
    /// None yet. `tools`: those of the configuration are there, its agents among them.
    pub fn new(config: Arc<Config>, coordinator: Coordinator, tools: Registry) -> Self {
        let published_with = published_with(&config);
        let served = tools.current();
        let called = served.values().flat_map(|served| served.tool.may_call());
        let asked: BTreeSet<&String> = published_with.values().chain(called).collect();
        Self {
            asked: asked.into_iter().cloned().collect(),
            published_with,
            config,
            coordinator,
            tools,
            known: Mutex::default(),
        }
    }

    /// Reads them again; false where the coordinator does not answer. A step may come before the beat that tells of
    /// its tool. All who miss something at the same time share one reading, the answer that none came included.
    pub async fn renew(&self) -> bool {
        let came = Instant::now();
        let mut known = self.known.lock().await;
        match known.last.filter(|last| last.is_of(came)) {
            Some(last) => last.answered,
            None => self.read(&mut known).await,
        }
    }

    /// Before something is published with a tool that is out of use, or while nothing was heard of any: they are read
    /// again, for somebody may just have approved it.
    pub async fn heard_for(&self, channel: &str) {
        let Some(tool_id) = self.published_with.get(channel) else {
            return;
        };
        let usable = match self.tools.in_force.of(tool_id) {
            Some(standing) => standing.definition.is_some(),
            // One that is served here the catalog knows in a moment; of another one it tells when it does.
            None => self.tools.in_force.is_known() && self.tools.get(tool_id).is_err(),
        };
        if !usable {
            self.renew().await;
        }
    }

    /// Before an agent works that may call these tools, where one of them is not in use: the same.
    pub async fn heard_of(&self, named: &[String]) {
        let mut named = named.iter().filter_map(|tool_id| self.tools.for_agents(tool_id));
        if named.any(|served| !self.tools.in_force.lets_agents_call(&served)) {
            self.renew().await;
        }
    }

    async fn read(&self, known: &mut Known) -> bool {
        let began = Instant::now();
        let answered = self.ask(known).await;
        known.last = Some(Reading { began, answered });
        answered
    }

    async fn ask(&self, known: &mut Known) -> bool {
        let ask = ListDefinitionsRequest {
            pool: self.config.worker.pool.clone(),
            tool_ids: self.asked.clone(),
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
        self.tools.in_force.set(&answer);
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
        let mut before = 0;
        loop {
            let wanted = signals.borrow_and_update().definitions;
            // 0 is no version: there was no beat yet.
            let mut known = self.known.lock().await;
            let missing = wanted != 0 && (asked.is_some() || known.version != wanted);
            let read = missing && self.read(&mut known).await;
            // It may have been read from one that is behind, or have changed once more.
            let behind = wanted != 0 && known.version != wanted;
            let version = known.version;
            drop(known);
            // What was approved another executor has found, and this one perhaps not yet.
            let was = std::mem::replace(&mut before, version);
            if was != 0 && was != version {
                discovery.hint();
            }
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

fn published_with(config: &Config) -> BTreeMap<String, String> {
    let channels = config.channels.iter();
    channels
        .filter_map(|channel| Some((channel.name.clone(), mcp::tool_of(channel)?)))
        .collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_is_of_all_who_came_before_it_ended_and_not_of_those_who_came_late() {
        let began = Instant::now();
        for answered in [true, false] {
            let reading = Reading { began, answered };
            let before = began.checked_sub(Duration::from_secs(1)).unwrap();
            assert!(reading.is_of(before), "it waited for its turn");
            assert!(reading.is_of(began + Duration::from_millis(100)));
            assert!(
                !reading.is_of(began + Duration::from_secs(4)),
                "what it needs may be newer"
            );
        }
    }
}
