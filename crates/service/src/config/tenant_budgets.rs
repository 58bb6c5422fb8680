use super::checks::{Checks, is_subject_token};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What all tasks of a tenant may spend together in a window of time. Windows follow each other without gap, counted
/// from 1970-01-01 UTC: one of 86,400 seconds is a day.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantBudgetConfig {
    /// The tenant; `*`: each that has no table of its own.
    #[schemars(length(min = 1, max = 64))]
    pub tenant: String,
    /// Seconds.
    #[schemars(range(min = 1, max = 31_622_400))]
    pub window_seconds: u32,
    /// USD.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1_000_000_000.0))]
    pub max_cost_usd: Option<f64>,
    /// Input and output tokens.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000_000_000_u64))]
    pub max_tokens: Option<u64>,
    /// Calls of models, and of tools that cost.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000_000_000_u64))]
    pub max_calls: Option<u64>,
    /// Where the window does not cover a run: `wait` for the next one, or `ask` a human.
    #[serde(default)]
    pub on_exceeded: OnWindowExceeded,
}

/// What happens where a tenant's window does not cover a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum OnWindowExceeded {
    // No docs on the variants: with them the schema is a `oneOf`, whose errors do not name the choices.
    #[default]
    Wait,
    Ask,
}

impl OnWindowExceeded {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Ask => "ask",
        }
    }
}

impl TenantBudgetConfig {
    pub(super) fn check_all(budgets: &[Self], checks: &mut Checks) {
        for budget in budgets {
            let key = format!("policy.tenant_budgets[{}]", budget.tenant);
            if budget.tenant != "*" && !is_subject_token(&budget.tenant) {
                let fix = "use letters, digits, `-` and `_`, or `*`";
                checks.add(&format!("{key}.tenant"), "not a name of a tenant", fix);
            }
            if budget.max_cost_usd.is_none() && budget.max_tokens.is_none() && budget.max_calls.is_none() {
                let fix = "set max_cost_usd, max_tokens or max_calls, or take it out";
                checks.add(&key, "it limits nothing", fix);
            }
        }
    }
}
