//! The plan in force and how far its steps are.

use super::bodies::shows_output;
use super::{Facts, moment, put};
use serde_json::{Value, json};
use uuid::Uuid;
use workflow::ids::{Serial, TaskId};
use workflow::plan::{FrozenPlan, FrozenStep, PlanStep};
use workflow::state::Step;
use workflow::vocabulary::{PlanOrigin, StepStatus};

/// How much of the steps is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Depth {
    /// How far they are, without their outputs.
    Progress,
    /// With outputs.
    Outputs,
    /// With what they will do, for a human who decides about it.
    Everything,
}

/// Names the steps of plan version 1 and up apart from each other, and from jobs, gates and events of
/// the task, whose ids have other tails.
const STEP_TAIL: u32 = 0x4000_0000;
const VERSIONS: u32 = 1 << 14;

/// The id of a step: that of its task with version and index in its tail. The same through all rounds
/// and attempts; a step of another plan version is another step.
pub(super) fn step_id(task: TaskId, version: u32, index: usize) -> Uuid {
    let index = u32::try_from(index).unwrap_or(u32::MAX) & 0xffff;
    task.job(Serial(STEP_TAIL | (version % VERSIONS) << 16 | index)).0
}

/// `{version, origin, summary, steps, forecast?, candidates?, dropped_orders?}`; null before there is a plan. The last
/// three are of the planner's own plans alone.
pub(super) fn plan(facts: &Facts, planning: &Value, depth: Depth) -> Value {
    let Some(plan) = &facts.plan else { return Value::Null };
    let parts = plan.reading_order().into_iter().filter_map(|index| {
        let (frozen, step) = plan.steps.get(index).zip(facts.task.steps.get(index))?;
        Some((index, plan.as_written(index)?, frozen, step))
    });
    let steps = parts.map(|(index, definition, frozen, step)| {
        let fan = u16::try_from(index).ok().and_then(|index| plan.gathered_by(index));
        let mut document = progress(facts, plan, index, (definition, frozen, step));
        if depth != Depth::Progress && shows_output(&facts.task, index) {
            let output = step.output.and_then(|o| facts.bodies.value(o.payload));
            put(&mut document, "output", output);
        }
        if depth == Depth::Everything {
            intention(&mut document, definition, fan.map_or(frozen, |fan| &fan.frozen));
        }
        document
    });
    let mut document = json!({
        "version": plan.version,
        "origin": plan.origin,
        "summary": plan.plan.summary,
        "steps": steps.collect::<Value>(),
    });
    if is_as_planned(facts, plan) {
        for name in EXPECTED {
            put(&mut document, name, planning.get(name).cloned());
        }
    }
    document
}

/// What planning expected, and what it chose from.
pub(super) const EXPECTED: [&str; 3] = ["forecast", "candidates", "dropped_orders"];

/// The planning document is of this plan: a human's edit and a fork bring along that of the plan they began from.
fn is_as_planned(facts: &Facts, plan: &FrozenPlan) -> bool {
    plan.origin == PlanOrigin::Planner && facts.submission.forked.is_none()
}

fn progress(
    facts: &Facts,
    plan: &FrozenPlan,
    index: usize,
    (definition, frozen, step): (&PlanStep, &FrozenStep, &Step),
) -> Value {
    let status = u16::try_from(index).map_or(StepStatus::Pending, |i| facts.task.step_status(i));
    let deps = frozen.deps.iter().filter_map(|d| plan.plan.steps.get(usize::from(*d)));
    let mut document = json!({
        "step_id": step_id(facts.task.id, plan.version, index),
        "key": definition.key,
        "title": definition.title,
        "tool_id": definition.tool_id,
        // References and conditions imply dependencies; here all of them stand.
        "depends_on": deps.map(|d| d.key.as_str()).collect::<Vec<_>>(),
        "reason": definition.reason,
        "status": status,
        "attempt": step.attempt,
        "round": step.round,
        "started_at": step.started_at.map(moment),
        "finished_at": step.finished_at.map(moment),
    });
    let error = step
        .error
        .as_ref()
        .map(|e| json!({ "code": e.code, "message": e.message }));
    put(&mut document, "error", error);
    if step.cheaper {
        put(&mut document, "tier_used", Some("small".into()));
        put(
            &mut document,
            "tier_reason",
            Some("little of the budget was left".into()),
        );
    }
    document
}

fn intention(document: &mut Value, definition: &PlanStep, frozen: &FrozenStep) {
    put(document, "arguments", Some(Value::Object(definition.arguments.clone())));
    put(
        document,
        "for_each",
        definition.for_each.as_ref().map(|each| json!(each)),
    );
    put(document, "when", definition.when.as_ref().map(|w| json!(w)));
    put(document, "channel", definition.channel.as_ref().map(|c| json!(c)));
    let checks = Some(&definition.acceptance).filter(|checks| !checks.is_empty());
    put(document, "acceptance", checks.map(|checks| json!(checks)));
    put(document, "tier", definition.tier.map(|tier| json!(tier)));
    put(document, "effects", Some(json!(frozen.effects)));
    put(document, "requires_approval", Some(json!(frozen.requires_approval)));
}
