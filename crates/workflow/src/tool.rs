//! Tools as the catalog knows them.

use crate::hash::Fingerprint;
use crate::schema;
use crate::vocabulary::{EffectClass, ToolState};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// When and how often a failed attempt is repeated. Seconds.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetryPolicy {
    /// Attempts in all, 1-20; 1 means none is repeated.
    #[schemars(range(min = 1, max = 20))]
    pub max_attempts: u32,
    /// Pause before the second attempt, 0-3600 seconds.
    #[schemars(range(min = 0.0, max = 3600.0))]
    pub initial_interval: f64,
    /// Factor between pauses, 1-10.
    #[schemars(range(min = 1.0, max = 10.0))]
    pub backoff: f64,
    /// Longest pause, 0-86400 seconds.
    #[schemars(range(min = 0.0, max = 86400.0))]
    pub max_interval: f64,
    /// Error codes that are never repeated.
    #[schemars(length(max = 32))]
    pub non_retryable: Vec<String>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            initial_interval: 1.0,
            backoff: 2.0,
            max_interval: 60.0,
            non_retryable: Vec::new(),
        }
    }
}

/// Where a tool comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ToolSource {
    /// Shipped, or an agent of the configuration.
    Builtin,
    /// Found on an MCP server.
    Mcp,
    /// An HTTP API endpoint.
    Api,
}

impl ToolSource {
    /// The name users see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Builtin => "builtin",
            Self::Mcp => "mcp",
            Self::Api => "api",
        }
    }
}

/// A tool, as announced by a worker and listed by `GET /tools`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ToolSpecification {
    /// `name`, or `<server>.<name>`.
    pub tool_id: String,
    /// For people.
    pub name: String,
    /// What it does, for people and planners.
    pub description: String,
    /// research, writing, channel …
    pub category: String,
    /// JSON Schema of the arguments.
    pub input_schema: Value,
    /// JSON Schema of the output; `true` when unknown.
    pub output_schema: Value,
    /// USD a call, by the operator's estimate; null is unknown.
    pub estimated_cost: Option<f64>,
    /// Seconds a call, by the operator's estimate; null is unknown.
    pub estimated_duration: Option<f64>,
    /// A call needs a human's word first.
    #[serde(default)]
    pub requires_approval: bool,
    /// Where it comes from.
    pub source: ToolSource,
    /// What repeating a call does outside.
    pub effects: EffectClass,
    /// When failed attempts are repeated.
    #[serde(default)]
    pub retry: RetryPolicy,
    /// Seconds one attempt may take.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: f64,
    /// The pool of executors that serves it.
    #[serde(default = "default_pool")]
    pub pool: String,
    /// Hash of what a call reaches, where a caller or a foreign document defined it: what was approved is called and nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding_hash: Option<String>,
    /// Somebody else defines it than who configured it: a change is used once it was approved.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub foreign: bool,
}

fn default_timeout() -> f64 {
    60.0
}

fn default_pool() -> String {
    "default".to_owned()
}

impl ToolSpecification {
    /// Hash of what a plan relies on: name, description, schemas, effects, and what is called where a caller said it.
    pub fn version_hash(&self) -> Fingerprint {
        let (input, output) = (self.input_schema.to_string(), self.output_schema.to_string());
        let parts = [
            self.tool_id.as_bytes(),
            self.name.as_bytes(),
            self.description.as_bytes(),
            input.as_bytes(),
            output.as_bytes(),
            self.effects.as_str().as_bytes(),
        ];
        let binding = self.binding_hash.as_ref().map(String::as_bytes);
        Fingerprint::of(parts.into_iter().chain(binding))
    }

    /// Takes feedback as an argument of that name.
    pub fn accepts_feedback(&self) -> bool {
        self.input_schema.pointer("/properties/feedback").is_some()
    }
}

/// A tool ready to validate plans against.
#[derive(Debug)]
pub struct CatalogTool {
    /// The definition.
    pub spec: ToolSpecification,
    /// Hash of the definition.
    pub version_hash: Fingerprint,
    /// Whether plans may use it.
    pub state: ToolState,
    /// A person suspended it; else, where it is suspended, what changed of it waits for approval.
    pub stopped: bool,
    /// Whose it is; empty: every tenant's.
    pub tenant: String,
    /// The compiled input schema.
    pub input: jsonschema::Validator,
}

/// A schema that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("tool {tool_id}: input schema is not a valid JSON Schema: {reason}")]
pub struct SchemaRejected {
    /// The tool.
    pub tool_id: String,
    /// What is wrong with its schema.
    pub reason: String,
}

impl CatalogTool {
    /// Every tenant's tool, its schema compiled. Never resolves references over a network: the crate is built without
    /// that.
    pub fn new(spec: ToolSpecification, state: ToolState) -> Result<Self, SchemaRejected> {
        let input = schema::compile(&spec.input_schema).map_err(|e| SchemaRejected {
            tool_id: spec.tool_id.clone(),
            reason: e.to_string(),
        })?;
        Ok(Self {
            version_hash: spec.version_hash(),
            spec,
            state,
            stopped: false,
            tenant: String::new(),
            input,
        })
    }
}

/// All tools there are. What a plan may name, [`Catalog::of`] its tenant says.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// By id, which is one tool's over all tenants.
    tools: BTreeMap<String, Arc<CatalogTool>>,
}

impl Catalog {
    /// Takes a tool in, in place of the one with its id.
    pub fn insert(&mut self, tool: Arc<CatalogTool>) {
        self.tools.insert(tool.spec.tool_id.clone(), tool);
    }

    /// Has no tool of that id any more.
    pub fn remove(&mut self, tool_id: &str) {
        self.tools.remove(tool_id);
    }

    /// Whosever they are, by id.
    pub fn all(&self) -> impl Iterator<Item = &Arc<CatalogTool>> {
        self.tools.values()
    }

    /// What the tenant sees.
    pub fn of<'c>(&'c self, tenant: &'c str) -> TenantCatalog<'c> {
        TenantCatalog { catalog: self, tenant }
    }
}

impl FromIterator<CatalogTool> for Catalog {
    fn from_iter<T: IntoIterator<Item = CatalogTool>>(tools: T) -> Self {
        let mut catalog = Self::default();
        tools.into_iter().for_each(|tool| catalog.insert(Arc::new(tool)));
        catalog
    }
}

/// The tools one tenant sees: every tenant's, and its own.
#[derive(Clone, Copy, Debug)]
pub struct TenantCatalog<'c> {
    catalog: &'c Catalog,
    tenant: &'c str,
}

impl<'c> TenantCatalog<'c> {
    /// The tool, in whatever state.
    pub fn get(self, tool_id: &str) -> Option<&'c CatalogTool> {
        let tool = self.catalog.tools.get(tool_id)?;
        (tool.tenant.is_empty() || tool.tenant == self.tenant).then_some(&**tool)
    }

    /// The tool, when plans may use it.
    pub fn active(self, tool_id: &str) -> Option<&'c CatalogTool> {
        self.get(tool_id).filter(|tool| tool.state == ToolState::Active)
    }

    /// Why no channel may publish with the tool. What only changed is not stopped: its approved definition is in force,
    /// and executors publish with no other.
    pub fn out_of_use_for_channels(self, tool_id: &str) -> Option<OutOfUse> {
        let only_changed = |tool: &CatalogTool| tool.state == ToolState::Suspended && !tool.stopped;
        self.out_of_use(tool_id)
            .filter(|_| !self.get(tool_id).is_some_and(only_changed))
    }

    /// Why nothing may begin with the tool. One that is not known may be newer than what is known: none.
    pub fn out_of_use(self, tool_id: &str) -> Option<OutOfUse> {
        let tool = self.get(tool_id).filter(|tool| tool.state != ToolState::Active)?;
        Some(OutOfUse {
            tool_id: tool_id.to_owned(),
            state: tool.state,
        })
    }
}

/// A tool with which nothing begins until a person brings it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfUse {
    /// Which.
    pub tool_id: String,
    /// Any but active.
    pub state: ToolState,
}

impl OutOfUse {
    /// Stable code.
    pub const fn code(&self) -> &'static str {
        match self.state {
            ToolState::Removed => "tool_removed",
            ToolState::Suspended | ToolState::AwaitingApproval | ToolState::Active => "tool_suspended",
        }
    }
}

impl fmt::Display for OutOfUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tool_id, state } = self;
        let is = match state {
            ToolState::Removed => "was removed",
            ToolState::AwaitingApproval => "waits for approval",
            ToolState::Suspended | ToolState::Active => "is suspended",
        };
        write!(
            f,
            "the tool `{tool_id}` {is}; a person who approves it (POST /tools/{tool_id}/approve) brings it back"
        )
    }
}
