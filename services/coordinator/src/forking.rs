//! What a fork asks: the other task's request, overlaid. Pure.

use crate::grpc::problems::field;
use contracts::api::{Budget, ForkRequest, ProcessRequest, StepOverride};
use contracts::problem::Problem;
use serde_json::{Map, Value};
use workflow::plan::{FrozenPlan, Plan, PlanStep};
use workflow::submission::{Policy, Submission};

/// The request of the new task. Everything is checked once more as if a client had sent it.
///
/// # Errors
/// 422 `unknown_step` where the plan has no such step.
pub fn asked(source: &Submission, plan: &FrozenPlan, fork: &ForkRequest) -> Result<ProcessRequest, Box<Problem>> {
    let has = |plan: &Plan, key: &str| plan.steps.iter().any(|step| step.key == key);
    // An item of a list, too, can be where it starts.
    if let Some(key) = fork.from_step.as_deref().filter(|key| !has(&plan.plan, key)) {
        return Err(unknown_step("/from_step", key));
    }
    let plan = plan.document();
    let overrides = &fork.overrides;
    if let Some(key) = overrides.steps.keys().find(|key| !has(plan, key)) {
        let place = key.replace('~', "~0").replace('/', "~1");
        return Err(unknown_step(&format!("/overrides/steps/{place}"), key));
    }
    let mut preferences = source.preferences.clone();
    preferences.insert("channels".to_owned(), source.channels.clone().into());
    let mut metadata = source.metadata.clone();
    metadata.extend(overrides.metadata.clone());
    let mut business_metrics = source.business_metrics.clone();
    business_metrics.extend(overrides.business_metrics.clone());
    let policy = &source.policy;
    Ok(ProcessRequest {
        request: overrides.request.clone().unwrap_or_else(|| source.request.clone()),
        plan: Some(changed(plan, &overrides.steps)),
        business_metrics,
        preferences: overlaid(preferences, &overrides.preferences),
        budget: Some(budget(policy, overrides.budget.unwrap_or_default())),
        quality_threshold: overrides.quality_threshold.or(Some(policy.threshold)),
        max_refinements: overrides.max_refinements.or(Some(policy.max_refinements)),
        plan_review: overrides.plan_review.or(Some(policy.plan_review)),
        // Who let one task publish by itself did not say so of another one.
        auto_approve: overrides.auto_approve,
        priority: overrides.priority.or(Some(policy.priority)),
        metadata,
    })
}

fn unknown_step(pointer: &str, key: &str) -> Box<Problem> {
    Box::new(field(
        422,
        "unknown_step",
        pointer,
        format!("the plan has no step {key:?}"),
    ))
}

fn changed(plan: &Plan, overrides: &std::collections::BTreeMap<String, StepOverride>) -> Plan {
    let change = |step: &PlanStep| match overrides.get(&step.key) {
        None => step.clone(),
        Some(change) => PlanStep {
            tool_id: change.tool_id.clone().unwrap_or_else(|| step.tool_id.clone()),
            arguments: overlaid(step.arguments.clone(), &change.arguments),
            ..step.clone()
        },
    };
    Plan {
        summary: plan.summary.clone(),
        steps: plan.steps.iter().map(change).collect(),
    }
}

fn overlaid(mut members: Map<String, Value>, over: &Map<String, Value>) -> Map<String, Value> {
    for (name, value) in over {
        match value {
            Value::Null => drop(members.remove(name)),
            value => drop(members.insert(name.clone(), value.clone())),
        }
    }
    members
}

fn budget(policy: &Policy, over: Budget) -> Budget {
    Budget {
        max_cost_usd: over.max_cost_usd.or(policy.max_cost_usd_micros.map(crate::view::usd)),
        max_tokens: over.max_tokens.or(policy.max_tokens),
        max_calls: over.max_calls.or(policy.max_calls),
        max_duration_seconds: over.max_duration_seconds.or(policy.max_duration_seconds),
    }
}
