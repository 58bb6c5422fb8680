use super::checks::Checks;
use super::secret::Secret;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Headers by name.
pub type Headers = BTreeMap<String, HeaderText>;

/// The value of a header: text, or `{ env = "NAME" }` or `{ file = "path" }` for a secret.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(untagged)]
pub enum HeaderText {
    /// As it is, or a template where the place allows one.
    Text(String),
    /// Resolved where it is used.
    Secret(Secret),
}

impl Serialize for HeaderText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Secret(secret) => secret.serialize(serializer),
        }
    }
}

// Written by hand: an `anyOf` would report "matches none of the schemas" instead of what is wrong.
impl JsonSchema for HeaderText {
    fn schema_name() -> Cow<'static, str> {
        "HeaderText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "object"],
            "properties": {
                "env": { "type": "string", "minLength": 1, "description": "Environment variable that holds the value." },
                "file": { "type": "string", "minLength": 1, "description": "File that holds the value." }
            },
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1
        })
    }
}

/// Headers and variables of that name usually carry credentials: their values are not shown.
pub fn is_credential(name: &str) -> bool {
    const PARTS: [&str; 10] = [
        "auth",
        "cookie",
        "key",
        "token",
        "secret",
        "passw",
        "pwd",
        "credential",
        "dsn",
        "database_url",
    ];
    let lower = name.to_ascii_lowercase();
    PARTS.iter().any(|part| lower.contains(part))
}

pub(super) fn is_header_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

pub(super) fn check(at: &str, headers: &Headers, checks: &mut Checks) {
    for name in headers.keys().filter(|name| !is_header_name(name)) {
        checks.add(
            &format!("{at}.{name}"),
            "not the name of a header",
            "write letters, digits and `-`",
        );
    }
}

/// The secrets with the names of their headers.
pub(super) fn secrets(headers: &Headers) -> impl Iterator<Item = (&str, &Secret)> {
    headers.iter().filter_map(|(name, value)| match value {
        HeaderText::Secret(secret) => Some((name.as_str(), secret)),
        HeaderText::Text(_) => None,
    })
}

/// Text that usually is a credential is not shown.
pub(super) fn redacted<S: Serializer>(headers: &Headers, serializer: S) -> Result<S::Ok, S::Error> {
    let hidden = HeaderText::Secret(Secret::plain(""));
    serializer.collect_map(headers.iter().map(|(name, value)| {
        let hide = is_credential(name) && matches!(value, HeaderText::Text(_));
        (name, if hide { &hidden } else { value })
    }))
}
