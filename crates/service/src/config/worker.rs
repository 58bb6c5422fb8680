use super::checks::{Checks, is_subject_token};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Slots of a worker that does not set its own figure.
const DEFAULT_SLOTS: u32 = 256;

/// Planner, executor and assessor.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WorkerConfig {
    /// The coordinator's gRPC address.
    #[schemars(extend("format" = "http-url"))]
    pub coordinator_url: String,
    /// The learner's gRPC address; the planner asks it for memory.
    #[schemars(extend("format" = "http-url"))]
    pub learner_url: String,
    /// The pool whose work this process takes.
    pub pool: String,
    /// Jobs at a time. 0: 256, right for work that mostly waits.
    #[schemars(range(max = 65536))]
    pub slots: u32,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self {
            coordinator_url: "http://127.0.0.1:9101".to_owned(),
            learner_url: "http://127.0.0.1:9102".to_owned(),
            pool: "default".to_owned(),
            slots: 0,
        }
    }
}

impl WorkerConfig {
    /// Jobs at a time, the default filled in.
    pub const fn slots(&self) -> u32 {
        if self.slots == 0 { DEFAULT_SLOTS } else { self.slots }
    }

    pub(super) fn check(&self, checks: &mut Checks) {
        if !is_subject_token(&self.pool) {
            checks.add(
                "worker.pool",
                "a pool is a part of a subject",
                "use 1 to 64 letters, digits, `-` and `_`",
            );
        }
    }
}
