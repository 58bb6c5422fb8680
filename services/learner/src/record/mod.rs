//! One training record: what a finished task teaches, in a shape that does not change with the system.
//!
//! Free-form values (arguments, outputs, evidence, preferences) are JSON texts, so that the schema is closed and
//! column formats can hold a record. Persons are not named: a decision says that a human took it, not who.

mod context;
mod from_raw;
pub mod json;
mod labels;
mod models;
mod plan;
mod quality;
mod split;

#[cfg(test)]
pub mod tests;

pub use from_raw::from_raw;
pub use split::Split;

use context::Context;
use labels::Labels;
use models::Models;
use plan::{Intent, Plan, Step};
use quality::{Blame, Quality};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Version of the shape below.
pub const SCHEMA_VERSION: u32 = 1;

/// A training record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainingRecord {
    /// 1.
    pub schema_version: u32,
    /// The task's id.
    pub record_id: String,
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
    /// Figures the client gave with the request.
    pub business_metrics: BTreeMap<String, f64>,
    /// How it ended and what people decided.
    pub labels: Labels,
    /// Which models took part.
    pub models: Models,
    /// Whether the data's owner allowed training with it.
    pub consent: Consent,
    /// The part of a data set it belongs to: a function of `record_id` alone, 80 / 10 / 10.
    pub split: Split,
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

/// JSON Schema (2020-12) of a record.
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(TrainingRecord).to_value();
    if let Some(members) = schema.as_object_mut() {
        members.insert("$id".to_owned(), json!("urn:orchestrator:schema:training-record:1"));
        members.insert("title".to_owned(), json!("Training record"));
    }
    schema
}
