//! What somebody registers, read and checked.

use super::version::{Source, is_name};
use serde::Deserialize;
use std::collections::BTreeSet;

/// Characters of a name that a provider gave.
const MOST: usize = 200;

/// A model that a provider serves.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// Versions are counted by name.
    pub name: String,
    /// A configured one.
    pub provider: String,
    /// As the provider knows it.
    pub model: String,
    /// What its answers name as the model that gave them; none: it is not looked at.
    #[serde(default)]
    pub answers_as: Option<String>,
}

/// Why it is not registered.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// Not of the shape.
    #[error("{0}")]
    Shape(#[from] serde_json::Error),
    /// The name becomes part of others.
    #[error("name: letters, digits and `._-`, at most 64, a letter or digit first and last")]
    Name,
    /// Only who configures the system names hosts.
    #[error("provider: there is no {0:?} under llm.providers")]
    Provider(String),
    /// Of no provider.
    #[error("{0}: 1 to {MOST} characters, none of them a control character")]
    Text(&'static str),
}

impl Registration {
    /// Reads one; `providers` are configured.
    ///
    /// # Errors
    /// When it is not fit to be asked.
    pub fn read(json: &str, providers: &BTreeSet<String>) -> Result<Self, Unfit> {
        let read: Self = serde_json::from_str(json)?;
        let is_text = |text: &str| (1..=MOST).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if !is_name(&read.name) {
            return Err(Unfit::Name);
        }
        if !providers.contains(&read.provider) {
            return Err(Unfit::Provider(read.provider));
        }
        if !is_text(&read.model) {
            return Err(Unfit::Text("model"));
        }
        if !read.answers_as.as_deref().is_none_or(is_text) {
            return Err(Unfit::Text("answers_as"));
        }
        Ok(read)
    }

    /// Where it comes from.
    pub fn source(&self) -> Source {
        Source::Remote {
            provider: self.provider.clone(),
            model: self.model.clone(),
            answers_as: self.answers_as.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    type Change = fn(&mut Value);

    #[test]
    fn only_configured_providers_are_asked_and_only_for_sound_names() {
        let providers = BTreeSet::from(["mine".to_owned()]);
        let sound = json!({"name": "own", "provider": "mine", "model": "own:q4", "answers_as": "own"});
        let read = |change: fn(&mut Value)| {
            let mut body = sound.clone();
            change(&mut body);
            Registration::read(&body.to_string(), &providers).map_err(|unfit| unfit.to_string())
        };
        assert_eq!(
            read(|_| {}).unwrap().source(),
            Source::Remote {
                provider: "mine".to_owned(),
                model: "own:q4".to_owned(),
                answers_as: Some("own".to_owned()),
            }
        );
        let changes: [(Change, &str); 6] = [
            (|body| body["name"] = json!("../x"), "name"),
            (|body| body["provider"] = json!("http://169.254.169.254"), "provider"),
            (|body| body["model"] = json!(""), "model"),
            (|body| body["model"] = json!("a\nb"), "model"),
            (|body| body["answers_as"] = json!(""), "answers_as"),
            (|body| body["base_url"] = json!("http://127.0.0.1"), "unknown field"),
        ];
        for (change, named) in changes {
            let refused = read(change).unwrap_err();
            assert!(refused.starts_with(named), "{refused}");
        }
    }
}
