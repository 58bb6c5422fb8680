//! What a task ran under.

use super::json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a task ran under.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// JSON: tone and the like.
    pub preferences: Option<String>,
    /// The client's own labels.
    pub metadata: BTreeMap<String, String>,
    /// Where results were to go; empty: nowhere.
    pub channels: Vec<String>,
    /// Learned patterns that planning used.
    pub patterns_used: Vec<String>,
    /// JSON: what planning knew of memory.
    pub memory: Option<String>,
    /// What planning was told of what goes wrong.
    #[serde(default)]
    pub issues_told: Vec<IssueTold>,
    /// Repair rounds used.
    pub refinements: u64,
    /// What it cost.
    pub cost: Cost,
    /// RFC 3339.
    pub created_at: Option<String>,
    /// RFC 3339; what records are sorted by.
    pub finished_at: Option<String>,
}

/// What often went wrong before, and planning was to avoid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueTold {
    /// A UUID.
    pub issue_id: String,
    /// What: acceptance_check_failed and the like.
    pub code: String,
    /// The tool it happens with.
    pub tool: String,
    /// A check, a dimension, a code of errors or a channel; may be empty.
    pub condition: String,
}

/// What a task cost.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// US dollars; null: unknown.
    pub usd: Option<f64>,
    /// Prompt tokens.
    pub input_tokens: u64,
    /// Completion tokens.
    pub output_tokens: u64,
    /// Model and tool calls that cost.
    pub calls: u64,
}

fn issue_told(told: &Value) -> IssueTold {
    IssueTold {
        issue_id: json::text_or_empty(told, "/issue_id"),
        code: json::text_or_empty(told, "/code"),
        tool: json::text_or_empty(told, "/tool"),
        condition: json::text_or_empty(told, "/condition"),
    }
}

pub(super) fn read(raw: &Value) -> Context {
    Context {
        preferences: json::json_text(raw, "/submission/preferences"),
        metadata: json::text_map(raw, "/submission/metadata"),
        channels: json::texts(raw, "/submission/channels"),
        patterns_used: json::texts(raw, "/task/patterns_used"),
        memory: json::json_text(raw, "/task/memory"),
        issues_told: json::list(raw, "/issues_told").iter().map(issue_told).collect(),
        refinements: json::count(raw, "/task/refinements"),
        cost: Cost {
            usd: json::number(raw, "/task/cost/usd"),
            input_tokens: json::count(raw, "/task/cost/input_tokens"),
            output_tokens: json::count(raw, "/task/cost/output_tokens"),
            calls: json::count(raw, "/task/cost/calls"),
        },
        created_at: json::text(raw, "/task/created_at"),
        finished_at: json::text(raw, "/task/finished_at").or_else(|| json::text(raw, "/task/updated_at")),
    }
}
