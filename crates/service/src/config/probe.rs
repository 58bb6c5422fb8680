use super::lookup::ConditionConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a worker finds out whether a publication that may have been sent is there: a GET, before anything is sent again.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeConfig {
    /// Asked with the credentials of the channel; the same scheme, host and port as the channel's `url`, and a template
    /// over the same names.
    #[schemars(extend("format" = "http-url"))]
    pub url: String,
    /// What the answer looks like when the publication is there. An answer of 404 says that it is not.
    pub found: ConditionConfig,
    /// JSON Pointer to where it is, within the answer.
    #[serde(default)]
    pub location_pointer: Option<String>,
}
