use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How jobs that train models at providers are followed. Where that may be done stands in `llm.providers.NAME.fine_tuning`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FineTunesConfig {
    /// Seconds until a provider is asked again how a job stands. Twice as long after each time that it stands as before.
    #[schemars(range(min = 0.01, max = 3600.0))]
    pub poll_seconds: f64,
    /// Most seconds between two such questions.
    #[schemars(range(min = 0.01, max = 86400.0))]
    pub most_poll_seconds: f64,
    /// Hours a job may take; then it is cancelled, and has failed.
    #[schemars(range(min = 0.001, max = 8760.0))]
    pub deadline_hours: f64,
    /// Jobs of a tenant that are under way at the same time.
    #[schemars(range(min = 1, max = 1000))]
    pub max_under_way: u32,
    /// Seconds one call may take.
    #[schemars(range(min = 0.1, max = 3600.0))]
    pub call_timeout_seconds: f64,
    /// Seconds that sending one file may take.
    #[schemars(range(min = 1.0, max = 86400.0))]
    pub upload_timeout_seconds: f64,
    /// Largest file of examples that is sent, in MiB.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_file_mib: u32,
}

impl Default for FineTunesConfig {
    fn default() -> Self {
        Self {
            poll_seconds: 10.0,
            most_poll_seconds: 300.0,
            deadline_hours: 72.0,
            max_under_way: 4,
            call_timeout_seconds: 60.0,
            upload_timeout_seconds: 1800.0,
            max_file_mib: 512,
        }
    }
}
