//! `POST /tools`, `PUT /tools/{tool_id}`, `POST /tools/{tool_id}/approve`.

use super::faults::Faults;
use super::fields::{Fields, pointer};
use super::names::{MAX_NAME, unfit_name};
use crate::refusal::Refusal;
use contracts::tools::{DEFAULT_TIMEOUT, Endpoint, Registration};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use workflow::tool::RetryPolicy;
use workflow::vocabulary::EffectClass;

/// Bytes of the whole document, as JSON.
const MAX_DOCUMENT: usize = 64 << 10;
const DESCRIPTION_CHARACTERS: usize = 4096;
const ADDRESS_CHARACTERS: usize = 2048;
const MAX_ENTRIES: usize = 64;
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
/// Headers the client makes itself.
const OWN_HEADERS: [&str; 6] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "upgrade",
    "idempotency-key",
];

/// Reads and checks a tool. `named`: the id of the path, which the document may repeat.
///
/// # Errors
/// 422 with every fault.
pub fn read(body: Map<String, Value>, named: Option<&str>) -> Result<Registration, Refusal> {
    let mut faults = Faults::default();
    let bytes = serde_json::to_string(&body).map_or(usize::MAX, |text| text.len());
    if bytes > MAX_DOCUMENT {
        faults.value("", format!("must have at most {MAX_DOCUMENT} bytes as JSON"));
        return faults.check(()).and_then(|()| Err(too_long()));
    }
    let mut fields = Fields::new(body, "", &mut faults);
    let document = Registration {
        tool_id: tool_id(&mut fields, named),
        name: name(&mut fields, "name"),
        description: description(&mut fields),
        category: name(&mut fields, "category").unwrap_or_else(|| "api".to_owned()),
        input_schema: schema(&mut fields, "input_schema").unwrap_or_else(|| json!({ "type": "object" })),
        output_schema: schema(&mut fields, "output_schema").unwrap_or(Value::Bool(true)),
        estimated_cost: fields.number("estimated_cost", 0.0..=1e6),
        estimated_duration: fields.number("estimated_duration", 0.0..=1e6),
        requires_approval: fields.flag("requires_approval").unwrap_or_default(),
        effects: effects(&mut fields),
        retry: retry(&mut fields),
        timeout_seconds: fields
            .number("timeout_seconds", 0.1..=86_400.0)
            .unwrap_or(DEFAULT_TIMEOUT),
        endpoint: endpoint(&mut fields),
    };
    fields.finish();
    faults.check(document)
}

/// Reads and checks an approval: the hash of the definition that was looked at, where it is named.
///
/// # Errors
/// 422 with every fault.
pub fn read_approval(body: Map<String, Value>) -> Result<Option<String>, Refusal> {
    let mut faults = Faults::default();
    let mut fields = Fields::new(body, "", &mut faults);
    let seen = fields.text("version_hash", 1..=64);
    fields.finish();
    faults.check(seen)
}

fn too_long() -> Refusal {
    Refusal::new(422, "validation", "the document is too long")
}

fn tool_id(fields: &mut Fields, named: Option<&str>) -> String {
    let given = fields.text("tool_id", 1..=129);
    let Some(id) = given.as_deref().or(named) else {
        fields.required("tool_id", "<namespace>.<name>, such as custom.stock");
        return String::new();
    };
    if named.is_some_and(|named| named != id) {
        fields.fault("tool_id", "is not the one of the path");
    }
    // The id of a path may be any tool's; whose it is the coordinator tells.
    if named.is_none() && !is_id(id) {
        let detail = "must be <namespace>.<name>, each of 1 to 64 letters, digits, `_` and `-`";
        fields.fault("tool_id", detail);
    }
    id.to_owned()
}

fn is_id(text: &str) -> bool {
    let is_name = |part: &str| {
        (1..=MAX_NAME).contains(&part.len())
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    text.split_once('.')
        .is_some_and(|(namespace, name)| is_name(namespace) && is_name(name))
}

fn name(fields: &mut Fields, member: &str) -> Option<String> {
    let name = fields.text(member, 1..=MAX_NAME)?;
    if let Some(why) = unfit_name(&name).filter(|_| !name.is_empty()) {
        fields.fault(member, why);
    }
    Some(name)
}

fn description(fields: &mut Fields) -> String {
    let before = fields.faults().len();
    let text = fields.text("description", 1..=DESCRIPTION_CHARACTERS);
    if text.is_none() && fields.faults().len() == before {
        fields.required("description", "what the tool does; plans choose it by that");
    }
    text.unwrap_or_default()
}

/// Whether it is a schema the coordinator tells.
fn schema(fields: &mut Fields, member: &str) -> Option<Value> {
    match fields.take(member)? {
        schema @ (Value::Object(_) | Value::Bool(_)) => Some(schema),
        other => fields.wrong(member, "a JSON Schema", &other),
    }
}

fn effects(fields: &mut Fields) -> Option<EffectClass> {
    let text = fields.text("effects", 1..=64)?;
    let known = EffectClass::parse(&text).filter(|class| *class != EffectClass::Queryable);
    if known.is_none() {
        let detail = "must be read_only, keyed or once; what a registered tool did cannot be looked up";
        fields.fault("effects", detail);
    }
    known
}

fn retry(fields: &mut Fields) -> RetryPolicy {
    let default = RetryPolicy::default();
    let Some(map) = fields.object("retry") else {
        return default;
    };
    let base = fields.pointer("retry");
    let mut fields = Fields::new(map, base, fields.faults());
    let policy = RetryPolicy {
        max_attempts: fields
            .integer("max_attempts", 1..=20)
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(default.max_attempts),
        initial_interval: fields
            .number("initial_interval", 0.0..=3600.0)
            .unwrap_or(default.initial_interval),
        backoff: fields.number("backoff", 1.0..=10.0).unwrap_or(default.backoff),
        max_interval: fields
            .number("max_interval", 0.0..=86_400.0)
            .unwrap_or(default.max_interval),
        non_retryable: fields.names("non_retryable", 32).unwrap_or_default(),
    };
    fields.finish();
    policy
}

fn endpoint(fields: &mut Fields) -> Endpoint {
    let before = fields.faults().len();
    let map = fields.object("endpoint");
    if map.is_none() && fields.faults().len() == before {
        fields.required("endpoint", "{url} or {api, path}: what is called");
    }
    let missing = map.is_none();
    let base = fields.pointer("endpoint");
    let mut fields = Fields::new(map.unwrap_or_default(), base, fields.faults());
    let endpoint = Endpoint {
        method: method(&mut fields),
        url: fields.text("url", 1..=ADDRESS_CHARACTERS),
        api: fields.text("api", 1..=MAX_NAME),
        path: fields.text("path", 1..=ADDRESS_CHARACTERS),
        headers: headers(&mut fields),
        query: texts(&mut fields, "query"),
        body: fields.take("body"),
        output_pointer: fields.text("output_pointer", 0..=1024),
    };
    if endpoint
        .output_pointer
        .as_deref()
        .is_some_and(|p| !p.is_empty() && !p.starts_with('/'))
    {
        fields.fault("output_pointer", "must be a JSON Pointer, such as /items/0/name");
    }
    if !missing {
        place(&mut fields, &endpoint);
    }
    fields.finish();
    endpoint
}

fn method(fields: &mut Fields) -> String {
    let method = fields.text("method", 1..=16).unwrap_or_else(|| "GET".to_owned());
    if !METHODS.contains(&method.as_str()) {
        fields.fault("method", format!("must be one of {}", METHODS.join(", ")));
    }
    method
}

/// A URL alone, or an API with a path that stays below the API's address.
fn place(fields: &mut Fields, endpoint: &Endpoint) {
    match (&endpoint.url, &endpoint.api) {
        (None, None) => fields.required("url", "an https URL, or `api` and `path`"),
        (Some(_), Some(_)) => fields.fault("url", "stands beside `api`; one of them says what is called"),
        (Some(url), None) => {
            // A slot in the host would let arguments choose it.
            let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
            let host = rest.split(['/', '?']).next().unwrap_or_default();
            if host.contains(['{', '}', '%', '@', '#', '\\']) {
                fields.fault("url", "must begin with https:// and a host that is written out");
            }
            if endpoint.path.is_some() {
                fields.fault("path", "belongs to `api`");
            }
        }
        (None, Some(_)) => {
            if !endpoint.path.as_deref().unwrap_or_default().starts_with('/') {
                fields.fault(
                    "path",
                    "required: begins with `/`, and is appended to the address of `api`",
                );
            }
        }
    }
    let climbs = |text: &String| {
        let segments = text.split(['/', '\\', '?', '#']);
        let plain = segments.map(|segment| segment.to_ascii_lowercase().replace("%2e", "."));
        plain.into_iter().any(|segment| segment == "." || segment == "..")
    };
    for (name, text) in [("url", &endpoint.url), ("path", &endpoint.path)] {
        if text.as_ref().is_some_and(climbs) {
            fields.fault(name, "must not have `.` or `..` as a part of the path");
        }
    }
}

/// Credentials are the operator's, with an API of the configuration; what is registered everybody may read.
fn headers(fields: &mut Fields) -> BTreeMap<String, String> {
    let headers = texts(fields, "headers");
    let base = fields.pointer("headers");
    for name in headers.keys() {
        let lower = name.to_ascii_lowercase();
        let token = !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let secret = ["auth", "cookie", "key", "token", "secret", "password"];
        let why = if !token {
            "is not the name of a header"
        } else if OWN_HEADERS.contains(&lower.as_str()) {
            "is set by the client itself"
        } else if secret.iter().any(|part| lower.contains(part)) {
            "looks like a credential, which belongs to an API of the configuration: name it with `api`"
        } else {
            continue;
        };
        fields.faults().value(pointer(&base, name), why);
    }
    headers
}

fn texts(fields: &mut Fields, member: &str) -> BTreeMap<String, String> {
    let Some(map) = fields.object(member) else {
        return BTreeMap::new();
    };
    if map.len() > MAX_ENTRIES {
        fields.fault(member, format!("must have at most {MAX_ENTRIES} members"));
        return BTreeMap::new();
    }
    let base = fields.pointer(member);
    let mut texts = BTreeMap::new();
    for (name, value) in map {
        match value {
            Value::String(text) if text.len() <= ADDRESS_CHARACTERS && !text.contains(['\r', '\n']) => {
                texts.insert(name, text);
            }
            _ => {
                let detail = format!("must be a string of one line and at most {ADDRESS_CHARACTERS} bytes");
                fields.faults().value(pointer(&base, &name), detail);
            }
        }
    }
    texts
}
