//! Tools that callers register: the document of `POST /tools`, checked by the gateway, kept by the coordinator,
//! served by executors.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use workflow::hash::Fingerprint;
use workflow::tool::{RetryPolicy, ToolSource, ToolSpecification};
use workflow::vocabulary::EffectClass;

/// Seconds one attempt may take where nobody says.
pub const DEFAULT_TIMEOUT: f64 = 30.0;

/// A tool as its caller defines it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// `<namespace>.<name>`.
    pub tool_id: String,
    /// For people; absent: the id.
    #[serde(default)]
    pub name: Option<String>,
    /// What it does, for people and planners.
    pub description: String,
    /// For lists and searches.
    #[serde(default = "default_category")]
    pub category: String,
    /// JSON Schema of the arguments.
    #[serde(default = "any_object")]
    pub input_schema: Value,
    /// JSON Schema of the output.
    #[serde(default = "any_value")]
    pub output_schema: Value,
    /// USD a call; null is unknown.
    #[serde(default)]
    pub estimated_cost: Option<f64>,
    /// Seconds a call; null is unknown.
    #[serde(default)]
    pub estimated_duration: Option<f64>,
    /// A human is asked before each call.
    #[serde(default)]
    pub requires_approval: bool,
    /// What repeating a call does outside. Absent: `read_only` for GET, else `once`.
    #[serde(default)]
    pub effects: Option<EffectClass>,
    /// When failed attempts are repeated.
    #[serde(default)]
    pub retry: RetryPolicy,
    /// Seconds one attempt may take.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: f64,
    /// What is called.
    pub endpoint: Endpoint,
}

/// What is called: a public URL, or a path of an API the operator configured. Texts may be templates over the
/// arguments.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// GET, POST, PUT, PATCH or DELETE.
    #[serde(default = "default_method")]
    pub method: String,
    /// https, at a public host. Either this, or `api` and `path`.
    #[serde(default)]
    pub url: Option<String>,
    /// Name of a configured API, whose address and credentials are used.
    #[serde(default)]
    pub api: Option<String>,
    /// Appended to the address of `api`; begins with `/`.
    #[serde(default)]
    pub path: Option<String>,
    /// Headers; none that carries a credential.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Query parameters.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// The body, a template. Absent: the arguments as JSON, for methods that have a body.
    #[serde(default)]
    pub body: Option<Value>,
    /// JSON Pointer to the output within the answer. Absent: the whole answer.
    #[serde(default)]
    pub output_pointer: Option<String>,
}

fn default_category() -> String {
    "api".to_owned()
}

fn any_object() -> Value {
    json!({ "type": "object" })
}

const fn any_value() -> Value {
    Value::Bool(true)
}

const fn default_timeout() -> f64 {
    DEFAULT_TIMEOUT
}

fn default_method() -> String {
    "GET".to_owned()
}

impl Endpoint {
    /// Of all of it: another method, address or header is another call.
    fn hash(&self) -> Fingerprint {
        Fingerprint::of([json!(self).to_string().as_bytes()])
    }
}

impl Registration {
    /// The two parts of the id.
    pub fn names(&self) -> Option<(&str, &str)> {
        self.tool_id.split_once('.')
    }

    /// The caller's word on effects, or the method's default.
    pub fn effects(&self) -> EffectClass {
        let of_method = match self.endpoint.method.as_str() {
            "GET" => EffectClass::ReadOnly,
            _ => EffectClass::Once,
        };
        self.effects.unwrap_or(of_method)
    }

    /// The tool as the catalog knows it, served by the executors of `pool`.
    pub fn specification(&self, pool: &str) -> ToolSpecification {
        ToolSpecification {
            tool_id: self.tool_id.clone(),
            name: self.name.clone().unwrap_or_else(|| self.tool_id.clone()),
            description: self.description.clone(),
            category: self.category.clone(),
            input_schema: self.input_schema.clone(),
            output_schema: self.output_schema.clone(),
            estimated_cost: self.estimated_cost,
            estimated_duration: self.estimated_duration,
            requires_approval: self.requires_approval,
            source: ToolSource::Api,
            effects: self.effects(),
            retry: self.retry.clone(),
            timeout_seconds: self.timeout_seconds,
            pool: pool.to_owned(),
            binding_hash: Some(self.endpoint.hash().to_string()),
            foreign: false,
        }
    }
}
