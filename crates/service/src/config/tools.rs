use super::LlmConfig;
use super::checks::Checks;
use super::embeddings::EmbeddingsConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which tools plans may use.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ToolsConfig {
    /// Ids of the tools to announce, `prefix.*` for all that begin so; no others are. Empty: what the profile says.
    pub enabled: Vec<String>,
    /// Of the shipped agents, `core` offers those most plans need (research, seo, outline, writer, editor, social,
    /// summary), `all` the rarely needed ones too. What is configured is offered in any case.
    pub profile: ToolProfile,
    /// State of a tool that somebody registers: `awaiting_approval` until it is approved, or `active` at once.
    pub registered: RegisteredState,
    /// Tools that one tenant may have registered at a time.
    #[schemars(range(min = 0, max = 1500))]
    pub registered_per_tenant: u32,
    /// Tools that all tenants together may have registered at a time: every executor serves and announces all of them.
    #[schemars(range(min = 0, max = 1500))]
    pub registered_in_all: u32,
    /// Finding tools by meaning, beside by words.
    pub embeddings: EmbeddingsConfig,
}

/// How many of the shipped agents are offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ToolProfile {
    // No docs on the variants: with them the schema is a `oneOf`, whose errors do not name the choices.
    #[default]
    Core,
    All,
}

/// What a registered tool begins as.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum RegisteredState {
    // No docs on the variants: with them the schema is a `oneOf`, whose errors do not name the choices.
    #[default]
    AwaitingApproval,
    Active,
}

impl Default for ToolsConfig {
    fn default() -> Self {
        Self {
            enabled: Vec::new(),
            profile: ToolProfile::default(),
            registered: RegisteredState::default(),
            registered_per_tenant: 100,
            registered_in_all: 500,
            embeddings: EmbeddingsConfig::default(),
        }
    }
}

impl ToolsConfig {
    /// The tool is offered.
    pub fn offers(&self, tool_id: &str) -> bool {
        self.enabled.is_empty() || self.names(tool_id)
    }

    /// A shipped agent is offered; `core`: most plans need it.
    pub fn offers_shipped(&self, tool_id: &str, core: bool) -> bool {
        core || self.profile == ToolProfile::All || self.names(tool_id)
    }

    fn names(&self, tool_id: &str) -> bool {
        let begins = |entry: &str| {
            entry
                .strip_suffix('*')
                .is_some_and(|prefix| tool_id.starts_with(prefix))
        };
        self.enabled.iter().any(|entry| entry == tool_id || begins(entry))
    }

    pub(super) fn check(&self, llm: &LlmConfig, checks: &mut Checks) {
        self.embeddings.check(llm, checks);
        let unfit = |entry: &&String| entry.strip_suffix(".*").unwrap_or(entry.as_str()).contains('*');
        for entry in self.enabled.iter().filter(unfit) {
            checks.add(
                "tools.enabled",
                format!("`{entry}` is neither an id nor `prefix.*`"),
                "write `shop.*` for every tool of `shop`",
            );
        }
    }
}
