use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// How a worker finds out whether a call that may have been sent did its work: a GET, before anything is sent again.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupConfig {
    /// Appended to the base URL; begins with `/`. A template over the arguments and `effect_key`, which is what the
    /// call sent as its `Idempotency-Key`.
    #[schemars(extend("pattern" = "^/"))]
    pub path: String,
    /// Query parameters, templates too.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// What the answer looks like when the work was done. An answer of 404 says that it was not.
    pub done: ConditionConfig,
    /// JSON Pointer to what stands in for the answer of the call itself. Absent: the whole answer.
    #[serde(default)]
    pub answer_pointer: Option<String>,
}

/// A condition on a JSON document: what is at `pointer` is there, or equals a value.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConditionConfig {
    /// JSON Pointer.
    #[serde(default)]
    pub pointer: String,
    /// The value it must have.
    #[serde(default)]
    pub equals: Option<Value>,
    /// Whether it must be there.
    #[serde(default)]
    pub exists: Option<bool>,
}
