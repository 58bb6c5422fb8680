//! One training record: what a finished task teaches, in a shape that does not change with the system.
//!
//! Free-form values (arguments, outputs, evidence, preferences) are JSON texts, so that the schema is closed and
//! column formats can hold a record. Persons are not named: a decision says that a human took it, not who.

mod business_metric;
mod context;
mod from_raw;
pub mod json;
mod labels;
mod models;
mod plan;
mod quality;
pub mod said;
mod shape;
mod split;

#[cfg(test)]
pub mod tests;

pub use business_metric::BusinessMetric;
pub use from_raw::{UnreadableRecord, from_raw};
pub use labels::Decision;
pub use plan::{Plan, PlannedStep, Step};
pub use quality::{Quality, Round};
pub use shape::{former_schema, schema};
pub use split::Split;

use context::Context;
use labels::Labels;
use models::Models;
use plan::Intent;
use quality::Blame;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use service::config::TrainingConsent;
use std::collections::BTreeMap;

/// Version of the shape below. Members may be added under it; none changes its meaning.
pub const SCHEMA_VERSION: u32 = 2;
/// The version before, which can be read still: its business metrics were figures alone.
pub const FORMER_VERSION: u32 = 1;

/// A training record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainingRecord {
    /// 2.
    pub schema_version: u32,
    /// The task's id: a UUID, in lower case.
    pub record_id: String,
    /// Requests much like this one have the same; all of a cluster is in one part of the data set. A UUID.
    #[serde(default)]
    pub cluster: String,
    /// What the user wrote.
    pub request: String,
    /// What the planner understood; null where there was no planning.
    pub intent: Option<Intent>,
    /// Why the planner planned so; null where nothing is known.
    pub reasoning: Option<String>,
    /// What the task ran under.
    pub context: Context,
    /// The last plan; null where there never was one.
    pub plan: Option<Plan>,
    /// What the plan's steps came to, in its order; before a step that runs once an item its list and its items.
    pub steps: Vec<Step>,
    /// The judgement; null: never judged.
    pub quality: Option<Quality>,
    /// Steps that were blamed, round by round.
    pub blame: Vec<Blame>,
    /// Figures the client gave with the request, and those that were reported for the task, by name.
    #[serde(deserialize_with = "business_metric::read")]
    pub business_metrics: BTreeMap<String, BusinessMetric>,
    /// How it ended and what people decided.
    pub labels: Labels,
    /// Which models took part.
    pub models: Models,
    /// Whether the data's owner allowed training with it.
    pub consent: Consent,
    /// The part of a data set it belongs to: a function of `cluster` alone, 80 / 10 / 10.
    pub split: Split,
}

impl TrainingRecord {
    /// Of JSON text, of this version or the one before.
    ///
    /// # Errors
    /// When it is no record.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let mut record: Self = serde_json::from_str(text)?;
        if record.schema_version == FORMER_VERSION {
            record.schema_version = SCHEMA_VERSION;
        }
        Ok(record)
    }
}

/// Whether the data's owner allowed training with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// Allowed.
    Granted,
    /// Not allowed.
    Denied,
    /// Nobody was asked; whoever trains must know where the data is from.
    Unknown,
}

impl From<TrainingConsent> for Consent {
    fn from(consent: TrainingConsent) -> Self {
        match consent {
            TrainingConsent::Granted => Self::Granted,
            TrainingConsent::Denied => Self::Denied,
            TrainingConsent::Unknown => Self::Unknown,
        }
    }
}
