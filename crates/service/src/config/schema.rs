//! The JSON Schema of the configuration: what is checked of a value before it becomes a `Config`.

use super::Config;
use jsonschema::Validator;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::{Map, Value};
use std::net::{IpAddr, SocketAddr};

/// The schema, and a validator of it.
pub(super) struct Schema {
    root: Value,
    validator: Validator,
}

/// What the schema says against a value.
pub(super) struct Violation {
    /// JSON Pointer to the value that is wrong; for an unknown or missing key, to that key.
    pub(super) pointer: String,
    pub(super) reason: String,
    pub(super) fix: String,
    /// JSON Pointer to what must be left out, so that the rest can be read.
    pub(super) prune: String,
}

impl Schema {
    pub(super) fn new() -> Result<Self, String> {
        let mut root = schemars::schema_for!(Config).to_value();
        drop_null_types(&mut root);
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .with_format("socket-address", |text: &str| text.parse::<SocketAddr>().is_ok())
            .with_format("ip-address", |text: &str| text.parse::<IpAddr>().is_ok())
            .with_format("http-url", is_http_url)
            .with_format("http-urls", |text: &str| {
                text.split(',').all(|url| is_http_url(url.trim()))
            })
            .build(&root)
            .map_err(|error| error.to_string())?;
        Ok(Self { root, validator })
    }

    /// Everything the schema says against `value`.
    pub(super) fn violations(&self, value: &Value) -> Vec<Violation> {
        self.validator
            .iter_errors(value)
            .flat_map(|error| self.violation(&error))
            .collect()
    }

    fn violation(&self, error: &jsonschema::ValidationError<'_>) -> Vec<Violation> {
        let at = error.instance_path().to_string();
        let known = |pointer: &str| self.known_keys(pointer).join(", ");
        match error.kind() {
            Kind::AdditionalProperties { unexpected } => {
                let fix = format!("remove it or use one of: {}", known(&at));
                let one = |key: &String| {
                    let pointer = format!("{at}/{}", escape(key));
                    Violation {
                        prune: pointer.clone(),
                        pointer,
                        reason: "unknown key".to_owned(),
                        fix: fix.clone(),
                    }
                };
                unexpected.iter().map(one).collect()
            }
            Kind::Required { property } => {
                let key = property.as_str().unwrap_or_default();
                let reason = "required and not set".to_owned();
                let fix = format!("set {key}");
                vec![Violation {
                    pointer: format!("{at}/{}", escape(key)),
                    prune: at,
                    reason,
                    fix,
                }]
            }
            kind => {
                let (reason, fix) = describe(kind, error);
                vec![Violation {
                    pointer: at.clone(),
                    prune: at,
                    reason,
                    fix,
                }]
            }
        }
    }

    /// The schema of the value at `path`; elements of lists by index or by name.
    pub(super) fn at<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Option<&Value> {
        path.into_iter().try_fold(self.resolve(&self.root), |node, part| {
            let property = node.get("properties").and_then(|properties| properties.get(part));
            let child = property
                .or_else(|| node.get("items"))
                .or_else(|| node.get("additionalProperties"));
            child.filter(|child| child.is_object()).map(|child| self.resolve(child))
        })
    }

    fn resolve<'a>(&'a self, node: &'a Value) -> &'a Value {
        let pointer = node
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| reference.strip_prefix('#'));
        pointer.and_then(|pointer| self.root.pointer(pointer)).unwrap_or(node)
    }

    fn known_keys(&self, pointer: &str) -> Vec<&str> {
        let node = self.at(pointer.split('/').skip(1));
        let properties = node.and_then(|node| node.get("properties")).and_then(Value::as_object);
        properties
            .map(|properties| properties.keys().map(String::as_str).collect())
            .unwrap_or_default()
    }

    /// Type names the value at `path` may have; empty: any.
    pub(super) fn types(&self, path: &[String]) -> Vec<&str> {
        match self
            .at(path.iter().map(String::as_str))
            .and_then(|node| node.get("type"))
        {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// JSON Pointers to all secrets in `value` that stand there as plain text.
    pub(super) fn plain_secrets(&self, value: &Value) -> Vec<String> {
        let mut found = Vec::new();
        self.collect_secrets(value, &mut Vec::new(), &mut found);
        found
    }

    fn collect_secrets(&self, value: &Value, at: &mut Vec<String>, found: &mut Vec<String>) {
        let mut descend = |part: String, value: &Value| {
            at.push(part);
            self.collect_secrets(value, at, found);
            at.pop();
        };
        match value {
            Value::Object(table) => table.iter().for_each(|(key, value)| descend(key.clone(), value)),
            Value::Array(elements) => (0..)
                .zip(elements)
                .for_each(|(n, value): (usize, _)| descend(n.to_string(), value)),
            Value::String(_) if self.is_secret(at) => {
                found.push(at.iter().map(|part| format!("/{}", escape(part))).collect());
            }
            _ => {}
        }
    }

    fn is_secret(&self, path: &[String]) -> bool {
        let node = self.at(path.iter().map(String::as_str));
        node.and_then(|node| node.get("format")).and_then(Value::as_str) == Some("secret")
    }
}

/// In words that carry no value.
fn describe(kind: &Kind, error: &jsonschema::ValidationError<'_>) -> (String, String) {
    let is = type_name(error.instance());
    match kind {
        Kind::Type { .. } => {
            let wanted = expected_types(kind);
            (format!("is {is}, not {wanted}"), format!("write {wanted}"))
        }
        Kind::Enum { options } => {
            let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
            let names: Vec<String> = options.iter().filter(|o| !o.is_null()).map(Value::to_string).collect();
            (
                "not one of the choices".to_owned(),
                format!("use one of: {}", names.join(", ")),
            )
        }
        Kind::Minimum { limit } => (format!("less than {limit}"), format!("use {limit} or more")),
        Kind::Maximum { limit } => (format!("more than {limit}"), format!("use {limit} or less")),
        Kind::MinLength { limit } => ("too short".to_owned(), format!("use at least {limit} characters")),
        Kind::MaxLength { limit } => ("too long".to_owned(), format!("use at most {limit} characters")),
        Kind::Pattern { pattern } if pattern == "^/" => {
            ("does not begin with `/`".to_owned(), "write /path".to_owned())
        }
        Kind::MinProperties { .. } | Kind::MaxProperties { .. } => {
            let fix = "write { env = \"NAME\" } or { file = \"path\" }";
            ("not a reference to a secret".to_owned(), fix.to_owned())
        }
        Kind::Format { format } => match format.as_str() {
            "socket-address" => ("not an address with port".to_owned(), "write 127.0.0.1:8080".to_owned()),
            "ip-address" => ("not an IP address".to_owned(), "write 127.0.0.1".to_owned()),
            _ => ("not an HTTP address".to_owned(), "write http://host:port".to_owned()),
        },
        _ => (
            error.masked().to_string(),
            "see the documentation of this key".to_owned(),
        ),
    }
}

fn expected_types(kind: &Kind) -> String {
    use jsonschema::error::TypeKind;
    match kind {
        Kind::Type {
            kind: TypeKind::Single(one),
        } => with_article(&one.to_string()),
        Kind::Type {
            kind: TypeKind::Multiple(several),
        } => several
            .iter()
            .map(|one| with_article(&one.to_string()))
            .collect::<Vec<_>>()
            .join(" or "),
        _ => "another type".to_owned(),
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

fn with_article(json_type: &str) -> String {
    match json_type {
        "boolean" => "true or false",
        "number" => "a number",
        "integer" => "a whole number",
        "string" => "text in quotes",
        "array" => "a list",
        "object" => "a table",
        other => other,
    }
    .to_owned()
}

fn is_http_url(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    host.is_some_and(|host| !host.is_empty()) && !text.contains(char::is_whitespace)
}

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// TOML has no null, and an optional value's `anyOf` with null would hide what is wrong with the value.
fn drop_null_types(node: &mut Value) {
    if let Value::Object(table) = node {
        if let Some(Value::Array(types)) = table.get_mut("type") {
            types.retain(|name| name != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                table.insert("type".to_owned(), only);
            }
        }
        if let Some(only) = single_alternative(table) {
            table.remove("anyOf");
            for (key, value) in only {
                table.entry(key).or_insert(value);
            }
        }
        table.values_mut().for_each(drop_null_types);
    } else if let Value::Array(elements) = node {
        elements.iter_mut().for_each(drop_null_types);
    }
}

fn single_alternative(table: &Map<String, Value>) -> Option<Map<String, Value>> {
    let alternatives = table.get("anyOf")?.as_array()?;
    let mut others = alternatives
        .iter()
        .filter(|one| one.get("type").is_none_or(|name| name != "null"));
    match (others.next(), others.next()) {
        (Some(Value::Object(only)), None) => Some(only.clone()),
        _ => None,
    }
}
