use super::checks::Checks;
use super::{Config, Fault, Faults, LlmConfig, ProviderConfig, ProviderKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How tools are found by meaning, where there are more than a model is shown, and learned patterns.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EmbeddingsConfig {
    /// One of `llm.providers` of kind openai, or `default` (`llm.base_url`), whose `/embeddings` is asked. It is sent the
    /// requests, what tools say of themselves, and the intents of patterns that are offered. Absent: tools and patterns
    /// are found by words alone.
    pub provider: Option<String>,
    /// The model that embeds.
    pub model: Option<String>,
    /// Seconds a planning waits for the vector of its request, before it looks for tools by words alone. For patterns it
    /// waits 0.15 s at most.
    #[schemars(range(min = 0.05, max = 5.0))]
    pub timeout_seconds: f64,
}

impl Default for EmbeddingsConfig {
    fn default() -> Self {
        Self {
            provider: None,
            model: None,
            timeout_seconds: 1.0,
        }
    }
}

impl EmbeddingsConfig {
    /// Who is asked for which model; none: nobody.
    pub fn asked(&self, llm: &LlmConfig) -> Option<(ProviderConfig, &str)> {
        let provider = llm.all_providers().remove(self.provider.as_deref()?)?;
        Some((provider, self.model.as_deref()?))
    }

    pub(super) fn check(&self, llm: &LlmConfig, checks: &mut Checks) {
        let model = self.model.as_deref().filter(|model| !model.is_empty());
        match (self.provider.as_deref(), model) {
            (None, None) => {}
            (None, Some(_)) => checks.add(
                "tools.embeddings.model",
                "belongs to tools.embeddings.provider, which is not set",
                "set the provider, or remove it",
            ),
            (Some(name), model) => {
                let kind = llm.all_providers().get(name).map(|provider| provider.kind);
                if kind != Some(ProviderKind::Openai) {
                    checks.add(
                        "tools.embeddings.provider",
                        format!("`{name}` is no provider of kind openai"),
                        "name one of llm.providers, or `default` with llm.base_url",
                    );
                }
                if model.is_none() {
                    checks.add(
                        "tools.embeddings.model",
                        "a provider is set and no model is named",
                        "name a model that embeds, as \"text-embedding-3-small\"",
                    );
                }
            }
        }
    }
}

impl Config {
    /// Checks that the key for embeddings can be read here.
    ///
    /// # Errors
    /// The reference that leads nowhere.
    pub fn check_embeddings_key(&self) -> Result<(), Faults> {
        let asked = self.tools.embeddings.asked(&self.llm);
        let missing = asked.and_then(|(provider, _)| provider.api_key?.resolve().err());
        missing.map_or(Ok(()), |error| {
            Err(Faults(vec![Fault {
                origin: "the provider of tools.embeddings".to_owned(),
                key: "tools.embeddings.provider".to_owned(),
                reason: error.to_string(),
                fix: "put the key there before starting, or take tools.embeddings out".to_owned(),
            }]))
        })
    }
}
