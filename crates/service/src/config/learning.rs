use super::FineTunesConfig;
use super::checks::Checks;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

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
    /// Different intents, or different users, that tasks with a part of a plan must have succeeded for before the part is a
    /// pattern of its own.
    #[schemars(range(min = 2, max = 1000))]
    pub fragment_support: u32,
    /// State from which on a pattern is offered to planners.
    pub offer_from: OfferFrom,
    /// Share of the tasks, 0-1, that are planned without memory, so that one can tell what it is worth.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub hold_out_share: f64,
    /// Cosine, 0-1, of a request and the intent of a pattern from which on they mean alike, where `tools.embeddings` is set.
    /// Models differ: one that puts everything close to everything needs more.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub meaning_floor: f64,
    /// Days the figures look back.
    #[schemars(range(min = 1, max = 3650))]
    pub window_days: u32,
    /// Teams whose members share preferences and may state them: tables with `name` and `members`, a list of users.
    pub teams: Vec<TeamConfig>,
    /// Whether the owners of the data allow training with it, where a request's `metadata.training_consent` says nothing.
    /// What is denied is never exported.
    pub training_consent: TrainingConsent,
    /// Regular expressions of what else is taken out of training data, beside secrets and personal data: customer numbers
    /// and the like.
    pub scrub_patterns: Vec<String>,
    /// Days the file of an export of training data is kept. Then its state is `expired`, for as long again.
    #[schemars(range(min = 1, max = 3650))]
    pub export_retention_days: u32,
    /// Jobs that train models at providers.
    pub fine_tunes: FineTunesConfig,
}

/// Users who share preferences.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TeamConfig {
    /// How it is called.
    pub name: String,
    /// Users, as their credentials name them.
    pub members: BTreeSet<String>,
}

/// Whether the owners of the data allow training with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrainingConsent {
    /// They do.
    Granted,
    /// They do not.
    Denied,
    /// Nobody was asked: exported, and marked so.
    #[default]
    Unknown,
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
            fragment_support: 3,
            offer_from: OfferFrom::default(),
            hold_out_share: 0.1,
            meaning_floor: 0.4,
            window_days: 30,
            teams: Vec::new(),
            training_consent: TrainingConsent::default(),
            scrub_patterns: Vec::new(),
            export_retention_days: 30,
            fine_tunes: FineTunesConfig::default(),
        }
    }
}

/// Bytes of a compiled pattern; a larger one would cost too much for each text.
const MOST_PATTERN_BYTES: usize = 1 << 20;

impl LearningConfig {
    pub(super) fn check(&self, checks: &mut Checks) {
        for (place, pattern) in self.scrub_patterns.iter().enumerate() {
            let compiled = regex::RegexBuilder::new(pattern).size_limit(MOST_PATTERN_BYTES).build();
            if let Err(error) = compiled {
                let reason = error.to_string().lines().last().unwrap_or_default().to_owned();
                let key = format!("learning.scrub_patterns[{place}]");
                checks.add(
                    &key,
                    reason,
                    "write it in the syntax of the Rust crate `regex`, without lookaround",
                );
            }
        }
    }
}
