use super::checks::Checks;
use super::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Language models. Without any setting the built-in `offline` engine answers.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LlmConfig {
    /// An OpenAI-compatible server for every role.
    #[schemars(extend("format" = "http-url"))]
    pub base_url: Option<String>,
    /// The key `base_url` asks for.
    pub api_key: Option<Secret>,
    /// The model asked of `base_url`.
    pub model: Option<String>,
    /// Seconds one call may take.
    #[schemars(range(min = 0.1, max = 3600.0))]
    pub timeout_seconds: f64,
    /// Further providers by name. `offline` and `null` exist without being written here.
    pub providers: BTreeMap<String, ProviderConfig>,
    /// Which provider answers which role, as `provider` or `provider/model`.
    pub roles: RolesConfig,
}

/// One provider.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// What it speaks.
    pub kind: ProviderKind,
    /// Where it is.
    #[serde(default)]
    #[schemars(extend("format" = "http-url"))]
    pub base_url: Option<String>,
    /// Its key.
    #[serde(default)]
    pub api_key: Option<Secret>,
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

/// Provider by role; absent: the default of the section.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RolesConfig {
    /// Understands requests and plans.
    pub planner: Option<String>,
    /// Writes: agent steps and formatting.
    pub writer: Option<String>,
    /// Judges results.
    pub judge: Option<String>,
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
            timeout_seconds: 60.0,
            providers: BTreeMap::new(),
            roles: RolesConfig::default(),
        }
    }
}

impl LlmConfig {
    /// What answers `role`. A name that is not known cannot occur in a loaded configuration.
    pub fn provider(&self, role: Role) -> ProviderKind {
        self.role(role)
            .and_then(|named| self.kind(named))
            .unwrap_or(ProviderKind::Offline)
    }

    fn role(&self, role: Role) -> Option<&str> {
        match role {
            Role::Planner => self.roles.planner.as_deref(),
            Role::Writer => self.roles.writer.as_deref(),
            Role::Judge => self.roles.judge.as_deref(),
        }
    }

    fn kind(&self, named: &str) -> Option<ProviderKind> {
        let provider = named.split_once('/').map_or(named, |(provider, _)| provider);
        match (self.providers.get(provider), provider) {
            (Some(known), _) => Some(known.kind),
            (None, "offline") => Some(ProviderKind::Offline),
            (None, "null") => Some(ProviderKind::Null),
            (None, _) => None,
        }
    }

    pub(super) fn check(&self, development: bool, checks: &mut Checks) {
        let absent = "this build has no such provider yet; it has offline and null";
        if self.base_url.is_some() {
            checks.add("llm.base_url", absent, "remove it: the offline engine answers");
        }
        for (key, set) in [
            ("llm.api_key", self.api_key.is_some()),
            ("llm.model", self.model.is_some()),
        ] {
            if set && self.base_url.is_none() {
                checks.add(key, "belongs to llm.base_url, which is not set", "remove it");
            }
        }
        for (name, provider) in &self.providers {
            let key = format!("llm.providers.{name}.kind");
            match provider.kind {
                ProviderKind::Openai | ProviderKind::Anthropic => {
                    checks.add(&key, absent, "use kind = \"offline\" or remove the provider");
                }
                ProviderKind::Offline | ProviderKind::Null => {}
            }
        }
        for (role, name) in [
            (Role::Planner, "planner"),
            (Role::Writer, "writer"),
            (Role::Judge, "judge"),
        ] {
            let key = format!("llm.roles.{name}");
            match self.role(role).map(|named| self.kind(named)) {
                Some(None) => checks.add(
                    &key,
                    "names no provider",
                    "name one of llm.providers, `offline` or `null`",
                ),
                Some(Some(ProviderKind::Null)) if !development => checks.add(
                    &key,
                    "the null model is for development and benchmarks only",
                    "use `offline`, or set service.development",
                ),
                _ => {}
            }
        }
    }
}
