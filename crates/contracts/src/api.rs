//! Request documents of the public interface, as they travel on to the coordinator.
//!
//! The gateway checks shape and ranges before it builds them; the coordinator checks what needs its
//! own knowledge (plans, channels, policy).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use workflow::plan::Plan;

/// `POST /process`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessRequest {
    /// 1-16,384 characters.
    pub request: String,
    /// A client's plan; the planner is skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// At most 64 finite numbers by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub business_metrics: BTreeMap<String, f64>,
    /// Free map of at most 8 KiB; `channels` is a list of channel names, absent: the policy's.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub preferences: Map<String, Value>,
    /// What the task may cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// 0-1; caps every dimension's floor too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality_threshold: Option<f64>,
    /// 0-10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_refinements: Option<u32>,
    /// A human looks at the plan first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_review: Option<bool>,
    /// Works only where policy allows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_approve: Option<bool>,
    /// -10 to 10; what is higher is dispatched first, 0 is normal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i16>,
    /// Client's own labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// What a task may cost.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// USD, at least 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost_usd: Option<f64>,
    /// Tokens in and out, at least 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<i64>,
    /// Calls of models, and of tools that cost, at least 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_calls: Option<i64>,
    /// Seconds, above 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration_seconds: Option<f64>,
}

/// `POST /approve/{task_id}`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApproveRequest {
    /// True approves. False revises with feedback and rejects without.
    pub approved: bool,
    /// Needed where several gates are open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate_id: Option<String>,
    /// Absent: all. Empty: complete without publishing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_to_channels: Option<Vec<String>>,
    /// What should be different, or why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<String>,
    /// Channel to edited content.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub edits: BTreeMap<String, String>,
    /// For a step's gate: the tool is called with these instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Map<String, Value>>,
    /// For a step's gate: answers to what its tool asks, by the key of each request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responses: Option<Map<String, Value>>,
    /// For a plan's gate: the whole plan that runs instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// The `content_hash` the human saw; another one now: 409.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_hash: Option<String>,
    /// For a result: the quality dimensions it is not good enough in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dimensions: Vec<String>,
    /// One of the gate's `allowed_actions`, where `approved` does not say enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<workflow::vocabulary::Action>,
}

/// `POST /tasks/{id}/retry`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryRequest {
    /// Key of the step to start again from; absent: what failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_step: Option<String>,
    /// Added to the budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raise_budget: Option<Budget>,
    /// Send an effect of unknown outcome again.
    #[serde(default)]
    pub send_again: bool,
}

/// `POST /tasks/{id}/fork`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForkRequest {
    /// Key of the step to start again from, with all that depends on it; absent: only what differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_step: Option<String>,
    /// What is asked differently.
    #[serde(default)]
    pub overrides: Overrides,
}

/// Members of `POST /process` that a fork asks differently; what is absent stays as the other task had it, except
/// `auto_approve`, which stays behind.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overrides {
    /// Instead of the other task's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Laid over the other task's, name by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub business_metrics: BTreeMap<String, f64>,
    /// Laid over the other task's, member by member.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub preferences: Map<String, Value>,
    /// Laid over the other task's, member by member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// 0-1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality_threshold: Option<f64>,
    /// 0-10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_refinements: Option<u32>,
    /// A human looks at the plan first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_review: Option<bool>,
    /// Works only where policy allows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_approve: Option<bool>,
    /// -10 to 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i16>,
    /// Laid over the other task's, name by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// By step key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub steps: BTreeMap<String, StepOverride>,
}

/// What a step of a fork does differently.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepOverride {
    /// Another tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_id: Option<String>,
    /// Laid over the step's arguments, member by member; null takes one away.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub arguments: Map<String, Value>,
}
