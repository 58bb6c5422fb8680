use super::agents::{any_object, any_value, check_schema};
use super::auth::AuthConfig;
use super::checks::Checks;
use super::effects::Effects;
use super::headers::{self, Headers};
use super::lookup::LookupConfig;
use super::pagination::PaginationConfig;
use super::retry::RetryConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// An external HTTP API whose endpoints are tools.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiConfig {
    /// First part of the tools' ids.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// What every path is appended to. Its host is thereby allowed, loopback and private ones too. Required, unless
    /// an OpenAPI document names a server whose host is in `allow_hosts`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(extend("format" = "http-url"))]
    pub base_url: String,
    /// An OpenAPI 3.0 or 3.1 document, JSON or YAML, whose operations become tools: a file, relative to the file this
    /// stands in, or the URL of one, which is read again at every discovery and from time to time; what has changed there waits for
    /// approval. Endpoints with the name of an operation override what they set.
    #[serde(default)]
    pub openapi: Option<String>,
    /// Seconds until a document from a URL is read again. Its server is asked whether it changed (`ETag`,
    /// `Last-Modified`) where it tells.
    #[serde(default = "default_refresh")]
    #[schemars(range(min = 10.0, max = 86400.0))]
    pub openapi_refresh_seconds: f64,
    /// The operations that become tools, by `operationId`. Empty: all.
    #[serde(default)]
    pub operations: Vec<String>,
    /// Further hosts a redirect or the document's server may lead to, as `host` or `host:port`.
    #[serde(default)]
    pub allow_hosts: Vec<String>,
    /// Sent with every call. A value may be `{ env = "NAME" }` or `{ file = "path" }`.
    #[serde(default, serialize_with = "headers::redacted")]
    pub headers: Headers,
    /// How calls authenticate: `{ kind = "bearer", token }`, `{ kind = "header", name, value }`,
    /// `{ kind = "basic", user, password }` or `{ kind = "oauth_client_credentials", token_url, client_id,
    /// client_secret, client_auth, scopes, audience }`; what is secret as `{ env = "NAME" }` or `{ file = "path" }`.
    #[serde(default)]
    pub auth: Option<AuthConfig>,
    /// The tools.
    #[serde(default)]
    pub endpoints: Vec<EndpointConfig>,
}

/// One tool: `<api>.<endpoint>`. Texts may be templates over the arguments.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointConfig {
    /// Second part of the tool's id.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// What it does; the planner matches requests against it.
    #[serde(default)]
    pub description: String,
    /// For lists and searches.
    #[serde(default = "default_category")]
    pub category: String,
    /// HTTP method.
    #[serde(default)]
    pub method: Method,
    /// Appended to the base URL; begins with `/`. Required, unless the API's OpenAPI document has this operation.
    #[serde(default)]
    #[schemars(extend("pattern" = "^/"))]
    pub path: String,
    /// Sent with this call, over those of the API. A value may be `{ env = "NAME" }` or `{ file = "path" }`.
    #[serde(default, serialize_with = "headers::redacted")]
    pub headers: Headers,
    /// Query parameters.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// The body, a template. Absent: the arguments as JSON, for methods that have a body.
    #[serde(default)]
    pub body: Option<Value>,
    /// JSON Schema of the arguments.
    #[serde(default = "any_object")]
    pub input_schema: Value,
    /// JSON Schema of the output.
    #[serde(default = "any_value")]
    pub output_schema: Value,
    /// JSON Pointer to the output within the answer. Absent: the whole answer.
    #[serde(default)]
    pub output_pointer: Option<String>,
    /// What repeating a call does outside. Absent: `read_only` for GET, else `once`.
    #[serde(default)]
    pub effects: Option<Effects>,
    /// How to find out whether an earlier call did its work: `{ path, query, done = { pointer, equals | exists },
    /// answer_pointer }`; for `queryable`.
    #[serde(default)]
    pub lookup: Option<LookupConfig>,
    /// How a list is read page by page: `{ kind = "link_header" | "cursor" | "page" | "offset", parameter,
    /// cursor_pointer, first_page, max_pages }`; for `read_only`.
    #[serde(default)]
    pub pagination: Option<PaginationConfig>,
    /// Seconds the receiver remembers an `Idempotency-Key`; for `keyed`.
    #[serde(default = "default_key_ttl")]
    #[schemars(range(min = 1.0, max = 31_536_000.0))]
    pub key_ttl_seconds: f64,
    /// When failed attempts are repeated.
    #[serde(default)]
    pub retry: RetryConfig,
    /// Seconds one attempt may take.
    #[serde(default = "default_timeout")]
    #[schemars(range(min = 0.1, max = 86400.0))]
    pub timeout_seconds: f64,
    /// A human is asked before each call.
    #[serde(default)]
    pub requires_approval: bool,
    /// Bytes of the answer, decompressed, beyond which the call fails.
    #[serde(default = "default_response_bytes")]
    #[schemars(range(min = 1, max = 33_554_432))]
    pub max_response_bytes: u64,
}

/// HTTP methods an endpoint may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
pub enum Method {
    // No docs on the variants: with them the schema is a `oneOf`, whose errors do not name the choices.
    #[default]
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// As it stands in a request.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

fn default_category() -> String {
    "api".to_owned()
}

pub(super) const fn default_key_ttl() -> f64 {
    86_400.0
}

const fn default_refresh() -> f64 {
    300.0
}

const fn default_timeout() -> f64 {
    30.0
}

const fn default_response_bytes() -> u64 {
    1 << 20
}

impl ApiConfig {
    /// An API with an address, headers, and nothing else.
    pub fn new(name: &str, base_url: &str, headers: Headers) -> Self {
        Self {
            name: name.to_owned(),
            base_url: base_url.to_owned(),
            openapi: None,
            openapi_refresh_seconds: default_refresh(),
            operations: Vec::new(),
            allow_hosts: Vec::new(),
            headers,
            auth: None,
            endpoints: Vec::new(),
        }
    }

    pub(super) fn check_all(apis: &[Self], checks: &mut Checks) {
        for api in apis {
            let at = format!("apis[{}]", api.name);
            if api.name.contains(['.', ' ', '/']) {
                checks.add(&format!("{at}.name"), "a name has no dot, slash or space", "rename it");
            }
            let mut required = |at: &str, key: &str, value: &str| {
                if value.is_empty() && api.openapi.is_none() {
                    checks.add(&format!("{at}.{key}"), "required and not set", format!("set {key}"));
                }
            };
            required(&at, "base_url", &api.base_url);
            for endpoint in &api.endpoints {
                let at = format!("{at}.endpoints[{}]", endpoint.name);
                required(&at, "path", &endpoint.path);
            }
            if api.openapi.is_none() && !api.operations.is_empty() {
                checks.add(
                    &format!("{at}.operations"),
                    "there is no document to choose from",
                    "set openapi",
                );
            }
            headers::check(&format!("{at}.headers"), &api.headers, checks);
            if let Some(auth) = &api.auth {
                auth.check(&format!("{at}.auth"), checks);
            }
            let list = format!("{at}.endpoints");
            for endpoint in &api.endpoints {
                endpoint.check(&format!("{list}[{}]", endpoint.name), checks);
            }
        }
    }
}

impl Default for EndpointConfig {
    /// Every key at the value it has when nobody sets it.
    fn default() -> Self {
        Self {
            name: String::new(),
            description: String::new(),
            category: default_category(),
            method: Method::default(),
            path: String::new(),
            headers: Headers::new(),
            query: BTreeMap::new(),
            body: None,
            input_schema: any_object(),
            output_schema: any_value(),
            output_pointer: None,
            effects: None,
            lookup: None,
            pagination: None,
            key_ttl_seconds: default_key_ttl(),
            retry: RetryConfig::default(),
            timeout_seconds: default_timeout(),
            requires_approval: false,
            max_response_bytes: default_response_bytes(),
        }
    }
}

impl EndpointConfig {
    /// The operator's word, or the method's default.
    pub fn effects(&self) -> Effects {
        match (self.effects, self.method) {
            (Some(effects), _) => effects,
            (None, Method::Get) => Effects::ReadOnly,
            (None, _) => Effects::Once,
        }
    }

    fn check(&self, at: &str, checks: &mut Checks) {
        if self
            .output_pointer
            .as_deref()
            .is_some_and(|p| !p.is_empty() && !p.starts_with('/'))
        {
            checks.add(
                &format!("{at}.output_pointer"),
                "not a JSON Pointer",
                "write /field/0/name",
            );
        }
        if (self.effects() == Effects::Queryable) != self.lookup.is_some() {
            checks.add(
                &format!("{at}.lookup"),
                "`queryable` and a look-up belong together",
                "set both; use `keyed` where the receiver honours Idempotency-Key, else `once`",
            );
        }
        if let Some(pagination) = &self.pagination {
            pagination.check(&format!("{at}.pagination"), checks);
            if self.effects() != Effects::ReadOnly || self.method != Method::Get {
                checks.add(
                    &format!("{at}.pagination"),
                    "only what reads with GET has pages",
                    "remove it, or correct method and effects",
                );
            }
        }
        headers::check(&format!("{at}.headers"), &self.headers, checks);
        check_schema(&format!("{at}.input_schema"), &self.input_schema, checks);
        check_schema(&format!("{at}.output_schema"), &self.output_schema, checks);
    }
}
