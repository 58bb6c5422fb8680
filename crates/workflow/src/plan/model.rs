//! The plan document, as clients, planners and people write it.

use crate::tool::RetryPolicy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A workflow: steps and what flows between them.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// One sentence about the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub summary: Option<String>,
    /// 1-200 steps, in any order.
    #[schemars(length(min = 1, max = 200))]
    pub steps: Vec<PlanStep>,
}

/// One step: a tool and its arguments.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanStep {
    /// Names the step within the plan: a letter, then letters, digits, `_` or `-`, at most 64.
    #[schemars(regex(pattern = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"))]
    pub key: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub title: Option<String>,
    /// A tool of the catalog.
    #[schemars(length(min = 1, max = 200))]
    pub tool_id: String,
    /// Arguments. A value `{"$step":"draft","pointer":"/text"}` takes another step's output and implies
    /// the dependency; strings may be templates over request, preferences, metrics and feedback.
    #[serde(default)]
    pub arguments: Map<String, Value>,
    /// Runs the tool once for each item of a list, all at the same time. The step's output is
    /// `{"items": [what came of each, in the order of the list]}`. `when` and `depends_on` are about the whole; checks,
    /// retries and the timeout are each item's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_each: Option<ForEach>,
    /// Keys of steps that must end first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    pub depends_on: Vec<String>,
    /// Runs only when this holds, else it is skipped, and what depends on it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// Why the step is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub reason: Option<String>,
    /// The channel this step's output is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub channel: Option<String>,
    /// What the output must satisfy; a failing check fails the assessment and blames this step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub acceptance: Vec<AcceptanceCheck>,
    /// Size of the model that an agent's step asks, instead of the agent's own; tools that ask no model ignore it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// Instead of the tool's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryPolicy>,
    /// Seconds one attempt may take, instead of the tool's own; 0.1-86400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.1, max = 86400.0))]
    pub timeout_seconds: Option<f64>,
}

/// A list, and how long it may be.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForEach {
    /// The list: `{"$step": key, "pointer": JSON pointer}` to an array in another step's output, or an array that is
    /// written out. In the step's arguments `{"$item": JSON pointer}` takes a value of the item, `{"$item": ""}` the item.
    pub items: Value,
    /// Longest list, 1-64. A longer one fails the step before any item runs.
    #[schemars(range(min = 1, max = 64))]
    pub max_items: u16,
}

/// Size of a model.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Fast and cheap.
    Small,
    /// For most work.
    Standard,
    /// For what is hard.
    Large,
}

impl Tier {
    /// From the smallest.
    pub const ALL: [Self; 3] = [Self::Small, Self::Standard, Self::Large];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Standard => "standard",
            Self::Large => "large",
        }
    }
}

/// A condition on another step's output, or, without `$step`, on the submission
/// `{request, business_metrics, preferences}`. Exactly one of the tests is given.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["equals"]}, {"required": ["exists"]}, {"required": ["gt"]}, {"required": ["lt"]}]))]
pub struct When {
    /// Key of the step whose output is looked at; implies the dependency.
    #[serde(rename = "$step", default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// JSON pointer (RFC 6901) into it.
    #[schemars(length(max = 1024), regex(pattern = r"^(/([^/~]|~[01])*)*$"))]
    pub pointer: String,
    /// Holds when the value equals this.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub equals: Option<Value>,
    /// Holds when the value is there (true) or is not (false).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
    /// Holds when the value is a number above this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gt: Option<f64>,
    /// Holds when the value is a number below this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lt: Option<f64>,
}

/// A check of a step's output; every test that is given must hold.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("anyOf" = [
    {"required": ["min_length"]}, {"required": ["max_length"]}, {"required": ["contains"]},
    {"required": ["not_contains"]}, {"required": ["equals"]}, {"required": ["schema"]}, {"required": ["same_as"]},
    {"required": ["numbers_from"]}, {"required": ["links_from"]}, {"required": ["ascending_by"]},
    {"required": ["descending_by"]},
]))]
pub struct AcceptanceCheck {
    /// JSON pointer (RFC 6901) into the output; empty: the whole.
    #[serde(default)]
    #[schemars(length(max = 1024), regex(pattern = r"^(/([^/~]|~[01])*)*$"))]
    pub pointer: String,
    /// Least number of characters, items or members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u64>,
    /// Most characters, items or members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u64>,
    /// The text contains this, case ignored, or the array has this item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// The text does not contain this, case ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_contains: Option<String>,
    /// The value equals this.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub equals: Option<Value>,
    /// The value satisfies this JSON Schema; it refers to nothing outside itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// The value equals one of another step. Not looked at where that step was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_as: Option<ValueOf>,
    /// Every number in the value occurs in what these brought: keys of steps, and `$request` for what was submitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    pub numbers_from: Option<Vec<String>>,
    /// Every web link in the value occurs in what these brought; as for `numbers_from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    pub links_from: Option<Vec<String>>,
    /// The items of the array do not fall: by the number or text at this JSON pointer into each; empty: the item itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024), regex(pattern = r"^(/([^/~]|~[01])*)*$"))]
    pub ascending_by: Option<String>,
    /// They do not rise; as for `ascending_by`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024), regex(pattern = r"^(/([^/~]|~[01])*)*$"))]
    pub descending_by: Option<String>,
}

/// What stands in a step's output.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValueOf {
    /// Key of the step.
    #[serde(rename = "$step")]
    pub step: String,
    /// JSON pointer (RFC 6901) into its output; empty: the whole.
    #[serde(default)]
    #[schemars(length(max = 1024), regex(pattern = r"^(/([^/~]|~[01])*)*$"))]
    pub pointer: String,
}

/// Names, in a check, what was submitted; no step's key, which begins with a letter.
pub const SUBMISSION: &str = "$request";

/// `"equals": null` is a test for null and not the absence of a test.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
