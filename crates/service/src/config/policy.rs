use super::checks::Checks;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Rules every task runs under unless its request sets its own.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyConfig {
    /// A human looks at every plan first.
    pub plan_review: bool,
    /// Requests may ask for automatic approval of their publication.
    pub auto_approve: bool,
    /// It needs at least this overall quality, 0-1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub auto_approve_min_quality: f64,
    /// Channels of a request that names none.
    pub channels: Vec<String>,
    /// What happens when attempts, rounds or budget are spent: `needs_attention` asks a human, `fail` ends the task.
    pub on_exhausted: OnExhausted,
    /// Default limits of a task.
    pub budget: BudgetConfig,
    /// What is reserved for one planning, one assessment, or one run of an agent without `estimated_cost`, where the task
    /// has a budget; unused parts come back, and a run that needs more begins again with more.
    pub grant: GrantConfig,
    /// Where a call does not fit what is left of the budget, a smaller model of the role is asked before a human is.
    pub cheaper_models: bool,
    /// Seconds a gate stays open.
    #[schemars(range(min = 1.0, max = 31_536_000.0))]
    pub gate_ttl_seconds: f64,
    /// Seconds a formatting or publication run may take.
    #[schemars(range(min = 0.1, max = 86400.0))]
    pub job_timeout_seconds: f64,
    /// Seconds a planning or assessment run may take: each asks a model several times.
    #[schemars(range(min = 0.1, max = 86400.0))]
    pub model_timeout_seconds: f64,
    /// Most steps of a plan.
    #[schemars(range(min = 1, max = 1000))]
    pub max_steps: usize,
    /// Most steps that may wait for one and the same step.
    #[schemars(range(min = 1, max = 1000))]
    pub max_fan_out: usize,
    /// Longest chain of steps.
    #[schemars(range(min = 1, max = 1000))]
    pub max_depth: usize,
}

/// Limits of a task; absent: no limit.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BudgetConfig {
    /// USD.
    #[schemars(range(min = 0.0, max = 1_000_000.0))]
    pub max_cost_usd: Option<f64>,
    /// Input and output tokens.
    #[schemars(range(min = 1))]
    pub max_tokens: Option<u64>,
    /// Seconds from acceptance until a human is asked.
    #[schemars(range(min = 1.0, max = 31_536_000.0))]
    pub max_duration_seconds: Option<f64>,
}

/// What one run may spend.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GrantConfig {
    /// USD.
    #[schemars(range(min = 0.0, max = 10_000.0))]
    pub cost_usd: f64,
    /// Input and output tokens.
    #[schemars(range(min = 1))]
    pub tokens: u64,
    /// Model calls.
    #[schemars(range(min = 1))]
    pub calls: u32,
}

/// What happens when attempts, rounds or budget are spent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum OnExhausted {
    // No docs on the variants: with them the schema is a `oneOf`, whose errors do not name the choices.
    #[default]
    NeedsAttention,
    Fail,
}

impl Default for PolicyConfig {
    fn default() -> Self {
        Self {
            plan_review: false,
            auto_approve: false,
            auto_approve_min_quality: 0.8,
            channels: Vec::new(),
            on_exhausted: OnExhausted::NeedsAttention,
            budget: BudgetConfig::default(),
            grant: GrantConfig::default(),
            cheaper_models: false,
            gate_ttl_seconds: 7.0 * 86_400.0,
            job_timeout_seconds: 120.0,
            model_timeout_seconds: 600.0,
            max_steps: 200,
            max_fan_out: 64,
            max_depth: 64,
        }
    }
}

impl Default for GrantConfig {
    fn default() -> Self {
        Self {
            cost_usd: 0.5,
            tokens: 100_000,
            calls: 20,
        }
    }
}

impl PolicyConfig {
    pub(super) fn check(&self, is_channel: impl Fn(&str) -> bool, checks: &mut Checks) {
        for name in &self.channels {
            if !is_channel(name) {
                checks.add(
                    "policy.channels",
                    format!("there is no channel `{name}`"),
                    "add it under [[channels]] or take it out",
                );
            }
        }
        if self
            .budget
            .max_cost_usd
            .is_some_and(|limit| limit < self.grant.cost_usd)
        {
            checks.add(
                "policy.budget.max_cost_usd",
                "less than what is set aside for one run",
                "raise it or lower policy.grant.cost_usd",
            );
        }
        if self.budget.max_tokens.is_some_and(|limit| limit < self.grant.tokens) {
            checks.add(
                "policy.budget.max_tokens",
                "less than what is set aside for one run",
                "raise it or lower policy.grant.tokens",
            );
        }
    }
}
