//! The tools this executor serves.

use super::agent::{self, UnusableAgent};
use super::http_endpoint::{self, UnusableApi};
use super::{Offer, Tool, null};
use crate::failure::RunFailure;
use llm::Engine;
use serde_json::{Map, Value};
use service::config::{Config, Effects, RetryConfig};
use std::collections::BTreeMap;
use std::sync::Arc;
use workflow::tool::{CatalogTool, RetryPolicy, SchemaRejected, ToolSource, ToolSpecification};
use workflow::vocabulary::{EffectClass, ToolState};

/// A tool that is served.
pub struct Served {
    definition: CatalogTool,
    /// As called.
    pub tool: Arc<dyn Tool>,
}

/// All that are served, by id.
#[derive(Default)]
pub struct Registry {
    tools: BTreeMap<String, Arc<Served>>,
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
        let mut offers = vec![null::offer(pool)];
        for api in &config.apis {
            offers.extend(http_endpoint::offers(api, pool)?);
        }
        let mut registry = Self::default();
        registry.add_enabled(config, offers)?;
        // Agents call what only reads and needs nobody's leave, and no agents.
        let reads = |served: &&Arc<Served>| {
            let spec = served.spec();
            spec.effects == EffectClass::ReadOnly && !spec.requires_approval
        };
        let reading: Vec<Arc<Served>> = registry.tools.values().filter(reads).cloned().collect();
        registry.add_enabled(config, agent::offers(config, engine, &reading)?)?;
        Ok(registry)
    }

    fn add_enabled(&mut self, config: &Config, offers: Vec<Offer>) -> Result<(), SchemaRejected> {
        let enabled = |offer: &Offer| config.tools.offers(&offer.spec.tool_id);
        offers.into_iter().filter(enabled).try_for_each(|offer| self.add(offer))
    }

    /// Serves one more.
    ///
    /// # Errors
    /// When its input schema is none.
    pub fn add(&mut self, offer: Offer) -> Result<(), SchemaRejected> {
        let served = Served {
            tool: offer.tool,
            definition: CatalogTool::new(offer.spec, ToolState::Active)?,
        };
        self.tools
            .insert(served.definition.spec.tool_id.clone(), Arc::new(served));
        Ok(())
    }

    /// The tool of that id.
    ///
    /// # Errors
    /// `tool_unknown`.
    pub fn get(&self, tool_id: &str) -> Result<&Served, RunFailure> {
        let unknown = || RunFailure::permanent("tool_unknown", format!("this executor does not serve `{tool_id}`"));
        self.tools.get(tool_id).map(|served| &**served).ok_or_else(unknown)
    }

    /// Every definition, for the catalog.
    pub fn specifications(&self) -> impl Iterator<Item = &ToolSpecification> {
        self.tools.values().map(|served| &served.definition.spec)
    }
}

impl Served {
    /// The definition.
    pub fn spec(&self) -> &ToolSpecification {
        &self.definition.spec
    }

    /// Checks that the tool is the one a plan was validated against. Shipped tools change with the
    /// program, and what they do stays the same.
    ///
    /// # Errors
    /// `tool_changed`.
    pub fn check_version(&self, planned: &str) -> Result<(), RunFailure> {
        let same = planned.is_empty() || planned == self.definition.version_hash.to_string();
        if same || self.spec().source == ToolSource::Builtin {
            return Ok(());
        }
        let message = format!(
            "the definition of `{}` changed after the plan was made",
            self.spec().tool_id
        );
        Err(RunFailure::permanent("tool_changed", message))
    }

    /// Checks resolved arguments against the input schema and hands them back.
    ///
    /// # Errors
    /// `tool_bad_arguments`.
    pub fn checked(&self, arguments: Map<String, Value>) -> Result<Map<String, Value>, RunFailure> {
        let document = Value::Object(arguments);
        if let Err(error) = self.definition.input.validate(&document) {
            let place = error.instance_path().to_string();
            let message = format!("argument `{place}`: {error}");
            return Err(RunFailure::permanent("tool_bad_arguments", message));
        }
        match document {
            Value::Object(arguments) => Ok(arguments),
            _ => Ok(Map::new()),
        }
    }
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
