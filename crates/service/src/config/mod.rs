//! Everything an operator can set, one section a file. Read once, checked whole, then never changed.

mod agents;
mod apis;
mod auth;
mod channels;
mod checks;
mod coordinator;
mod database;
mod documented;
mod effects;
mod embeddings;
mod events;
mod fault;
mod fine_tunes;
mod gateway;
mod headers;
mod keyed;
mod layers;
mod learner;
mod learning;
mod limits;
mod llm;
mod load;
mod lookup;
mod mcp;
mod mcp_servers;
mod models;
mod nats;
mod pagination;
mod path;
mod policy;
mod probe;
mod quality;
mod references;
mod retry;
mod schema;
mod secret;
mod service;
mod tenant_budgets;
mod tools;
mod webhooks;
mod worker;

#[cfg(test)]
mod tests;

pub use agents::{AgentConfig, Tier};
pub use apis::{ApiConfig, EndpointConfig, Method};
pub use auth::{Auth, AuthConfig, AuthKind, ClientAuth, MissingKey};
pub use channels::{ChannelConfig, ChannelKind};
use checks::Checks;
pub use coordinator::CoordinatorConfig;
pub use database::DatabaseConfig;
pub use documented::documented_defaults;
pub use effects::Effects;
pub use embeddings::EmbeddingsConfig;
pub use events::{EventDetail, EventsConfig};
pub use fault::{Fault, Faults};
pub use fine_tunes::FineTunesConfig;
pub use gateway::GatewayConfig;
pub use headers::{HeaderText, Headers, is_credential};
pub use learner::LearnerConfig;
pub use learning::{LearningConfig, OfferFrom, TeamConfig, TrainingConsent};
pub use limits::LimitsConfig;
pub use llm::{
    Answering, DEFAULT_PROVIDER, FineTuningConfig, LlmConfig, PriceConfig, ProviderConfig, ProviderKind, Role,
    RolesConfig, Serves, Target, Targets, TiersConfig,
};
pub use load::{Sources, load};
pub use lookup::{ConditionConfig, LookupConfig};
pub use mcp::{Decisions, McpConfig};
pub use mcp_servers::{McpEndpoint, McpServerConfig, McpToolConfig};
pub use models::ModelsConfig;
pub use nats::NatsConfig;
pub use pagination::{PaginationConfig, PaginationKind};
pub use policy::{
    AssigneesConfig, AutoApprovalConfig, BudgetConfig, EscalationConfig, GrantConfig, OnBudgetExceeded, OnExhausted,
    PolicyConfig, RiskLevel,
};
pub use probe::ProbeConfig;
pub use quality::{DeliverableConfig, DimensionConfig, JudgeFloorConfig, QualityConfig};
pub use retry::RetryConfig;
pub use secret::{Secret, SecretError};
pub use service::ServiceConfig;
pub use tenant_budgets::{OnWindowExceeded, TenantBudgetConfig};
pub use tools::{RegisteredState, ToolProfile, ToolsConfig};
pub use webhooks::{EVENTS, WebhookConfig};
pub use worker::WorkerConfig;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The whole configuration. `Default` is what holds without any file or variable.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What every binary does the same way.
    pub service: ServiceConfig,
    /// The edge.
    pub gateway: GatewayConfig,
    /// The orchestrator as an MCP server.
    pub mcp: McpConfig,
    /// The one that decides.
    pub coordinator: CoordinatorConfig,
    /// The service that remembers finished tasks.
    pub learner: LearnerConfig,
    /// Planner, executor and assessor.
    pub worker: WorkerConfig,
    /// The NATS server with JetStream.
    pub nats: NatsConfig,
    /// Postgres.
    pub database: DatabaseConfig,
    /// Language models.
    pub llm: LlmConfig,
    /// Tools of the operator's own: a prompt with schemas.
    pub agents: Vec<AgentConfig>,
    /// External HTTP APIs whose endpoints are tools.
    pub apis: Vec<ApiConfig>,
    /// Servers of the Model Context Protocol whose tools are tools here.
    pub mcp_servers: Vec<McpServerConfig>,
    /// Where approved results go.
    pub channels: Vec<ChannelConfig>,
    /// When a result is good enough.
    pub quality: QualityConfig,
    /// Rules every task runs under.
    pub policy: PolicyConfig,
    /// Bounds on what a process takes in and passes on.
    pub limits: LimitsConfig,
    /// Events for subscribers.
    pub events: EventsConfig,
    /// Receivers that are told of events.
    pub webhooks: Vec<WebhookConfig>,
    /// Which tools an executor offers.
    pub tools: ToolsConfig,
    /// What is remembered of finished tasks.
    pub learning: LearningConfig,
    /// Files of models that people bring.
    pub models: ModelsConfig,
}

/// The configuration cannot be written out.
#[derive(Debug, thiserror::Error)]
pub enum PrintError {
    /// Not as JSON.
    #[error("not as JSON")]
    Json(#[from] serde_json::Error),
    /// Not as TOML.
    #[error("not as TOML")]
    Toml(#[from] toml::ser::Error),
}

impl Config {
    /// Every setting as TOML, secrets redacted.
    pub fn to_toml(&self) -> Result<String, PrintError> {
        // By way of JSON, where what is absent can be taken out; TOML has no null.
        let mut value = serde_json::to_value(self)?;
        keyed::strip_nulls(&mut value);
        Ok(toml::to_string(&value)?)
    }

    /// Values that are of the right type and yet cannot work, all of them. `is_channel` knows the configured channels,
    /// those included that were left out of this `Config` because something else is wrong with them.
    fn validate(&self, is_channel: impl Fn(&str) -> bool) -> Checks {
        let mut checks = Checks::default();
        self.service.check(&mut checks);
        self.gateway.check(&mut checks);
        self.mcp.check(&mut checks);
        self.worker.check(&mut checks);
        self.nats.check(&mut checks);
        self.llm.check(self.service.development, &mut checks);
        AgentConfig::check_all(&self.agents, &self.apis, &self.mcp_servers, &mut checks);
        ApiConfig::check_all(&self.apis, &mut checks);
        McpServerConfig::check_all(&self.mcp_servers, &self.apis, &self.agents, &mut checks);
        ChannelConfig::check_all(&self.channels, &self.mcp_servers, &mut checks);
        self.learning.check(&mut checks);
        self.quality.check(&is_channel, &mut checks);
        self.policy.check(is_channel, &mut checks);
        self.limits.check(&mut checks);
        self.tools.check(&self.llm, &mut checks);
        WebhookConfig::check_all(&self.webhooks, &mut checks);
        checks
    }
}
