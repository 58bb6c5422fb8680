//! Every key with its meaning and default, as a TOML file.

use super::Config;
use super::keyed::strip_nulls;
use super::schema::Schema;
use serde_json::{Map, Value};

const HEADER: &str = "\
# Every setting with its default, written by `--default-config`. What has no default is commented out.
";

/// The file.
///
/// # Errors
/// In words; only where the built-in schema is defective.
pub fn documented_defaults() -> Result<String, String> {
    let schema = Schema::new()?;
    let mut defaults = serde_json::to_value(Config::default()).map_err(|error| error.to_string())?;
    strip_nulls(&mut defaults);
    let mut page = Page {
        schema: &schema,
        text: HEADER.to_owned(),
    };
    for (section, value) in defaults.as_object().into_iter().flatten() {
        page.table(&[section], value);
    }
    Ok(page.text)
}

struct Page<'a> {
    schema: &'a Schema,
    text: String,
}

impl Page<'_> {
    fn table(&mut self, path: &[&str], defaults: &Value) {
        let Some(node) = self.schema.at(path.iter().copied()) else {
            return;
        };
        let key = path.join(".");
        self.text.push('\n');
        match (properties(node), node.get("items"), node.get("additionalProperties")) {
            (Some(properties), ..) => {
                self.line(&format!("[{key}]"));
                self.keys(path, properties, defaults);
            }
            (None, Some(_), _) => self.example(path, &format!("[[{key}]]"), "0"),
            (None, None, Some(_)) => {
                self.described(path);
                self.example(path, &format!("[{key}.NAME]"), "NAME");
                for (name, value) in defaults.as_object().into_iter().flatten() {
                    let inner = [path, &[name.as_str()]].concat();
                    self.table(&inner, value);
                }
            }
            _ => {}
        }
    }

    fn keys(&mut self, path: &[&str], properties: &Map<String, Value>, defaults: &Value) {
        let (tables, plain): (Vec<_>, Vec<_>) = properties.keys().partition(|key| self.is_table(path, key));
        for key in plain {
            let inner = [path, &[key.as_str()]].concat();
            self.described(&inner);
            match defaults.get(key).filter(|_| !self.is_secret(&inner)) {
                Some(value) => self.line(&format!("{key} = {}", literal(value))),
                None => self.line(&format!("# {key} = {}", self.shape(&inner))),
            }
        }
        for key in tables {
            let inner = [path, &[key.as_str()]].concat();
            self.table(&inner, defaults.get(key).unwrap_or(&Value::Null));
        }
    }

    /// An element of a list or map, commented out.
    fn example(&mut self, path: &[&str], heading: &str, element: &str) {
        let inner = [path, &[element]].concat();
        let Some(node) = self.schema.at(inner.iter().copied()) else {
            return;
        };
        let required: Vec<&str> = node
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        self.line(&format!("# {heading}"));
        let (lists, plain): (Vec<_>, Vec<_>) =
            properties(node)
                .into_iter()
                .flatten()
                .map(|(key, _)| key)
                .partition(|key| {
                    let at = [inner.as_slice(), &[key.as_str()]].concat();
                    self.schema.at(at.iter().copied()).is_some_and(is_list_of_tables) && !self.is_list_of_secrets(&at)
                });
        for key in plain {
            let at = [inner.as_slice(), &[key.as_str()]].concat();
            let default = self.default_of(&at).filter(|value| !value.is_null());
            let shown = default.map_or_else(|| self.shape(&at), literal);
            let need = if required.contains(&key.as_str()) {
                "required: "
            } else {
                ""
            };
            let text = self.description(&at);
            let comment = if text.is_empty() {
                String::new()
            } else {
                format!("  # {need}{text}")
            };
            self.line(&format!("# {key} = {shown}{comment}"));
        }
        for key in lists {
            let at = [inner.as_slice(), &[key.as_str()]].concat();
            self.text.push('\n');
            self.example(&at, &format!("[[{}.{key}]]", path.join(".")), "0");
        }
    }

    fn is_table(&self, path: &[&str], key: &str) -> bool {
        let inner = [path, &[key]].concat();
        let node = self.schema.at(inner.iter().copied());
        node.is_some_and(|node| !self.is_secret(&inner) && node.get("type").is_some_and(|name| name == "object"))
    }

    fn is_secret(&self, path: &[&str]) -> bool {
        self.schema
            .at(path.iter().copied())
            .and_then(|node| node.get("format"))
            .is_some_and(|f| f == "secret")
    }

    fn is_list_of_secrets(&self, path: &[&str]) -> bool {
        self.is_secret(&[path, &["0"]].concat())
    }

    /// What a value looks like that has no default.
    fn shape(&self, path: &[&str]) -> String {
        let node = self.schema.at(path.iter().copied());
        if self.is_secret(path) {
            return "{ env = \"NAME\" }".to_owned();
        }
        if self.is_list_of_secrets(path) {
            return "[{ env = \"NAME\" }]".to_owned();
        }
        if let Some(choices) = node.and_then(|node| node.get("enum")).and_then(Value::as_array) {
            let choices: Vec<String> = choices
                .iter()
                .filter(|one| !one.is_null())
                .map(Value::to_string)
                .collect();
            return choices.join(" | ");
        }
        let kind = node.and_then(|node| node.get("type"));
        let kind = kind.map(|kind| kind.get(0).unwrap_or(kind)).and_then(Value::as_str);
        match kind {
            Some("string") => "\"…\"",
            Some("integer") => "1",
            Some("number") => "1.0",
            Some("boolean") => "true",
            Some("array") => "[]",
            _ => "{}",
        }
        .to_owned()
    }

    fn property(&self, path: &[&str]) -> Option<&Value> {
        let (key, table) = path.split_last()?;
        self.schema.at(table.iter().copied())?.get("properties")?.get(key)
    }

    fn default_of(&self, path: &[&str]) -> Option<&Value> {
        self.property(path)?.get("default")
    }

    fn description(&self, path: &[&str]) -> String {
        let text = self
            .property(path)
            .and_then(|node| node.get("description"))
            .and_then(Value::as_str);
        text.unwrap_or_default()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn described(&mut self, path: &[&str]) {
        let text = self.description(path);
        if !text.is_empty() {
            self.line(&format!("# {text}"));
        }
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }
}

fn properties(node: &Value) -> Option<&Map<String, Value>> {
    node.get("properties")?.as_object()
}

fn is_list_of_tables(node: &Value) -> bool {
    node.get("items").is_some_and(|items| items.get("$ref").is_some())
}

fn literal(value: &Value) -> String {
    match value {
        // TOML writes tables with `=`; the defaults hold none but those of an open schema.
        Value::Object(table) => {
            let pairs: Vec<String> = table
                .iter()
                .map(|(key, value)| format!("{key} = {}", literal(value)))
                .collect();
            if pairs.is_empty() {
                "{}".to_owned()
            } else {
                format!("{{ {} }}", pairs.join(", "))
            }
        }
        Value::Array(elements) => format!("[{}]", elements.iter().map(literal).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
