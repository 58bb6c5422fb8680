//! What a client asked for and the policy it runs under; frozen when the task is accepted.

use crate::deliverable::DeliverableRule;
use crate::judge::OVERALL;
use crate::money::Bounds;
use crate::plan::Plan;
use crate::risk::Risk;
use crate::vocabulary::{EffectClass, GateKind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The request, with every default filled in.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Submission {
    /// 1-16,384 characters.
    pub request: String,
    /// Name to finite number.
    #[serde(default)]
    pub business_metrics: BTreeMap<String, f64>,
    /// Free map: tone and the like. Without `channels`.
    #[serde(default)]
    pub preferences: Map<String, Value>,
    /// Client's own labels.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// A client's plan; the planner is skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// Where results go. Empty: one deliverable `result`, nothing is published.
    pub channels: Vec<String>,
    /// What the task runs under.
    pub policy: Policy,
    /// Who asked; from the credential.
    pub actor: String,
    /// Of a forked task: where it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forked: Option<Forked>,
    /// W3C trace context of the request.
    #[serde(default)]
    pub traceparent: String,
}

/// Where a forked task comes from.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Forked {
    /// Id of the other task.
    pub task: String,
    /// The step it starts again from; none: what differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_step: Option<String>,
    /// What steps whose output may be taken over used there, by key.
    pub used: BTreeMap<String, Used>,
}

/// What a step used, all of its runs together.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Used {
    /// Micro-USD; none: nobody knows a price.
    pub usd_micros: Option<i64>,
    /// Prompt tokens.
    pub input_tokens: i64,
    /// Completion tokens.
    pub output_tokens: i64,
    /// Calls that cost.
    pub calls: i64,
    /// From its last start to its end.
    pub seconds: f64,
}

/// Rules of one task: configuration overlaid with the request's own settings.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Policy {
    /// Overall score needed, 0-1.
    pub threshold: f64,
    /// An overall score this near the threshold is judged again before it counts.
    #[serde(default)]
    pub dead_band: f64,
    /// What deliverables must keep.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deliverable_rules: Vec<DeliverableRule>,
    /// Dimension to weight and floor.
    pub dimensions: BTreeMap<String, Dimension>,
    /// Repair rounds before a human is asked.
    pub max_refinements: u32,
    /// A human looks at the plan first.
    pub plan_review: bool,
    /// The publication gate answers itself when the task passed.
    pub auto_approve: bool,
    /// And scored at least this, 0-1.
    pub auto_approve_min_quality: f64,
    /// Rules that are stricter than that, or answer the gates of steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub auto_approval: Vec<AutoApproval>,
    /// What repeating a publication to the task's channels does, as far as the operator said; where there are rules.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub channel_effects: BTreeMap<String, EffectClass>,
    /// What happens when a task cannot go on by itself.
    pub on_exhausted: OnExhausted,
    /// Micro-USD the task may cost; none: no limit.
    pub max_cost_usd_micros: Option<i64>,
    /// Tokens the task may use; none: no limit.
    pub max_tokens: Option<i64>,
    /// Calls of models, and of tools that cost, the task may make; none: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_calls: Option<i64>,
    /// Seconds from acceptance until a human is asked; none: no limit.
    pub max_duration_seconds: Option<f64>,
    /// Seconds a gate stays open.
    pub gate_ttl_seconds: f64,
    /// Who is to answer gates of a kind first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub assignees: BTreeMap<GateKind, String>,
    /// Who is to answer a gate that waits longer, in the order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalation: Vec<Escalation>,
    /// Seconds a formatting or publication run may take.
    pub job_timeout_seconds: f64,
    /// Seconds a planning or assessment run may take: each asks a model several times.
    #[serde(default = "default_model_timeout")]
    pub model_timeout_seconds: f64,
    /// Micro-USD reserved for a run that asks models and whose price nobody can tell before.
    pub grant_usd_micros: i64,
    /// Tokens reserved for a run that asks models, where they have a budget.
    #[serde(default)]
    pub grant_tokens: i64,
    /// Calls reserved for a run that asks models, where they have a budget.
    #[serde(default)]
    pub grant_calls: i64,
    /// A smaller model is asked where a larger one does not fit the budget.
    #[serde(default)]
    pub cheaper_models: bool,
    /// What happens when the budget is spent; none: as `on_exhausted` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_budget_exceeded: Option<OnBudgetExceeded>,
    /// With `cheaper`: the share of the budget, 0-1, below which steps ask small models.
    #[serde(default)]
    pub cheaper_below: f64,
    /// Step events are told too.
    pub step_events: bool,
    /// Higher is dispatched first; 0 is normal.
    pub priority: i16,
}

impl Policy {
    /// The least score of a dimension, or of the whole, that is good enough; none: nobody asked for it.
    pub fn bar(&self, dimension: &str) -> Option<f64> {
        if dimension == OVERALL {
            return Some(self.threshold);
        }
        Some(self.dimensions.get(dimension)?.floor.min(self.threshold))
    }

    /// What the task may spend, without what humans added.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            usd_micros: self.max_cost_usd_micros,
            tokens: self.max_tokens,
            calls: self.max_calls,
        }
    }
}

/// What happens when a task's budget is spent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBudgetExceeded {
    /// A human is asked.
    Ask,
    /// The task fails.
    Stop,
    /// Steps ask small models while little is left; then a human is asked.
    Cheaper,
}

/// Of tasks from before there was a time of its own.
const fn default_model_timeout() -> f64 {
    600.0
}

/// A gate that waits so long is handed on.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Escalation {
    /// Seconds from its opening.
    pub after_seconds: f64,
    /// To whom.
    pub assignee: String,
}

/// What policy may let through; every condition holds.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AutoApproval {
    /// Named in whatever it decides.
    pub name: String,
    /// Every deliverable is for one of these; empty: for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<String>,
    /// It is about calls of these tools, and about no publication.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// No more can go wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_risk: Option<Risk>,
    /// Overall score, 0-1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_quality: Option<f64>,
}

/// Weight and floor of one quality dimension.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Dimension {
    /// Share in the overall score, above 0.
    pub weight: f64,
    /// Least score, 0-1; a request's threshold caps it.
    pub floor: f64,
}

/// What happens when attempts, rounds or budget are spent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum OnExhausted {
    /// A human is asked.
    #[default]
    NeedsAttention,
    /// The task fails.
    Fail,
}
