//! Validation of a plan against a catalog: known tools, arguments, references, no cycle, limits.

mod acceptance;
mod arguments;
mod conditions;
mod fan_outs;
mod faults;
mod graph;
mod keys;
mod limits;
mod policies;
mod references;
mod tools;

#[cfg(test)]
pub(in crate::plan) mod fixtures;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use acceptance::compile_acceptance_schema;
pub use faults::PlanFault;
pub use limits::PlanLimits;
pub(super) use references::Links;

use super::frozen::{FrozenPlan, FrozenStep};
use super::model::{Plan, PlanStep};
use super::slots::Slots;
use crate::hash::Fingerprint;
use crate::tool::{CatalogTool, TenantCatalog, ToolSource};
use crate::vocabulary::PlanOrigin;
use faults::Faults;
use keys::Keys;

/// Validates `plan` and freezes it.
///
/// `channels` are the names a step may carry in `channel`; with none, only `result` may stand there,
/// the one deliverable of a task that publishes nothing.
///
/// # Errors
/// Every fault found, at most 64. A plan beyond the limits of size is not looked at any further.
pub fn freeze(
    plan: &Plan,
    version: u32,
    origin: PlanOrigin,
    catalog: TenantCatalog<'_>,
    channels: &[String],
    limits: &PlanLimits,
) -> Result<FrozenPlan, Vec<PlanFault>> {
    let mut faults = Faults::default();
    limits::check(plan, limits, &mut faults);
    if faults.any() {
        return Err(faults.into_vec());
    }

    let keys = Keys::index(plan, &mut faults);
    let mut acceptance = acceptance::Checker::default();
    let mut links = Vec::with_capacity(plan.steps.len());
    let mut tools = Vec::with_capacity(plan.steps.len());
    for (index, step) in plan.steps.iter().enumerate() {
        let slots = Slots::of(&step.arguments);
        let tool = tools::find(index, step, catalog, &mut faults);
        if let Some(tool) = tool {
            arguments::check(index, step, &slots, tool, &mut faults);
        }
        links.push(references::resolve(index, step, &slots, &keys, &mut faults));
        conditions::check(index, step, &mut faults);
        policies::check(index, step, channels, &mut faults);
        acceptance.check(index, step, &keys, &mut faults);
        fan_outs::check(index, step, &slots, limits, &mut faults);
        tools.push(tool.map(|tool| (tool, slots.take_feedback())));
    }
    let order = graph::order(plan, &links, limits, &mut faults);
    let gatherer = fan_outs::gatherer(plan, catalog, limits, &mut faults);

    if faults.any() {
        return Err(faults.into_vec());
    }
    let mut texts = Vec::with_capacity(plan.steps.len());
    let mut steps = Vec::with_capacity(plan.steps.len());
    for (index, ((step, links), tool)) in plan.steps.iter().zip(links).zip(tools).enumerate() {
        // Tools are all known here, or there were faults.
        let Some((tool, mentions_feedback)) = tool else {
            continue;
        };
        match serde_json::to_vec(step) {
            Ok(text) => {
                steps.push(freeze_as(step, links, tool, mentions_feedback, &text));
                texts.push(text);
            }
            Err(error) => faults.push("plan_arguments", format!("/steps/{index}"), error.to_string()),
        }
    }
    if faults.any() {
        return Err(faults.into_vec());
    }
    let mut frozen = FrozenPlan {
        version,
        origin,
        hash: plan_hash(plan, &texts, &steps),
        plan: plan.clone(),
        steps,
        order,
        authored: None,
        fan_outs: Vec::new(),
    };
    if let Some(gatherer) = gatherer {
        frozen.unfold(gatherer);
    }
    Ok(frozen)
}

/// A step of our own, with a tool that takes no feedback.
pub(super) fn freeze_step(step: &PlanStep, links: Links, tool: &CatalogTool) -> FrozenStep {
    let text = serde_json::to_vec(step).unwrap_or_default();
    freeze_as(step, links, tool, false, &text)
}

fn freeze_as(
    step: &PlanStep,
    links: Links,
    tool: &CatalogTool,
    mentions_feedback: bool,
    definition: &[u8],
) -> FrozenStep {
    let spec = &tool.spec;
    FrozenStep {
        deps: links.deps,
        inputs: links.inputs,
        hash: Fingerprint::of([definition, &tool.version_hash.to_bytes()]),
        tool_version_hash: tool.version_hash,
        effects: spec.effects,
        retry: step.retry.as_ref().unwrap_or(&spec.retry).clone(),
        timeout_seconds: step.timeout_seconds.unwrap_or(spec.timeout_seconds),
        requires_approval: spec.requires_approval,
        takes_feedback: mentions_feedback || spec.accepts_feedback(),
        pool: spec.pool.clone(),
        grant_usd_micros: spec.estimated_cost.map_or(0, grant),
        of_unknown_price: spec.source == ToolSource::Builtin && spec.estimated_cost.is_none(),
        asks_models: spec.source == ToolSource::Builtin && spec.estimated_cost != Some(0.0),
        short: spec.estimated_duration.is_some_and(|seconds| seconds < 1.0),
    }
}

/// Twice the estimate, in micro-USD, so that a run somewhat dearer than usual need not ask for more.
fn grant(estimated_cost: f64) -> i64 {
    // The cast saturates and sends NaN to 0.
    ((estimated_cost * 2_000_000.0).round() as i64).max(0)
}

fn plan_hash(plan: &Plan, texts: &[Vec<u8>], steps: &[FrozenStep]) -> Fingerprint {
    let tools: Vec<[u8; 16]> = steps.iter().map(|s| s.tool_version_hash.to_bytes()).collect();
    let summary = plan.summary.as_deref().unwrap_or_default().as_bytes();
    Fingerprint::of(
        std::iter::once(summary)
            .chain(texts.iter().map(Vec::as_slice))
            .chain(tools.iter().map(<[u8; 16]>::as_slice)),
    )
}
