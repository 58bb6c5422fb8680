//! Intent, plan, and what its steps came to.

use super::json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the planner understood of the request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// What is wanted.
    pub goal: String,
    /// What the result must have.
    pub requirements: Vec<String>,
    /// JSON: what is known of the business.
    pub business_context: Option<String>,
    /// JSON: how it is wanted.
    pub preferences: Option<String>,
    /// How to tell that it is good.
    pub success_criteria: Vec<String>,
}

/// A plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// From 1; above 1 after a re-plan.
    pub version: u64,
    /// client, planner, pattern or human; null: unknown.
    pub origin: Option<String>,
    /// One sentence about the whole.
    pub summary: Option<String>,
    /// In the order of the document.
    pub steps: Vec<PlannedStep>,
}

/// A step as it was planned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedStep {
    /// Its name within the plan.
    pub key: String,
    /// For people.
    pub title: Option<String>,
    /// The tool.
    pub tool_id: String,
    /// JSON: the arguments, references and templates not filled in.
    pub arguments: String,
    /// Keys of steps that had to end first, apart from those it refers to.
    pub depends_on: Vec<String>,
    /// JSON: the condition it ran under.
    pub when: Option<String>,
    /// Why it was there.
    pub reason: Option<String>,
    /// The channel its output was for.
    pub channel: Option<String>,
    /// JSON: what the output had to satisfy.
    pub acceptance: Option<String>,
    /// JSON: the list it ran once for each item of, and how long that might be.
    #[serde(default)]
    pub for_each: Option<String>,
    /// small, standard or large: the model it asked, where the plan said so.
    #[serde(default)]
    pub tier: Option<String>,
}

/// What a step came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Its name within the plan.
    pub key: String,
    /// The tool.
    pub tool_id: String,
    /// How it ended.
    pub status: String,
    /// Attempts of its last run, from 1; 0: it never ran.
    pub attempt: u64,
    /// Repair round of its last run, from 0.
    pub round: u64,
    /// RFC 3339.
    pub started_at: Option<String>,
    /// RFC 3339.
    pub finished_at: Option<String>,
    /// JSON: its last output.
    pub output: Option<String>,
    /// What it made in other rounds, the oldest first.
    #[serde(default)]
    pub other_outputs: Vec<OtherOutput>,
    /// Its last failure.
    pub error: Option<StepError>,
}

/// What a step made in a round other than that of its output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OtherOutput {
    /// Repair round, from 0.
    pub round: u64,
    /// JSON: the output.
    pub output: String,
}

/// A step's failure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepError {
    /// Stable.
    pub code: String,
    /// For people.
    pub message: String,
}

pub(super) fn intent(raw: &Value) -> Option<Intent> {
    let places = [raw.get("intent"), raw.pointer("/task/intent")];
    let intent = places.into_iter().flatten().find(|intent| intent.is_object())?;
    Some(Intent {
        goal: json::text_or_empty(intent, "/goal"),
        requirements: json::texts(intent, "/requirements"),
        business_context: json::json_text(intent, "/business_context"),
        preferences: json::json_text(intent, "/preferences"),
        success_criteria: json::texts(intent, "/success_criteria"),
    })
}

pub(super) fn plan(raw: &Value) -> Option<Plan> {
    // The document says all; the status' view of it is what is left where the document is missing.
    let places = [raw.get("plan"), raw.pointer("/task/plan")];
    let plan = places.into_iter().flatten().find(|plan| plan.is_object())?;
    Some(Plan {
        version: json::count(raw, "/task/plan/version").max(1),
        origin: json::text(raw, "/task/plan/origin"),
        summary: json::text(plan, "/summary"),
        steps: json::list(plan, "/steps").iter().map(planned_step).collect(),
    })
}

fn planned_step(step: &Value) -> PlannedStep {
    PlannedStep {
        key: json::text_or_empty(step, "/key"),
        title: json::text(step, "/title"),
        tool_id: json::text_or_empty(step, "/tool_id"),
        arguments: json::json_text(step, "/arguments").unwrap_or_else(|| "{}".to_owned()),
        depends_on: json::texts(step, "/depends_on"),
        when: json::json_text(step, "/when"),
        reason: json::text(step, "/reason"),
        channel: json::text(step, "/channel"),
        acceptance: json::json_text(step, "/acceptance"),
        for_each: json::json_text(step, "/for_each"),
        tier: json::text(step, "/tier"),
    }
}

pub(super) fn steps(raw: &Value) -> Vec<Step> {
    json::list(raw, "/task/plan/steps")
        .iter()
        .map(|step| ran_step(raw, step))
        .collect()
}

fn ran_step(raw: &Value, step: &Value) -> Step {
    let key = json::text_or_empty(step, "/key");
    let recorded = raw.get("outputs").and_then(|outputs| outputs.get(&key));
    let output = recorded
        .or_else(|| step.get("output"))
        .filter(|output| !output.is_null());
    let error = step.get("error").filter(|error| error.is_object());
    Step {
        tool_id: json::text_or_empty(step, "/tool_id"),
        status: json::text_or_empty(step, "/status"),
        attempt: json::count(step, "/attempt"),
        round: json::count(step, "/round"),
        started_at: json::text(step, "/started_at"),
        finished_at: json::text(step, "/finished_at"),
        output: output.map(Value::to_string),
        other_outputs: other_outputs(raw, &key),
        error: error.map(|error| StepError {
            code: json::text_or_empty(error, "/code"),
            message: json::text_or_empty(error, "/message"),
        }),
        key,
    }
}

fn other_outputs(raw: &Value, key: &str) -> Vec<OtherOutput> {
    let made = raw.get("other_outputs").and_then(|others| others.get(key)?.as_array());
    let read = |made: &Value| {
        Some(OtherOutput {
            round: json::count(made, "/round"),
            output: made.get("output")?.to_string(),
        })
    };
    made.into_iter().flatten().filter_map(read).collect()
}
