//! Open gates.

use super::{Facts, moment};
use serde_json::{Value, json};
use workflow::decide::allowed_actions;
use workflow::plan::FrozenPlan;
use workflow::state::{Gate, Task};
use workflow::vocabulary::Action;

/// What a human may answer.
pub(super) fn actions(task: &Task, gate: &Gate) -> &'static [Action] {
    allowed_actions(task, gate)
}

/// The key of the step a gate is about.
pub(super) fn step_key<'p>(plan: Option<&'p FrozenPlan>, gate: &Gate) -> Option<&'p str> {
    let step = plan?.plan.steps.get(usize::from(gate.step?))?;
    Some(step.key.as_str())
}

/// `[{gate_id, kind, step_key?, opened_at, expires_at, assignee, content_hash, allowed_actions, withheld?}]`, oldest first.
pub(super) fn open(facts: &Facts) -> Value {
    let mut gates: Vec<&Gate> = facts.task.gates.iter().collect();
    gates.sort_unstable_by_key(|g| (g.opened_at, g.serial));
    gates.into_iter().map(|gate| describe(facts, gate)).collect()
}

fn describe(facts: &Facts, gate: &Gate) -> Value {
    let mut document = json!({
        "gate_id": facts.task.id.gate(gate.serial).to_string(),
        "kind": gate.kind,
        "opened_at": moment(gate.opened_at),
        "expires_at": gate.expires_at.map(moment),
        "assignee": gate.assignee,
        "content_hash": gate.content_hash,
        "allowed_actions": actions(&facts.task, gate),
    });
    let step = step_key(facts.plan.as_ref(), gate);
    super::put(&mut document, "step_key", step.map(Value::from));
    super::put(&mut document, "withheld", gate.withheld.clone().map(Value::from));
    document
}
