use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Files of models that people bring.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModelsConfig {
    /// Where files lie that may be named by their path below it; relative to `service.state_dir`. The learner reads it.
    pub directory: PathBuf,
    /// Where the learner keeps what was taken in; relative to `service.state_dir`. Learners share it, and servers that load
    /// files by their path have to see it.
    pub storage: PathBuf,
    /// Bytes of one file; a larger one gets 413. Gateway and learner hold to it.
    #[schemars(range(min = 1024, max = 1_099_511_627_776_u64))]
    pub max_file_bytes: u64,
    /// The highest rank of a LoRA adapter that is taken in: what the server of the base model allows.
    #[schemars(range(min = 1, max = 65_536))]
    pub max_adapter_rank: u64,
    /// Files that a learner takes in at a time; more get 429.
    #[schemars(range(min = 1, max = 64))]
    pub uploads_at_once: usize,
}

impl Default for ModelsConfig {
    fn default() -> Self {
        Self {
            directory: PathBuf::from("models"),
            storage: PathBuf::from("model-files"),
            max_file_bytes: 64 << 30,
            max_adapter_rank: 64,
            uploads_at_once: 4,
        }
    }
}

impl ModelsConfig {
    /// [`Self::directory`] from `state_dir` on.
    pub fn directory_in(&self, state_dir: &Path) -> PathBuf {
        state_dir.join(&self.directory)
    }

    /// [`Self::storage`] from `state_dir` on.
    pub fn storage_in(&self, state_dir: &Path) -> PathBuf {
        state_dir.join(&self.storage)
    }
}
