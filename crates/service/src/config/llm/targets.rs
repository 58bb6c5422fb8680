//! Which model answers.

use super::{DEFAULT_PROVIDER, LlmConfig, ProviderConfig, ProviderKind, Role};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// `provider/model`, or several: the first that can answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Targets {
    /// One.
    One(String),
    /// In the order they are asked.
    Several(Vec<String>),
}

// Written by hand: an `anyOf` would report "matches none of the schemas" instead of what is wrong.
impl JsonSchema for Targets {
    fn schema_name() -> Cow<'static, str> {
        "Targets".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "array"],
            "minLength": 1,
            "minItems": 1,
            "items": { "type": "string", "minLength": 1 }
        })
    }
}

/// A model of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Name of the provider.
    pub provider: String,
    /// What it calls the model.
    pub model: String,
}

/// What answers a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answering {
    /// The embedded engine.
    Offline,
    /// The embedded engine that does nothing.
    Null,
    /// Models, by size of the step.
    Models {
        /// For simple steps.
        small: Vec<Target>,
        /// For most.
        standard: Vec<Target>,
        /// For what is hard.
        large: Vec<Target>,
    },
}

/// What a target's text means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Embedded(ProviderKind),
    Model(Target),
    NoSuchProvider,
    NoModel,
}

impl Targets {
    pub(super) fn as_slice(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several,
        }
    }
}

impl LlmConfig {
    /// Every provider a model may be asked of, the section's own among them.
    pub fn all_providers(&self) -> BTreeMap<String, ProviderConfig> {
        let mut all = self.providers.clone();
        if let Some(base_url) = &self.base_url {
            let own = ProviderConfig {
                base_url: Some(base_url.clone()),
                api_key: self.api_key.clone(),
                model: self.model.clone(),
                ..ProviderConfig::new(ProviderKind::Openai)
            };
            all.insert(DEFAULT_PROVIDER.to_owned(), own);
        }
        all
    }

    /// What answers `role`. Of a loaded configuration every name is known.
    pub fn answering(&self, role: Role) -> Answering {
        let (models, embedded) = match self.answered_by(self.role(role)) {
            Ok(models) => (models, Answering::Offline),
            Err(ProviderKind::Null) => (Vec::new(), Answering::Null),
            Err(_) => (Vec::new(), Answering::Offline),
        };
        let tier = |targets: &Option<Targets>| match (role, targets) {
            (Role::Writer, Some(targets)) => self.answered_by(Some(targets)).unwrap_or_default(),
            _ => models.clone(),
        };
        let tiers = &self.tiers;
        let (small, standard, large) = (tier(&tiers.small), tier(&tiers.standard), tier(&tiers.large));
        if small.is_empty() || standard.is_empty() || large.is_empty() {
            return embedded;
        }
        Answering::Models { small, standard, large }
    }

    /// Every model that a role, a size or a provider names.
    pub fn targets(&self) -> Vec<Target> {
        let roles = [&self.roles.planner, &self.roles.writer, &self.roles.judge];
        let tiers = [&self.tiers.small, &self.tiers.standard, &self.tiers.large];
        let texts = roles.into_iter().chain(tiers).flatten().flat_map(Targets::as_slice);
        let named = texts.chain(self.providers.keys()).map(|text| self.meaning(text));
        let target = |meaning| match meaning {
            Meaning::Model(target) => Some(target),
            _ => None,
        };
        named.filter_map(target).collect()
    }

    /// The models, or the embedded engine that stands there.
    fn answered_by(&self, targets: Option<&Targets>) -> Result<Vec<Target>, ProviderKind> {
        let own = Targets::One(DEFAULT_PROVIDER.to_owned());
        let targets = match targets {
            Some(targets) => targets,
            None if self.base_url.is_some() => &own,
            None => return Err(ProviderKind::Offline),
        };
        let mut models = Vec::new();
        for text in targets.as_slice() {
            match self.meaning(text) {
                Meaning::Model(target) => models.push(target),
                Meaning::Embedded(kind) => return Err(kind),
                Meaning::NoSuchProvider | Meaning::NoModel => return Err(ProviderKind::Offline),
            }
        }
        Ok(models)
    }

    pub(super) fn role(&self, role: Role) -> Option<&Targets> {
        match role {
            Role::Planner => self.roles.planner.as_ref(),
            Role::Writer => self.roles.writer.as_ref(),
            Role::Judge => self.roles.judge.as_ref(),
        }
    }

    /// Names of models may hold slashes, names of providers none.
    pub(super) fn meaning(&self, text: &str) -> Meaning {
        let (provider, model) = match text.split_once('/') {
            Some((provider, model)) => (provider, Some(model)),
            None => (text, None),
        };
        let (kind, own_model) = match self.providers.get(provider) {
            Some(known) => (known.kind, known.model.as_deref()),
            None if provider == DEFAULT_PROVIDER && self.base_url.is_some() => {
                (ProviderKind::Openai, self.model.as_deref())
            }
            None if provider == "offline" => (ProviderKind::Offline, None),
            None if provider == "null" => (ProviderKind::Null, None),
            None => return Meaning::NoSuchProvider,
        };
        if kind.is_embedded() {
            return Meaning::Embedded(kind);
        }
        let model = model.or(own_model).filter(|model| !model.is_empty());
        model.map_or(Meaning::NoModel, |model| {
            Meaning::Model(Target {
                provider: provider.to_owned(),
                model: model.to_owned(),
            })
        })
    }
}
