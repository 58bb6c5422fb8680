//! Keys that are referred to and are not there.

use super::{Answering, DEFAULT_PROVIDER, LlmConfig, ProviderConfig, Role};
use crate::config::{Fault, Faults};
use std::collections::BTreeSet;

impl LlmConfig {
    /// Checks that the keys of providers that train can be read here.
    ///
    /// # Errors
    /// The references that lead nowhere.
    pub fn check_fine_tuning_keys(&self) -> Result<(), Faults> {
        let trains = self
            .providers
            .iter()
            .filter(|(_, provider)| provider.fine_tuning.is_some());
        let faults: Vec<Fault> = trains
            .filter_map(|(name, provider)| {
                let error = provider.api_key.as_ref()?.resolve().err()?;
                Some(Fault {
                    origin: format!("llm.providers.{name}.fine_tuning"),
                    key: format!("llm.providers.{name}.api_key"),
                    reason: error.to_string(),
                    fix: "put the key there before starting, or take fine_tuning out".to_owned(),
                })
            })
            .collect();
        if faults.is_empty() { Ok(()) } else { Err(Faults(faults)) }
    }

    /// Checks that every key `role` needs can be read here. Other roles' keys may be with other processes alone.
    ///
    /// # Errors
    /// The references that lead nowhere.
    pub fn check_keys(&self, role: Role) -> Result<(), Faults> {
        let Answering::Models { small, standard, large } = self.answering(role) else {
            return Ok(());
        };
        let used: BTreeSet<String> = [small, standard, large]
            .into_iter()
            .flatten()
            .map(|target| target.provider)
            .collect();
        let origin = format!("the model of llm.roles.{}", role.as_str());
        self.missing(&origin, |name, _| used.contains(name))
    }

    /// Checks that the key of every provider that serves files can be read here, by whoever brings them there.
    ///
    /// # Errors
    /// The references that lead nowhere.
    pub fn check_serving_keys(&self) -> Result<(), Faults> {
        self.missing("a provider that serves files", |_, provider| provider.serves.is_some())
    }

    fn missing(&self, origin: &str, is_used: impl Fn(&String, &ProviderConfig) -> bool) -> Result<(), Faults> {
        let providers = self.all_providers().into_iter();
        let used = providers.filter(|(name, provider)| is_used(name, provider));
        let faults: Vec<Fault> = used
            .filter_map(|(name, provider)| {
                let error = provider.api_key?.resolve().err()?;
                let key = match name.as_str() {
                    DEFAULT_PROVIDER => "llm.api_key".to_owned(),
                    name => format!("llm.providers.{name}.api_key"),
                };
                Some(Fault {
                    origin: origin.to_owned(),
                    key,
                    reason: error.to_string(),
                    fix: "put the key there before starting, or take the reference out".to_owned(),
                })
            })
            .collect();
        if faults.is_empty() { Ok(()) } else { Err(Faults(faults)) }
    }
}
