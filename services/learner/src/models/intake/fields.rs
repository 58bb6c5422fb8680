//! What is said beside a file.

use crate::models::version::is_name;
use serde::Deserialize;
use serde_json::Value;
use service::config::Serves;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Characters of a name of a base.
const MOST: usize = 300;

/// What a file is to become.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fields {
    /// A path below the directory of models, where no bytes come.
    #[serde(default)]
    pub model_file: Option<String>,
    /// Versions are counted by name.
    pub model_name: String,
    /// It is to be tried as soon as it answered.
    #[serde(default)]
    pub enable_immediately: bool,
    /// Who is to serve it; absent: the only one that serves files.
    #[serde(default)]
    pub provider: Option<String>,
    /// What it was made from. Of an adapter: what it is loaded on.
    #[serde(default)]
    pub base_model: Option<String>,
    /// `adapter_config.json`, as text or as it is.
    #[serde(default)]
    adapter_config: Option<Value>,
    /// The export that it was trained on.
    #[serde(default)]
    pub trained_on: Option<Uuid>,
}

impl Fields {
    /// Reads them; `serving` are the providers that serve files.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn read(json: &str, serving: &BTreeMap<String, Serves>) -> Result<Self, String> {
        let read: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        if !is_name(&read.model_name) {
            return Err(
                "model_name: letters, digits and `._-`, at most 64, a letter or digit first and last".to_owned(),
            );
        }
        if let Some(name) = read.provider.as_ref().filter(|name| !serving.contains_key(*name)) {
            return Err(format!(
                "provider: {name:?} serves no files; set `serves` under llm.providers"
            ));
        }
        if read.provider.is_none() && serving.len() > 1 {
            let names: Vec<&str> = serving.keys().map(String::as_str).collect();
            return Err(format!(
                "provider: several serve files, name one of {}",
                names.join(", ")
            ));
        }
        if read.enable_immediately && serving.is_empty() {
            return Err("enable_immediately: no provider serves files; set `serves` under llm.providers".to_owned());
        }
        let is_text = |text: &String| (1..=MOST).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if !read.base_model.as_ref().is_none_or(is_text) {
            return Err(format!(
                "base_model: 1 to {MOST} characters, none of them a control character"
            ));
        }
        Ok(read)
    }

    /// `adapter_config.json`.
    pub fn adapter_config(&self) -> Option<String> {
        self.adapter_config.as_ref().map(|config| match config {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    }
}
