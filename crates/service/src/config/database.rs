use super::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Postgres. Only coordinator and learner connect to it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `postgres://user:password@host:port/database` of the coordinator.
    pub url: Secret,
    /// The learner's, where it has a database of its own. Absent: the same.
    pub learner_url: Option<Secret>,
    /// Most connections of one process.
    #[schemars(range(min = 1, max = 1000))]
    pub max_connections: u32,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: Secret::plain("postgres://orchestrator@127.0.0.1:5432/orchestrator"),
            learner_url: None,
            max_connections: 8,
        }
    }
}

impl DatabaseConfig {
    /// The learner's database.
    pub fn learner(&self) -> &Secret {
        self.learner_url.as_ref().unwrap_or(&self.url)
    }
}
