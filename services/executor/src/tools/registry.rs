//! The tools this executor serves: each source gives its own, and may replace them while others are called.

use super::agent::{self, UnusableAgent};
use super::http_endpoint::{self, UnusableApi};
use super::in_force::InForce;
use super::served::Served;
use super::{Offer, null, openapi};
use crate::failure::RunFailure;
use llm::Engine;
use service::config::{Config, Effects, RetryConfig, ToolsConfig};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use workflow::tool::{RetryPolicy, SchemaRejected};
use workflow::vocabulary::EffectClass;

/// The shipped tools and the configured agents.
const BUILTIN: &str = "builtin";

/// All that are served at one moment, by id.
pub type Tools = BTreeMap<String, Arc<Served>>;

/// All that are served. Cheap to clone; clones see the same.
#[derive(Clone)]
pub struct Registry {
    enabled: Arc<ToolsConfig>,
    /// By source. Names of tools begin with their source's, so that two sources share none; where they do all the
    /// same, the earlier source keeps it.
    sources: Arc<Mutex<BTreeMap<String, Tools>>>,
    current: watch::Sender<Arc<Tools>>,
    /// What the catalog has of them.
    pub in_force: InForce,
}

/// A configuration whose tools cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// An API.
    #[error(transparent)]
    Api(#[from] UnusableApi),
    /// An agent.
    #[error(transparent)]
    Agent(#[from] UnusableAgent),
    /// A schema.
    #[error(transparent)]
    Schema(#[from] SchemaRejected),
}

impl Registry {
    /// The tools of the configuration. An operator's agent replaces a shipped one of its id.
    ///
    /// # Errors
    /// The first that cannot be served.
    pub fn build(config: &Config, engine: &Arc<dyn Engine>) -> Result<Self, RegistryError> {
        let pool = config.worker.pool.as_str();
        let registry = Self {
            enabled: Arc::new(config.tools.clone()),
            sources: Arc::default(),
            current: watch::Sender::new(Arc::default()),
            in_force: InForce::default(),
        };
        let mut offers = vec![null::offer(pool)];
        offers.extend(agent::offers(config, engine, &registry)?);
        registry.replace(BUILTIN, served(offers)?);
        for api in &config.apis {
            let offers = match api.openapi.as_deref() {
                // Its tools come with the document.
                Some(source) if openapi::is_remote(source) => continue,
                Some(file) => openapi::from_file(api, Path::new(file), pool)?,
                None => http_endpoint::offers(api, pool)?,
            };
            registry.replace(&format!("api {}", api.name), served(offers)?);
        }
        Ok(registry)
    }

    /// What a source serves from now on, in place of what it served before. Calls under way go on. Others are told only
    /// where the definitions differ.
    pub fn replace(&self, source: &str, tools: Vec<Served>) {
        let enabled = tools
            .into_iter()
            .filter(|served| self.enabled.offers(&served.spec().tool_id));
        let tools = enabled.map(|served| (served.spec().tool_id.clone(), Arc::new(served)));
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        sources.insert(source.to_owned(), tools.collect());
        let mut all = Tools::new();
        for (tool_id, served) in sources.values().flatten() {
            all.entry(tool_id.clone()).or_insert_with(|| Arc::clone(served));
        }
        self.current.send_if_modified(|current| {
            let differ = !all
                .values()
                .map(|served| served.spec())
                .eq(current.values().map(|served| served.spec()));
            *current = Arc::new(all);
            differ
        });
    }

    /// The tool of that id.
    ///
    /// # Errors
    /// `tool_unknown`.
    pub fn get(&self, tool_id: &str) -> Result<Arc<Served>, RunFailure> {
        let unknown = || RunFailure::permanent("tool_unknown", format!("this executor does not serve `{tool_id}`"));
        self.current.borrow().get(tool_id).cloned().ok_or_else(unknown)
    }

    /// The tool of that id, where agents may call it by themselves, be it in use or not.
    pub fn for_agents(&self, tool_id: &str) -> Option<Arc<Served>> {
        let served = self.current.borrow().get(tool_id).cloned();
        served.filter(|served| served.is_for_agents())
    }

    /// All of now.
    pub fn current(&self) -> Arc<Tools> {
        Arc::clone(&self.current.borrow())
    }

    /// Tells of every replacement by other definitions.
    pub fn changes(&self) -> watch::Receiver<Arc<Tools>> {
        self.current.subscribe()
    }
}

/// All of them; of two with one id the later one.
pub(super) fn served(offers: Vec<Offer>) -> Result<Vec<Served>, SchemaRejected> {
    offers.into_iter().map(Served::new).collect()
}

/// As the core knows it.
pub(super) fn retry(config: &RetryConfig) -> RetryPolicy {
    RetryPolicy {
        max_attempts: config.max_attempts,
        initial_interval: config.initial_interval,
        backoff: config.backoff,
        max_interval: config.max_interval,
        non_retryable: config.non_retryable.clone(),
    }
}

/// As the core knows it.
pub(crate) fn effect_class(effects: Effects) -> EffectClass {
    match effects {
        Effects::ReadOnly => EffectClass::ReadOnly,
        Effects::Keyed => EffectClass::Keyed,
        Effects::Queryable => EffectClass::Queryable,
        Effects::Once => EffectClass::Once,
    }
}
