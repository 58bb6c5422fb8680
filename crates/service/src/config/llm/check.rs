//! What cannot work although each value by itself could.

use super::targets::{Meaning, Targets};
use super::{DEFAULT_PROVIDER, LlmConfig, ProviderConfig, ProviderKind, Role};
use crate::config::checks::Checks;

impl LlmConfig {
    pub(in crate::config) fn check(&self, development: bool, checks: &mut Checks) {
        self.check_own_server(checks);
        for (name, provider) in &self.providers {
            self.check_provider(name, provider, checks);
        }
        for role in Role::ALL {
            let key = format!("llm.roles.{}", role.as_str());
            self.check_targets(&key, self.role(role), development, checks);
        }
        for (name, targets) in self.named_tiers() {
            self.check_targets(&format!("llm.tiers.{name}"), targets, development, checks);
        }
        self.check_tiers(checks);
    }

    fn check_own_server(&self, checks: &mut Checks) {
        if self.base_url.is_some() {
            if self.model.as_deref().is_none_or(str::is_empty) {
                checks.add(
                    "llm.model",
                    "llm.base_url is set and no model is named",
                    "name a model of that server",
                );
            }
            return;
        }
        for (key, set) in [
            ("llm.api_key", self.api_key.is_some()),
            ("llm.model", self.model.is_some()),
        ] {
            if set {
                checks.add(
                    key,
                    "belongs to llm.base_url, which is not set",
                    "set llm.base_url, as \"https://api.openai.com/v1\", or remove it",
                );
            }
        }
    }

    fn check_provider(&self, name: &str, provider: &ProviderConfig, checks: &mut Checks) {
        let key = format!("llm.providers.{name}");
        if name.is_empty() || name.contains('/') {
            checks.add(&key, "the name of a provider has no slash", "rename it");
        }
        if name == DEFAULT_PROVIDER && self.base_url.is_some() {
            checks.add(&key, "`default` is the server of llm.base_url", "rename it");
        }
        if provider.fine_tuning.is_some() && provider.kind != ProviderKind::Openai {
            checks.add(
                &format!("{key}.fine_tuning"),
                "only providers of kind openai are asked to train",
                "remove it",
            );
        }
        let embedded = [("offline", ProviderKind::Offline), ("null", ProviderKind::Null)];
        if embedded
            .iter()
            .any(|(own, kind)| *own == name && *kind != provider.kind)
        {
            checks.add(&key, "the name of an embedded engine", "rename it");
        }
        let server = provider.kind == ProviderKind::Openai && provider.base_url.is_some();
        if provider.serves.is_some() && !server {
            checks.add(
                &format!("{key}.serves"),
                "only a server of one's own loads files",
                "set kind = \"openai\" and base_url, or remove it",
            );
        }
        if provider.storage_path.is_some() && provider.serves.is_none() {
            checks.add(
                &format!("{key}.storage_path"),
                "belongs to serves, which is not set",
                "say how it serves files, or remove it",
            );
        }
    }

    fn check_targets(&self, key: &str, targets: Option<&Targets>, development: bool, checks: &mut Checks) {
        let Some(targets) = targets else { return };
        let targets = targets.as_slice();
        for text in targets {
            let (reason, fix) = match self.meaning(text) {
                Meaning::Model(_) => continue,
                Meaning::NoSuchProvider => (
                    format!("`{text}` names no provider"),
                    "write `provider/model` with one of llm.providers, `default` (llm.base_url), `offline` or `null`",
                ),
                Meaning::NoModel => (
                    format!("`{text}` names no model"),
                    "write `provider/model`, or give the provider a model",
                ),
                Meaning::Embedded(ProviderKind::Null) if !development => (
                    "the null model is for development and benchmarks only".to_owned(),
                    "use `offline`, or set service.development",
                ),
                Meaning::Embedded(_) if targets.len() > 1 => (
                    format!("`{text}` is no model that could stand in for another"),
                    "leave it out of the list",
                ),
                Meaning::Embedded(_) => continue,
            };
            checks.add(key, reason, fix);
        }
    }

    fn check_tiers(&self, checks: &mut Checks) {
        let is_model = |targets: &Targets| {
            let mut meanings = targets.as_slice().iter().map(|text| self.meaning(text));
            !meanings.any(|meaning| matches!(meaning, Meaning::Embedded(_)))
        };
        let writer_is_model = self.roles.writer.as_ref().map_or(self.base_url.is_some(), is_model);
        let tiers = self.named_tiers();
        for (name, targets) in tiers {
            if targets.is_some_and(|targets| !is_model(targets)) {
                checks.add(
                    &format!("llm.tiers.{name}"),
                    "an embedded engine has no sizes",
                    "name models here, or set llm.roles.writer to it",
                );
            }
        }
        let is_set = tiers.iter().any(|(_, set)| set.is_some());
        if is_set && self.roles.writer.as_ref().is_some_and(|writer| !is_model(writer)) {
            checks.add(
                "llm.tiers",
                "llm.roles.writer is an embedded engine, which has no sizes",
                "remove llm.roles.writer, or the sizes",
            );
            return;
        }
        if !writer_is_model && tiers.iter().any(|(_, set)| set.is_some()) && tiers.iter().any(|(_, set)| set.is_none())
        {
            checks.add(
                "llm.tiers",
                "steps of the other sizes have no model",
                "set all of small, standard and large, or llm.roles.writer",
            );
        }
    }

    fn named_tiers(&self) -> [(&'static str, Option<&Targets>); 3] {
        [
            ("small", self.tiers.small.as_ref()),
            ("standard", self.tiers.standard.as_ref()),
            ("large", self.tiers.large.as_ref()),
        ]
    }
}
