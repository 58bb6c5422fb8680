use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is remembered of finished tasks.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LearningConfig {
    /// The learner keeps the record of each finished task.
    pub enabled: bool,
}

impl Default for LearningConfig {
    fn default() -> Self {
        Self { enabled: true }
    }
}
