//! A plan that passed validation, with what execution needs of the catalog copied in.

use super::fan_out::FanOut;
use super::model::Plan;
use crate::hash::Fingerprint;
use crate::tool::RetryPolicy;
use crate::vocabulary::{EffectClass, PlanOrigin};
use serde::{Deserialize, Serialize};

/// What a task executes. Never changes; a re-plan is another one with a higher version.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct FrozenPlan {
    /// From 1.
    pub version: u32,
    /// Who made it.
    pub origin: PlanOrigin,
    /// What is executed: the document, with what steps that run once an item became.
    pub plan: Plan,
    /// In the order of `plan.steps`.
    pub steps: Vec<FrozenStep>,
    /// Indices of `steps`, dependencies first.
    pub order: Vec<u16>,
    /// Hash of the document and of the tool definitions it relies on.
    pub hash: Fingerprint,
    /// The document, where `plan` is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authored: Option<Box<Plan>>,
    /// Steps of the document that run once an item.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fan_outs: Vec<FanOut>,
}

impl FrozenPlan {
    /// The step, its items where it has some, and everything that depends on them.
    pub fn with_dependents(&self, index: u16) -> Vec<u16> {
        let mut found = vec![index];
        found.extend(self.gathered_by(index).iter().flat_map(|fan| &fan.items));
        for &candidate in &self.order {
            let deps = self
                .steps
                .get(usize::from(candidate))
                .map_or(&[][..], |step| &step.deps);
            if !found.contains(&candidate) && deps.iter().any(|dep| found.contains(dep)) {
                found.push(candidate);
            }
        }
        found
    }
}

/// What the catalog said of a step's tool when the plan was accepted.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct FrozenStep {
    /// Indices of the steps this one depends on, by `depends_on`, references or `when`; ascending.
    pub deps: Vec<u16>,
    /// Indices of the steps whose output it takes, in arguments or `when` (a subset of `deps`).
    pub inputs: Vec<u16>,
    /// Hash of the step's own definition and of the tool's.
    pub hash: Fingerprint,
    /// Hash of the tool's definition.
    pub tool_version_hash: Fingerprint,
    /// What repeating it does outside.
    pub effects: EffectClass,
    /// The step's policy, else the tool's.
    pub retry: RetryPolicy,
    /// Seconds one attempt may take.
    pub timeout_seconds: f64,
    /// A human is asked before it runs.
    pub requires_approval: bool,
    /// The tool takes feedback as an argument, or a template of the arguments mentions it.
    pub takes_feedback: bool,
    /// The pool that serves the tool.
    pub pool: String,
    /// Micro-USD reserved for a run.
    pub grant_usd_micros: i64,
    /// It asks models, and nobody has estimated what for: the policy says what is reserved.
    #[serde(default)]
    pub of_unknown_price: bool,
    /// It asks models: nobody can tell before how many calls and tokens that takes.
    #[serde(default)]
    pub asks_models: bool,
    /// Usually done within a second: may share a message with its siblings.
    pub short: bool,
}
