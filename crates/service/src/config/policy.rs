use super::checks::{Checks, is_subject_token};
use super::tenant_budgets::TenantBudgetConfig;
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
    /// Rules for tasks that ask for automatic approval, the first that fits: tables with `name`, and `channels` (every one
    /// of the task's is among them), `max_risk` (`low`, `medium`, `high`) and `min_quality`, each of which may be left
    /// out. With such rules a publication is approved by a rule alone; what fits none is asked of a human. With `tools`
    /// (and `max_risk`) instead, a rule lets through calls of these tools that else wait for approval.
    pub auto_approval: Vec<AutoApprovalConfig>,
    /// Channels of a request that names none.
    pub channels: Vec<String>,
    /// What happens when attempts, rounds or budget are spent: `needs_attention` asks a human, `fail` ends the task.
    pub on_exhausted: OnExhausted,
    /// What happens when a task's budget is spent, where it is not to be as `on_exhausted` says: `ask` asks a human, `stop`
    /// ends the task, `cheaper` has steps ask models of the tier `small` once little is left, and then asks a human.
    pub on_budget_exceeded: Option<OnBudgetExceeded>,
    /// With `on_budget_exceeded = "cheaper"`: the share of any limit, 0-1, below which little is left.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub cheaper_below: f64,
    /// What all tasks of a tenant may spend together in a window of time: tables with `tenant` (`*`: each that has no
    /// table of its own), `window_seconds`, at least one of `max_cost_usd`, `max_tokens` and `max_calls`, and
    /// `on_exceeded`: `wait` (the default) has work that costs wait for the next window, `ask` asks a human.
    pub tenant_budgets: Vec<TenantBudgetConfig>,
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
    /// Who is to answer a gate that waits longer: tables with `after_seconds`, from its opening, and `assignee`, in the
    /// order of time and before the gate expires. Each is told by another `gate.opened`.
    pub escalation: Vec<EscalationConfig>,
    /// Who is to answer gates of each kind first, unless the request's metadata name an `assignee`. Anybody may answer.
    pub assignees: AssigneesConfig,
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

/// To whom a gate is handed on.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EscalationConfig {
    /// Seconds from the gate's opening.
    #[schemars(range(min = 1.0, max = 31_536_000.0))]
    pub after_seconds: f64,
    /// A person or a group.
    #[schemars(length(min = 1, max = 64))]
    pub assignee: String,
}

/// Who is to answer first; absent: nobody in particular.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AssigneesConfig {
    /// Plans under review.
    #[schemars(length(min = 1, max = 64))]
    pub plan: Option<String>,
    /// Calls of tools, and what tools ask.
    #[schemars(length(min = 1, max = 64))]
    pub step: Option<String>,
    /// Results before they are published.
    #[schemars(length(min = 1, max = 64))]
    pub publication: Option<String>,
    /// Tasks that cannot go on by themselves.
    #[schemars(length(min = 1, max = 64))]
    pub attention: Option<String>,
}

/// A rule of automatic approval; every condition holds.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AutoApprovalConfig {
    /// Stands with everything it approves.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// Every channel of the task is one of these. Empty: any.
    #[serde(default)]
    pub channels: Vec<String>,
    /// It is about calls of these tools, by id, and about no publication.
    #[serde(default)]
    pub tools: Vec<String>,
    /// No more can go wrong outside: `low` nothing goes out, `medium` it can be repeated safely, `high` anything.
    #[serde(default)]
    pub max_risk: Option<RiskLevel>,
    /// Overall quality needed, 0-1. Absent: `auto_approve_min_quality`.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub min_quality: Option<f64>,
}

/// How much can go wrong outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum RiskLevel {
    // No docs on the variants: with them the schema is a `oneOf`, whose errors do not name the choices.
    Low,
    Medium,
    High,
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
    /// Calls of models, and of tools that cost.
    #[schemars(range(min = 1))]
    pub max_calls: Option<u64>,
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

/// What happens when a task's budget is spent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum OnBudgetExceeded {
    // No docs on the variants: with them the schema is a `oneOf`, whose errors do not name the choices.
    Ask,
    Stop,
    Cheaper,
}

impl Default for PolicyConfig {
    fn default() -> Self {
        Self {
            plan_review: false,
            auto_approve: false,
            auto_approve_min_quality: 0.8,
            auto_approval: Vec::new(),
            channels: Vec::new(),
            on_exhausted: OnExhausted::NeedsAttention,
            on_budget_exceeded: None,
            cheaper_below: 0.25,
            tenant_budgets: Vec::new(),
            budget: BudgetConfig::default(),
            grant: GrantConfig::default(),
            cheaper_models: false,
            gate_ttl_seconds: 7.0 * 86_400.0,
            escalation: Vec::new(),
            assignees: AssigneesConfig::default(),
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
        for (at, rule) in (0..).zip(&self.auto_approval) {
            self.check_rule(at, rule, &is_channel, checks);
        }
        let times = self.escalation.iter().map(|level| level.after_seconds);
        if !times.clone().is_sorted_by(|a, b| a < b)
            || times
                .clone()
                .next_back()
                .is_some_and(|last| last >= self.gate_ttl_seconds)
        {
            checks.add(
                "policy.escalation",
                "each comes after the one before, and before gate_ttl_seconds",
                "order them by after_seconds, or raise policy.gate_ttl_seconds",
            );
        }
        TenantBudgetConfig::check_all(&self.tenant_budgets, checks);
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

    fn check_rule(&self, at: usize, rule: &AutoApprovalConfig, is_channel: impl Fn(&str) -> bool, checks: &mut Checks) {
        let key = format!("policy.auto_approval.{at}");
        if !is_subject_token(&rule.name) || self.auto_approval.iter().take(at).any(|other| other.name == rule.name) {
            let fix = "use letters, digits, `-` and `_`, each name once";
            checks.add(&format!("{key}.name"), "not a name of its own", fix);
        }
        for name in rule.channels.iter().filter(|name| !is_channel(name)) {
            let reason = format!("there is no channel `{name}`");
            let fix = "add it under [[channels]] or take it out";
            checks.add(&format!("{key}.channels"), reason, fix);
        }
        if !rule.tools.is_empty() && (!rule.channels.is_empty() || rule.min_quality.is_some()) {
            let reason = "a call goes to no channel, and nothing is judged before it";
            checks.add(
                &format!("{key}.tools"),
                reason,
                "leave out channels and min_quality, or tools",
            );
        }
        if rule
            .min_quality
            .is_some_and(|least| least < self.auto_approve_min_quality)
        {
            let fix = "raise it, or lower policy.auto_approve_min_quality";
            checks.add(
                &format!("{key}.min_quality"),
                "less than every automatic approval needs",
                fix,
            );
        }
    }
}
