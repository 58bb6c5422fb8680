//! Requests of an endpoint, made from its arguments.

use super::lookup::KEY_PLACE;
use crate::failure::RunFailure;
use crate::template::{Place, is_template, render, to_template};
use minijinja::value::Value as TemplateValue;
use outbound::{HeaderMap, HeaderName, HeaderValue, Method, Url, header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use service::config::{ApiConfig, EndpointConfig, HeaderText, LookupConfig};
use std::collections::BTreeMap;

/// An endpoint whose definition cannot work.
#[derive(Debug, thiserror::Error)]
pub enum UnusableEndpoint {
    /// Not a method.
    #[error("`{0}` is not an HTTP method")]
    Method(String),
    /// Not a header.
    #[error("header `{0}` has a name or value that cannot be sent")]
    Header(String),
    /// Not a schema.
    #[error("the output schema cannot be used: {0}")]
    OutputSchema(String),
}

/// What of a request depends on the arguments. Frozen in the ledger before it is sent; headers of the
/// configuration, where credentials stand, are added when it is sent and never stored.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct FrozenRequest {
    pub method: String,
    pub url: String,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    #[serde(default)]
    pub body: Option<String>,
    /// Where to ask whether it was done, the key's place in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookup_url: Option<String>,
}

impl FrozenRequest {
    pub fn to_json(&self) -> String {
        serde_json::json!(self).to_string()
    }
}

/// Makes requests for one endpoint.
pub struct RequestMaker {
    method: Method,
    base_url: String,
    path: String,
    query: BTreeMap<String, String>,
    fixed_headers: HeaderMap,
    templated_headers: BTreeMap<String, String>,
    body: Option<Value>,
    lookup: Option<LookupConfig>,
}

impl RequestMaker {
    pub fn new(api: &ApiConfig, endpoint: &EndpointConfig) -> Result<Self, UnusableEndpoint> {
        let method = endpoint.method.as_str();
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| UnusableEndpoint::Method(method.to_owned()))?;
        let mut fixed_headers = HeaderMap::new();
        let mut templated_headers = BTreeMap::new();
        // The endpoint's own come later and replace the API's.
        for (name, value) in api.headers.iter().chain(&endpoint.headers) {
            let unusable = || UnusableEndpoint::Header(name.clone());
            let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unusable())?;
            templated_headers.remove(parsed.as_str());
            fixed_headers.remove(&parsed);
            match value {
                // The credentials' part.
                HeaderText::Secret(_) => {}
                HeaderText::Text(text) if is_template(text) => {
                    templated_headers.insert(parsed.as_str().to_owned(), text.clone());
                }
                HeaderText::Text(text) => {
                    fixed_headers.insert(parsed, HeaderValue::from_str(text).map_err(|_| unusable())?);
                }
            }
        }
        Ok(Self {
            method,
            base_url: api.base_url.trim_end_matches('/').to_owned(),
            path: endpoint.path.clone(),
            query: endpoint.query.clone(),
            fixed_headers,
            templated_headers,
            body: endpoint.body.clone(),
            lookup: endpoint.lookup.clone(),
        })
    }

    /// Headers of the configuration; added when a request is sent.
    pub fn fixed_headers(&self) -> &HeaderMap {
        &self.fixed_headers
    }

    /// The request for `arguments`.
    ///
    /// # Errors
    /// `tool_bad_arguments` when they do not fit the endpoint's templates.
    pub fn make(&self, arguments: &Map<String, Value>) -> Result<FrozenRequest, RunFailure> {
        let context = to_template(&Value::Object(arguments.clone()));
        let mut headers = BTreeMap::new();
        for (name, template) in &self.templated_headers {
            for value in values(template, arguments, &context)? {
                headers.insert(name.clone(), value);
            }
        }
        let body = self.body(arguments, &context)?;
        if body.is_some() && !self.fixed_headers.contains_key(header::CONTENT_TYPE) {
            headers
                .entry(header::CONTENT_TYPE.as_str().to_owned())
                .or_insert_with(|| "application/json".to_owned());
        }
        Ok(FrozenRequest {
            method: self.method.to_string(),
            url: self.url(&self.path, &self.query, arguments, &context)?.into(),
            headers,
            body,
            lookup_url: self.lookup_url(arguments)?,
        })
    }

    fn lookup_url(&self, arguments: &Map<String, Value>) -> Result<Option<String>, RunFailure> {
        let Some(lookup) = &self.lookup else { return Ok(None) };
        let mut known = arguments.clone();
        known.insert("effect_key".to_owned(), KEY_PLACE.into());
        let context = to_template(&Value::Object(known.clone()));
        let url = self.url(&lookup.path, &lookup.query, &known, &context)?;
        Ok(Some(url.into()))
    }

    fn url(
        &self,
        template: &str,
        query: &BTreeMap<String, String>,
        arguments: &Map<String, Value>,
        context: &TemplateValue,
    ) -> Result<Url, RunFailure> {
        let path = if is_template(template) {
            render(template, context, Place::UrlPath).map_err(|error| unfit(error.to_string()))?
        } else {
            template.to_owned()
        };
        // `..` as a value would climb out of the path the operator wrote.
        if path != template && path.split(['/', '?', '#']).any(|segment| matches!(segment, "." | "..")) {
            return Err(unfit("an argument would change the path".to_owned()));
        }
        let mut url =
            Url::parse(&format!("{}{path}", self.base_url)).map_err(|error| unfit(format!("no URL: {error}")))?;
        if !self.is_below_base(&url) {
            return Err(unfit("the path leads out of the base URL".to_owned()));
        }
        for (name, template) in query {
            for value in values(template, arguments, context)? {
                url.query_pairs_mut().append_pair(name, &value);
            }
        }
        Ok(url)
    }

    /// Dots, in whatever way they are written, lead nowhere else: a path may be a caller's.
    fn is_below_base(&self, url: &Url) -> bool {
        let Ok(base) = Url::parse(&self.base_url) else {
            return false;
        };
        let below = url.path().strip_prefix(base.path().trim_end_matches('/'));
        base.origin() == url.origin() && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    fn body(&self, arguments: &Map<String, Value>, context: &TemplateValue) -> Result<Option<String>, RunFailure> {
        match &self.body {
            Some(Value::String(template)) => match sole_name(template).map(|name| arguments.get(name)) {
                Some(None) => Ok(None),
                Some(Some(argument)) if !argument.is_string() => Ok(Some(argument.to_string())),
                Some(Some(_)) | None => text(template, context).map(Some),
            },
            Some(document) => Ok(Some(filled(document, arguments, context)?.to_string())),
            None if self.method == Method::GET || self.method == Method::DELETE => Ok(None),
            None => Ok(Some(Value::Object(arguments.clone()).to_string())),
        }
    }
}

/// A JSON body with its strings rendered; a string that is nothing but `{{name}}` takes that argument
/// with its type.
pub(crate) fn filled(
    document: &Value,
    arguments: &Map<String, Value>,
    context: &TemplateValue,
) -> Result<Value, RunFailure> {
    Ok(match document {
        Value::String(template) => match sole_name(template).and_then(|name| arguments.get(name)) {
            Some(argument) => argument.clone(),
            None => Value::String(text(template, context)?),
        },
        Value::Array(items) => items
            .iter()
            .map(|item| filled(item, arguments, context))
            .collect::<Result<_, _>>()?,
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| Ok((name.clone(), filled(member, arguments, context)?)))
            .collect::<Result<Map<_, _>, RunFailure>>()?
            .into(),
        literal => literal.clone(),
    })
}

/// A query parameter or header, as often as it is sent: not at all when it is empty, or nothing but an argument that is
/// absent; once for each item of a list.
fn values(template: &str, arguments: &Map<String, Value>, context: &TemplateValue) -> Result<Vec<String>, RunFailure> {
    let written = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let found = match sole_name(template).map(|name| arguments.get(name)) {
        Some(None | Some(Value::Null)) => Vec::new(),
        Some(Some(Value::Array(items))) => items.iter().map(written).collect(),
        Some(Some(object @ Value::Object(_))) => vec![object.to_string()],
        Some(Some(_)) | None => vec![text(template, context)?],
    };
    Ok(found.into_iter().filter(|value| !value.is_empty()).collect())
}

fn sole_name(template: &str) -> Option<&str> {
    let name = template.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    name.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'_')
        .then_some(name)
}

fn text(template: &str, context: &TemplateValue) -> Result<String, RunFailure> {
    if is_template(template) {
        render(template, context, Place::Text).map_err(|error| unfit(error.to_string()))
    } else {
        Ok(template.to_owned())
    }
}

fn unfit(message: String) -> RunFailure {
    RunFailure::permanent("tool_bad_arguments", message)
}
