//! What policy lets through without asking anybody: results good enough by the operator's rules, and calls of the tools
//! a rule names. Only of tasks that asked for it, and never what a tool asks by itself.

use super::context::Context;
use crate::plan::FrozenPlan;
use crate::risk::{Outside, Risk, of};
use crate::state::Task;
use crate::submission::{AutoApproval, Policy};
use crate::vocabulary::{AskKind, GateKind};

/// Who let it through where no rule did.
const POLICY: &str = "policy";

/// Whether somebody is the policy or one of its rules.
pub fn is_policy(actor: &str) -> bool {
    actor
        .strip_prefix(POLICY)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

/// Who lets the task's deliverables out, `policy` or `policy:<rule>`; none: a human is asked.
///
/// The first rule that fits decides, and where there are rules and none fits, a human is asked. No rule is content with
/// less than `auto_approve_min_quality`.
pub fn publication(policy: &Policy, task: &Task) -> Option<String> {
    let quality = task.quality.as_ref().filter(|q| q.passed)?.overall;
    if !policy.auto_approve || quality < policy.auto_approve_min_quality {
        return None;
    }
    let mut rules = policy.auto_approval.iter().filter(|rule| rule.tools.is_empty());
    let of_channels = |rule: &&AutoApproval| {
        rule.channels.is_empty() || task.deliveries.iter().all(|d| rule.channels.contains(&d.channel))
    };
    let Some(first) = rules.next() else {
        return Some(POLICY.to_owned());
    };
    let risk = risk_of(policy, task, None, GateKind::Publication, None);
    let mut fitting = std::iter::once(first)
        .chain(rules)
        .filter(of_channels)
        .filter(|rule| within(rule, risk));
    let rule = fitting.next()?;
    let enough = rule.min_quality.is_none_or(|least| quality >= least);
    enough.then(|| name(rule))
}

/// Why policy does not let out what it would: the score it goes by is of a judge that people do not agree with. None: it
/// does, or would not anyway.
pub(super) fn withheld(cx: &Context<'_>) -> Option<String> {
    publication(&cx.submission.policy, &cx.task)?;
    if cx.task.breaks_rules() {
        return None;
    }
    let quality = cx.task.quality.as_ref()?;
    cx.env.judges.distrust(&cx.task.tenant, &quality.judge)
}

/// Who lets the call through that a step asks about; none: a human is asked.
pub(super) fn call(cx: &Context<'_>, index: u16) -> Option<String> {
    let policy = &cx.submission.policy;
    if !policy.auto_approve || policy.auto_approval.is_empty() {
        return None;
    }
    let asked = cx.task.steps.get(usize::from(index))?.asked.as_ref()?;
    // What an expired gate was about went to a human once, and goes there again.
    if asked.kind != AskKind::Approval || asked.expired || cx.out_of_use(index).is_some() {
        return None;
    }
    let tool = &cx.definition(index)?.tool_id;
    let risk = risk_of(policy, &cx.task, cx.plan.as_deref(), GateKind::Step, Some(index));
    let rule = policy.auto_approval.iter().find(|rule| rule.tools.contains(tool))?;
    within(rule, risk).then(|| name(rule))
}

fn risk_of(policy: &Policy, task: &Task, plan: Option<&FrozenPlan>, kind: GateKind, step: Option<u16>) -> Risk {
    let channel = |name: &str| policy.channel_effects.get(name).copied();
    of(
        task,
        kind,
        step,
        Outside {
            plan,
            channel: &channel,
        },
    )
}

fn within(rule: &AutoApproval, risk: Risk) -> bool {
    rule.max_risk.is_none_or(|most| risk <= most)
}

fn name(rule: &AutoApproval) -> String {
    format!("{POLICY}:{}", rule.name)
}
