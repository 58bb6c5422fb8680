//! OpenAPI documents as tools: every operation becomes an endpoint, and is called like one.
//!
//! A document is data somebody else wrote. It names operations and schemas; where calls go, how they authenticate and
//! what repeating them does is the operator's word.

mod document;
mod loading;
mod operation;
mod overlay;
mod reading;
mod schema;
#[cfg(test)]
mod tests;

pub use loading::{from_file, is_remote, keep_loading};

use outbound::{AllowList, Client, Limits, Unlisted, Url};
use reading::NotReadable;
use serde_json::Value;
use service::config::ApiConfig;
use std::collections::BTreeSet;

/// More tools of one API are no help to anybody, and would leave no room for those of others.
const MAX_OPERATIONS: usize = 256;

/// A document that gives no tools.
#[derive(Debug, thiserror::Error)]
pub enum UnusableDocument {
    /// The file or its text.
    #[error(transparent)]
    Text(#[from] NotReadable),
    /// It names a server nobody allowed.
    #[error("host_not_allowed: its server {0} is not in allow_hosts; allow it, or set base_url")]
    Host(String),
    /// It names no server that can be called.
    #[error("it names no server with a full address; set base_url")]
    NoServer,
    /// An override of nothing.
    #[error("it has no operation `{0}`, and the endpoint of that name has no path of its own")]
    NoOperation(String),
    /// No HTTP client.
    #[error(transparent)]
    Client(#[from] outbound::BuildError),
    /// An entry of `allow_hosts`.
    #[error(transparent)]
    Entry(#[from] outbound::InvalidEntry),
}

/// An operation that gives no tool; the others do.
#[derive(Clone, PartialEq, Debug)]
pub struct Refused {
    /// Which.
    pub operation: String,
    /// `schema_rejected`, `operation_unusable` or `too_many_operations`.
    pub code: &'static str,
    /// For people.
    pub reason: String,
}

/// What a document makes of an API.
#[derive(Debug)]
pub struct Expanded {
    /// With an endpoint for each operation. Endpoints of the configuration with an operation's name override what they
    /// set.
    pub api: ApiConfig,
    /// Names of the operations, whether or not they gave a tool: other endpoints are the operator's own.
    pub operations: BTreeSet<String>,
    /// Operations that gave none.
    pub refused: Vec<Refused>,
}

/// The API with what its document has.
///
/// # Errors
/// What makes the whole document unusable.
pub fn expanded(api: &ApiConfig, text: &str, came_from: Option<&Url>) -> Result<Expanded, UnusableDocument> {
    let document = reading::parse(text)?;
    let base_url = match api.base_url.as_str() {
        "" => server(api, &document, came_from)?,
        own => own.to_owned(),
    };
    let (mut endpoints, mut refused, mut names) = (Vec::new(), Vec::new(), BTreeSet::new());
    for found in operation::all(&document) {
        let name = operation::free_name(&found, &mut names);
        let wanted = |chosen: &String| *chosen == name || found.operation_id() == Some(chosen);
        if !api.operations.is_empty() && !api.operations.iter().any(wanted) {
            continue;
        }
        if endpoints.len() >= MAX_OPERATIONS {
            refused.push(one_too_many(name));
            continue;
        }
        match operation::endpoint(&document, &found, &name) {
            Ok(endpoint) => endpoints.push(endpoint),
            Err(why) => refused.push(why),
        }
    }
    let endpoints = overlay::apply(endpoints, &api.endpoints, &refused)?;
    let api = ApiConfig {
        base_url,
        endpoints,
        ..api.clone()
    };
    Ok(Expanded {
        api,
        operations: names,
        refused,
    })
}

fn one_too_many(operation: String) -> Refused {
    Refused {
        operation,
        code: "too_many_operations",
        reason: format!("the document has more than {MAX_OPERATIONS} operations; choose with `operations`"),
    }
}

/// The document's first server, where the operator allowed its host.
fn server(api: &ApiConfig, document: &Value, came_from: Option<&Url>) -> Result<String, UnusableDocument> {
    let written = document.pointer("/servers/0/url").and_then(Value::as_str);
    let filled = with_defaults(written.unwrap_or("/"), document);
    let url = match came_from {
        Some(base) => base.join(&filled),
        None => Url::parse(&filled),
    };
    let url = url.map_err(|_| UnusableDocument::NoServer)?;
    let mut allow = AllowList::new(Unlisted::Refused);
    for entry in &api.allow_hosts {
        allow.allow(entry)?;
    }
    let client = Client::new(allow, Limits::default())?;
    match client.check(&url) {
        Ok(()) => Ok(url.into()),
        Err(_) => Err(UnusableDocument::Host(url.origin().ascii_serialization())),
    }
}

/// `{name}` in a server's address stands for a variable with a default.
fn with_defaults(written: &str, document: &Value) -> String {
    let variables = document.pointer("/servers/0/variables").and_then(Value::as_object);
    let mut filled = written.to_owned();
    for (name, variable) in variables.into_iter().flatten() {
        let default = variable.get("default").and_then(Value::as_str).unwrap_or_default();
        filled = filled.replace(&format!("{{{name}}}"), default);
    }
    filled
}
