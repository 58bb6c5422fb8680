//! One operation of a document as an endpoint.

use super::Refused;
use super::schema::{Way, resolve, standalone};
use serde_json::{Map, Value, json};
use service::config::EndpointConfig;
use std::collections::BTreeSet;

/// Methods that are tools. What HEAD, OPTIONS and TRACE tell is no output.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
/// Headers that are the client's own business, or the credentials'.
const OWN_HEADERS: [&str; 14] = [
    "accept",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "idempotency-key",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// Names that mean something else in a template.
const WORDS: [&str; 13] = [
    "true", "false", "none", "and", "or", "not", "in", "is", "if", "else", "for", "loop", "self",
];
/// Characters of a description.
const MAX_DESCRIPTION: usize = 2000;
const MAX_PARAMETERS: usize = 100;

/// An operation where it stands.
pub struct Found<'d> {
    path: &'d str,
    method: &'static str,
    item: &'d Value,
    operation: &'d Value,
}

impl Found<'_> {
    /// Its name in the document.
    pub fn operation_id(&self) -> Option<&str> {
        self.operation.get("operationId").and_then(Value::as_str)
    }
}

/// All operations, in the order of paths and methods.
pub fn all(document: &Value) -> impl Iterator<Item = Found<'_>> {
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    paths.flat_map(move |(path, item)| {
        let item = resolve(document, item).unwrap_or(item);
        METHODS.into_iter().filter_map(move |method| {
            let operation = item.get(method).filter(|operation| operation.is_object())?;
            Some(Found {
                path,
                method,
                item,
                operation,
            })
        })
    })
}

/// The second part of the tool's id: the operation's own name, or one made of method and path, that nobody took.
pub fn free_name(found: &Found<'_>, taken: &mut BTreeSet<String>) -> String {
    let made = || format!("{}{}", found.method, found.path);
    let wanted = identifier(&found.operation_id().map_or_else(made, str::to_owned), 60);
    let numbered = (2..).map(|n: u32| format!("{wanted}_{n}"));
    let mut candidates = std::iter::once(wanted.clone()).chain(numbered);
    let name = candidates.find(|name| !taken.contains(name)).unwrap_or(wanted);
    taken.insert(name.clone());
    name
}

/// Letters, digits and `_`; a template can name it.
fn identifier(text: &str, most: usize) -> String {
    let mut made = String::new();
    for c in text.chars() {
        match c {
            c if c.is_ascii_alphanumeric() => made.push(c),
            _ if made.is_empty() || made.ends_with('_') => {}
            _ => made.push('_'),
        }
    }
    let made: String = made.trim_end_matches('_').chars().take(most).collect();
    match made.chars().next() {
        Some(first) if !first.is_ascii_digit() && !WORDS.contains(&made.to_ascii_lowercase().as_str()) => made,
        _ => format!("p_{made}"),
    }
}

/// The operation as an endpoint.
///
/// # Errors
/// Why it gives none.
pub fn endpoint(document: &Value, found: &Found<'_>, name: &str) -> Result<EndpointConfig, Refused> {
    let refused = |code: &'static str| {
        move |reason: String| Refused {
            operation: name.to_owned(),
            code,
            reason,
        }
    };
    let mut made = Made::default();
    made.parameters(document, found).map_err(refused("schema_rejected"))?;
    made.body(document, found).map_err(refused("schema_rejected"))?;
    let path = made.path(found.path).map_err(refused("operation_unusable"))?;
    if let Some(reason) = made.unusable {
        return Err(refused("operation_unusable")(reason));
    }
    let output = output_schema(document, found).map_err(refused("schema_rejected"))?;
    let mut written = json!({
        "name": name,
        "description": description(found.operation),
        "method": found.method.to_uppercase(),
        "path": path,
        "query": made.query,
        "headers": made.headers,
        "input_schema": {
            "type": "object",
            "properties": made.properties,
            "required": made.required,
            "additionalProperties": false,
        },
        "output_schema": output,
    });
    if let (true, Value::Object(fields)) = (made.has_body, &mut written) {
        fields.insert("body".to_owned(), json!("{{body}}"));
    }
    if let (Some(tag), Value::Object(fields)) = (first_tag(found.operation), &mut written) {
        fields.insert("category".to_owned(), json!(tag));
    }
    let endpoint = serde_json::from_value::<EndpointConfig>(written);
    let endpoint = endpoint.map_err(|error| refused("operation_unusable")(error.to_string()))?;
    let schema = jsonschema::validator_for(&endpoint.input_schema);
    match schema {
        Ok(_) => Ok(endpoint),
        Err(error) => Err(refused("schema_rejected")(error.to_string())),
    }
}

fn description(operation: &Value) -> String {
    let text = |key: &str| operation.get(key).and_then(Value::as_str).map(str::trim);
    let parts = [text("summary"), text("description")].into_iter().flatten();
    let whole = parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n");
    whole.chars().take(MAX_DESCRIPTION).collect()
}

fn first_tag(operation: &Value) -> Option<String> {
    let tag = operation.pointer("/tags/0")?.as_str()?;
    Some(identifier(tag, 40).to_lowercase())
}

/// What becomes of parameters and body.
#[derive(Default)]
struct Made {
    properties: Map<String, Value>,
    required: Vec<String>,
    query: Map<String, Value>,
    headers: Map<String, Value>,
    /// Arguments by the names of path parameters.
    in_path: Vec<(String, String)>,
    has_body: bool,
    unusable: Option<String>,
}

impl Made {
    /// The operation's own parameters replace those of its path.
    fn parameters(&mut self, document: &Value, found: &Found<'_>) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        let lists = [found.operation.get("parameters"), found.item.get("parameters")];
        let listed = lists.into_iter().flatten().filter_map(Value::as_array).flatten();
        for (count, listed) in listed.enumerate() {
            if count >= MAX_PARAMETERS {
                return Err(format!("more than {MAX_PARAMETERS} parameters"));
            }
            let parameter = resolve(document, listed)?;
            let text = |key: &str| parameter.get(key).and_then(Value::as_str).unwrap_or_default();
            if seen.insert((text("in").to_owned(), text("name").to_owned())) {
                self.parameter(document, parameter, text("in"), text("name"))?;
            }
        }
        Ok(())
    }

    fn parameter(&mut self, document: &Value, parameter: &Value, place: &str, name: &str) -> Result<(), String> {
        let required = place == "path" || parameter.get("required") == Some(&Value::Bool(true));
        let deep = parameter.get("style").and_then(Value::as_str) == Some("deepObject");
        let own = place == "header" && OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str());
        if own || deep || !matches!(place, "path" | "query" | "header") {
            if required && !own {
                self.unusable = Some(format!(
                    "it needs the {place} parameter `{name}` in a form nothing here sends"
                ));
            }
            return Ok(());
        }
        let argument = self.free_argument(place, name);
        let schema = parameter
            .get("schema")
            .or_else(|| parameter.pointer("/content/application~1json/schema"));
        let mut schema = match schema {
            Some(schema) => standalone(document, schema, Way::In)?,
            None => json!({}),
        };
        describe(&mut schema, parameter);
        match place {
            "path" => {
                not_empty(&mut schema);
                self.in_path.push((name.to_owned(), argument.clone()));
            }
            "query" if parameter.get("explode") == Some(&Value::Bool(false)) => {
                let joined = format!("{{% if {argument} is defined %}}{{{{ {argument} | join(',') }}}}{{% endif %}}");
                self.query.insert(name.to_owned(), json!(joined));
            }
            "query" => drop(self.query.insert(name.to_owned(), json!(format!("{{{{{argument}}}}}")))),
            _ => drop(
                self.headers
                    .insert(name.to_owned(), json!(format!("{{{{{argument}}}}}"))),
            ),
        }
        if required {
            self.required.push(argument.clone());
        }
        self.properties.insert(argument, schema);
        Ok(())
    }

    /// The parameter's name as an argument; where two share one, the later bears its place too.
    fn free_argument(&self, place: &str, name: &str) -> String {
        let plain = identifier(name, 60);
        if plain == "body" || self.properties.contains_key(&plain) {
            format!("{place}_{plain}")
        } else {
            plain
        }
    }

    fn body(&mut self, document: &Value, found: &Found<'_>) -> Result<(), String> {
        let Some(body) = found.operation.get("requestBody") else {
            return Ok(());
        };
        let body = resolve(document, body)?;
        let required = body.get("required") == Some(&Value::Bool(true));
        let Some(schema) = json_content(body) else {
            if required {
                self.unusable = Some("it wants a body that is not JSON".to_owned());
            }
            return Ok(());
        };
        self.properties
            .insert("body".to_owned(), standalone(document, schema, Way::In)?);
        self.has_body = true;
        if required {
            self.required.push("body".to_owned());
        }
        Ok(())
    }

    /// The path with its parameters as templates. What a document writes is never read as a template.
    fn path(&self, written: &str) -> Result<String, String> {
        let climbs = written.split('/').any(|segment| matches!(segment, "." | ".."));
        let foreign = written.contains(['?', '#', '\\', '%']) || ["{{", "{%", "{#"].iter().any(|m| written.contains(m));
        if !written.starts_with('/') || climbs || foreign || written.chars().any(char::is_control) {
            return Err(format!("its path `{written}` is none"));
        }
        let (mut made, mut rest) = (String::new(), written);
        while let Some((before, after)) = rest.split_once('{') {
            let (name, following) = after.split_once('}').ok_or("its path has an open brace")?;
            let known = self.in_path.iter().find(|(known, _)| known == name);
            let (_, argument) = known.ok_or_else(|| format!("its path names `{name}`, which is no parameter"))?;
            made.push_str(before);
            made.push_str(&format!("{{{{{argument}}}}}"));
            rest = following;
        }
        made.push_str(rest);
        Ok(made)
    }
}

fn describe(schema: &mut Value, parameter: &Value) {
    if let (Value::Object(words), Some(Value::String(text))) = (schema, parameter.get("description")) {
        let text: String = text.chars().take(MAX_DESCRIPTION).collect();
        words.entry("description").or_insert(Value::String(text));
    }
}

/// An empty segment would be another path.
fn not_empty(schema: &mut Value) {
    if let Value::Object(words) = schema
        && words.get("type") == Some(&json!("string"))
    {
        words.entry("minLength").or_insert(json!(1));
    }
}

/// The schema of the JSON form of a body or an answer.
fn json_content(node: &Value) -> Option<&Value> {
    static ANYTHING: Value = Value::Bool(true);
    let content = node.get("content")?.as_object()?;
    let is_json = |media: &str| {
        let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        media == "application/json" || media == "*/*" || media.ends_with("+json")
    };
    let (_, form) = content.iter().find(|(media, _)| is_json(media))?;
    Some(form.get("schema").unwrap_or(&ANYTHING))
}

/// Of the first answer that is a success and JSON; anything where there is none.
fn output_schema(document: &Value, found: &Found<'_>) -> Result<Value, String> {
    let answers = found.operation.get("responses").and_then(Value::as_object);
    for (_, answer) in answers
        .into_iter()
        .flatten()
        .filter(|(status, _)| status.starts_with('2'))
    {
        if let Some(schema) = json_content(resolve(document, answer)?) {
            return standalone(document, schema, Way::Out);
        }
    }
    Ok(Value::Bool(true))
}
