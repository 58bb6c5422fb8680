use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which tools an executor offers.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ToolsConfig {
    /// Ids of the tools to announce; empty: all.
    pub enabled: Vec<String>,
}

impl ToolsConfig {
    /// The tool is offered.
    pub fn offers(&self, tool_id: &str) -> bool {
        self.enabled.is_empty() || self.enabled.iter().any(|id| id == tool_id)
    }
}
