mod check;
mod fine_tuning;
mod keys;
mod targets;

pub use fine_tuning::FineTuningConfig;
pub use targets::{Answering, Target, Targets};

use super::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Name of the provider that `llm.base_url` is.
pub const DEFAULT_PROVIDER: &str = "default";

/// Language models. Without any setting the built-in `offline` engine answers.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LlmConfig {
    /// An OpenAI-compatible server for every role; as a provider its name is `default`.
    #[schemars(extend("format" = "http-url"))]
    pub base_url: Option<String>,
    /// The key `base_url` asks for.
    pub api_key: Option<Secret>,
    /// The model asked of `base_url`.
    pub model: Option<String>,
    /// Seconds one call may take, while pieces of the answer keep coming.
    #[schemars(range(min = 0.1, max = 3600.0))]
    pub timeout_seconds: f64,
    /// Seconds until an answer begins. A server that does not stream begins with its end.
    #[schemars(range(min = 0.1, max = 3600.0))]
    pub first_byte_timeout_seconds: f64,
    /// Seconds of silence within an answer.
    #[schemars(range(min = 0.1, max = 3600.0))]
    pub idle_timeout_seconds: f64,
    /// Calls a process makes to one provider at a time; more wait, and after 5 s come again later.
    #[schemars(range(min = 1, max = 1024))]
    pub max_concurrency: u32,
    /// Most tokens of a reply. Absent: the provider's own bound; 8192 where the protocol wants one.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_output_tokens: Option<u32>,
    /// Messages and replies stand in the traces of tasks.
    pub record_content: bool,
    /// Further providers by name. `offline` and `null` exist without being written here.
    pub providers: BTreeMap<String, ProviderConfig>,
    /// Which model answers which role, as `provider/model`, or `provider` where that has a model. Of a list, the first that can.
    pub roles: RolesConfig,
    /// Which model the writer uses for steps of each size. Absent: the role's.
    pub tiers: TiersConfig,
    /// Prices by model; `*` at the end stands for the rest of a name. They go before the built-in table.
    pub prices: BTreeMap<String, PriceConfig>,
}

/// One provider.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// What it speaks.
    pub kind: ProviderKind,
    /// Where it is. Absent: `https://api.openai.com/v1` or `https://api.anthropic.com`.
    #[serde(default)]
    #[schemars(extend("format" = "http-url"))]
    pub base_url: Option<String>,
    /// Its key.
    #[serde(default)]
    pub api_key: Option<Secret>,
    /// The model where a role names the provider alone.
    #[serde(default)]
    pub model: Option<String>,
    /// Calls a process makes at a time. Absent: as `llm.max_concurrency`.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1024))]
    pub max_concurrency: Option<u32>,
    /// Calls a process makes a minute. Absent: any number.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub requests_per_minute: Option<u32>,
    /// Tokens a process uses a minute, prompts and replies together. Absent: any number.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub tokens_per_minute: Option<u32>,
    /// Most tokens of a reply. Absent: as `llm.max_output_tokens`.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_output_tokens: Option<u32>,
    /// Seconds one call may take. Absent: as `llm.timeout_seconds`.
    #[serde(default)]
    #[schemars(range(min = 0.1, max = 3600.0))]
    pub timeout_seconds: Option<f64>,
    /// Seconds until an answer begins. Absent: as `llm.first_byte_timeout_seconds`.
    #[serde(default)]
    #[schemars(range(min = 0.1, max = 3600.0))]
    pub first_byte_timeout_seconds: Option<f64>,
    /// Seconds of silence within an answer. Absent: as `llm.idle_timeout_seconds`.
    #[serde(default)]
    #[schemars(range(min = 0.1, max = 3600.0))]
    pub idle_timeout_seconds: Option<f64>,
    /// That models may be trained there. Absent: they may not.
    #[serde(default)]
    pub fine_tuning: Option<FineTuningConfig>,
    /// It can serve files of models that people upload, in the way of this server; needs `base_url`. `listed`: who runs it
    /// loads a file under the name it is served by. Absent: it cannot.
    #[serde(default)]
    pub serves: Option<Serves>,
    /// Where `models.storage` is as that server sees it. Absent: at the same path.
    #[serde(default)]
    pub storage_path: Option<String>,
}

/// How a server is told to load a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Serves {
    // No docs on the variants: with them the schema is a `oneOf`, whose errors do not name the choices.
    #[serde(rename = "llama.cpp")]
    LlamaCpp,
    #[serde(rename = "ollama")]
    Ollama,
    #[serde(rename = "vllm")]
    Vllm,
    #[serde(rename = "listed")]
    Listed,
}

/// What a provider speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ProviderKind {
    // No docs on the variants: with them the schema is a `oneOf`, whose errors do not name the choices.
    Openai,
    Anthropic,
    Offline,
    Null,
}

/// Models by role; absent: the default of the section.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RolesConfig {
    /// Understands requests and plans.
    pub planner: Option<Targets>,
    /// Writes: agent steps and formatting.
    pub writer: Option<Targets>,
    /// Judges results.
    pub judge: Option<Targets>,
}

/// Models by size of the step; absent: the writer's.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TiersConfig {
    /// For simple steps.
    pub small: Option<Targets>,
    /// For most steps.
    pub standard: Option<Targets>,
    /// For what is hard.
    pub large: Option<Targets>,
}

/// USD per million tokens.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceConfig {
    /// Of the prompt.
    #[schemars(range(min = 0.0, max = 1_000_000.0))]
    pub input: f64,
    /// Of the prompt, read from a cache. Absent: as `input`.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1_000_000.0))]
    pub cached_input: Option<f64>,
    /// Of the reply.
    #[schemars(range(min = 0.0, max = 1_000_000.0))]
    pub output: f64,
}

/// Who asks a model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Understands requests and plans.
    Planner,
    /// Writes: agent steps and formatting.
    Writer,
    /// Judges results.
    Judge,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Planner, Self::Writer, Self::Judge];

    /// Its key below `llm.roles`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planner => "planner",
            Self::Writer => "writer",
            Self::Judge => "judge",
        }
    }
}

impl Default for LlmConfig {
    fn default() -> Self {
        Self {
            base_url: None,
            api_key: None,
            model: None,
            timeout_seconds: 120.0,
            first_byte_timeout_seconds: 60.0,
            idle_timeout_seconds: 30.0,
            max_concurrency: 8,
            max_output_tokens: None,
            record_content: false,
            providers: BTreeMap::new(),
            roles: RolesConfig::default(),
            tiers: TiersConfig::default(),
            prices: BTreeMap::new(),
        }
    }
}

impl ProviderConfig {
    /// Nothing but what it speaks.
    pub fn new(kind: ProviderKind) -> Self {
        Self {
            kind,
            base_url: None,
            api_key: None,
            model: None,
            max_concurrency: None,
            requests_per_minute: None,
            tokens_per_minute: None,
            max_output_tokens: None,
            timeout_seconds: None,
            first_byte_timeout_seconds: None,
            idle_timeout_seconds: None,
            fine_tuning: None,
            serves: None,
            storage_path: None,
        }
    }
}

impl ProviderKind {
    /// A part of this program: has no models and calls nobody.
    pub fn is_embedded(self) -> bool {
        matches!(self, Self::Offline | Self::Null)
    }
}
