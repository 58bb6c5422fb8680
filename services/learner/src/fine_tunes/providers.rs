//! Where models may be trained.

use anyhow::Context as _;
use llm::fine_tuning::{Trainer, TrainerSettings};
use service::config::{FineTunesConfig, FineTuningConfig, LlmConfig};
use std::collections::BTreeMap;
use std::time::Duration;

/// A provider that the operator lets train.
pub struct Provider {
    /// Asks it.
    pub trainer: Trainer,
    /// What the operator said of it.
    pub rules: FineTuningConfig,
}

/// All of them, by name.
#[derive(Default)]
pub struct Providers(BTreeMap<String, Provider>);

impl Providers {
    /// Those that are configured to train; connects to nobody yet.
    ///
    /// # Errors
    /// A key or an address that cannot be used.
    pub fn open(llm: &LlmConfig, rules: &FineTunesConfig) -> anyhow::Result<Self> {
        let mut found = BTreeMap::new();
        for (name, provider) in llm.all_providers() {
            let Some(fine_tuning) = provider.fine_tuning else {
                continue;
            };
            let key = provider.api_key.map(|key| key.resolve()).transpose();
            let trainer = Trainer::new(TrainerSettings {
                provider: name.clone(),
                base_url: provider.base_url,
                api_key: key.with_context(|| format!("llm.providers.{name}.api_key"))?,
                timeout: Duration::from_secs_f64(rules.call_timeout_seconds),
                upload_timeout: Duration::from_secs_f64(rules.upload_timeout_seconds),
                unix_ms: service::clock::now_ms,
            })?;
            let rules = fine_tuning;
            found.insert(name, Provider { trainer, rules });
        }
        Ok(Self(found))
    }

    /// The provider of that name; none: it may not train.
    pub fn get(&self, name: &str) -> Option<&Provider> {
        self.0.get(name)
    }
}
