//! Secrets are references, resolved where they are used and never shown.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

const REDACTED: &str = "***";

/// A secret: `{ env = "NAME" }`, `{ file = "path" }`, or plain text from the environment or in development.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Written")]
pub struct Secret(Source);

#[derive(Clone, PartialEq, Eq)]
enum Source {
    Plain(String),
    Env(String),
    File(PathBuf),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Plain(String),
    Env { env: String },
    File { file: PathBuf },
}

impl From<Written> for Secret {
    fn from(written: Written) -> Self {
        Self(match written {
            Written::Plain(text) => Source::Plain(text),
            Written::Env { env } => Source::Env(env),
            Written::File { file } => Source::File(file),
        })
    }
}

/// A reference that leads nowhere. Never carries the secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is absent, empty or no text.
    #[error("environment variable {0} is not set")]
    Env(String),
    /// The file cannot be read.
    #[error("file {} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl Secret {
    /// A secret given as it is.
    pub fn plain(text: impl Into<String>) -> Self {
        Self(Source::Plain(text.into()))
    }

    /// The secret itself. A file's closing line break is not a part of it.
    pub fn resolve(&self) -> Result<String, SecretError> {
        match &self.0 {
            Source::Plain(text) => Ok(text.clone()),
            Source::Env(name) => match std::env::var(name) {
                Ok(text) if !text.is_empty() => Ok(text),
                _ => Err(SecretError::Env(name.clone())),
            },
            Source::File(path) => match std::fs::read_to_string(path) {
                Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
                Err(source) => Err(SecretError::File {
                    path: path.clone(),
                    source,
                }),
            },
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Plain(_) => f.write_str(REDACTED),
            Source::Env(name) => write!(f, "env {name}"),
            Source::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

// A reference is shown as it was written; it is no secret.
impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Source::Plain(_) => serializer.serialize_str(REDACTED),
            Source::Env(name) => serializer.collect_map([("env", name)]),
            Source::File(path) => serializer.collect_map([("file", path)]),
        }
    }
}

// Written by hand: an `anyOf` would report "matches none of the schemas" instead of what is wrong.
impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "object"],
            "format": "secret",
            "properties": { "env": { "type": "string", "minLength": 1 }, "file": { "type": "string", "minLength": 1 } },
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1
        })
    }
}
