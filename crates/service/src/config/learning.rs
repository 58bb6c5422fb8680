use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is remembered of finished tasks, and what of it later plans are offered.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LearningConfig {
    /// The learner keeps the record of each finished task.
    pub enabled: bool,
    /// Least overall quality, 0-1, of a task that others may learn from, whatever its own threshold was.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub min_quality: f64,
    /// Verified successes that put a pattern on trial; with fewer it is a candidate. It is active once a task that it was
    /// offered to succeeded as well.
    #[serde(alias = "activate_after")]
    #[schemars(range(min = 1, max = 1000))]
    pub trial_after: u32,
    /// State from which on a pattern is offered to planners.
    pub offer_from: OfferFrom,
    /// Share of the tasks, 0-1, that are planned without memory, so that one can tell what it is worth.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub hold_out_share: f64,
    /// Days the figures look back.
    #[schemars(range(min = 1, max = 3650))]
    pub window_days: u32,
}

/// A pattern's state from which on it is offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OfferFrom {
    /// From its first verified success on.
    Candidate,
    /// Once it succeeded `trial_after` times.
    #[default]
    #[serde(alias = "active")]
    Trial,
}

impl Default for LearningConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            min_quality: 0.7,
            trial_after: 2,
            offer_from: OfferFrom::default(),
            hold_out_share: 0.1,
            window_days: 30,
        }
    }
}
