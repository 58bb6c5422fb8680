//! `GET /approval/{task_id}`: what a human decides about.

use super::plan::{Depth, plan};
use super::{Facts, calls, cost, deliveries, gates, member, moment, put, quality, status};
use crate::store::tasks::EffectLine;
use serde_json::{Value, json};
use workflow::decision::Refusal;
use workflow::ids::GateId;
use workflow::state::{Gate, Task};
use workflow::vocabulary::GateKind;

/// The gate that is asked about: the named one, by default the only open one.
///
/// # Errors
/// It is not open, or several are and none is named.
pub fn choose_gate(task: &Task, id: Option<GateId>) -> Result<&Gate, Refusal> {
    if let Some(id) = id {
        let found = task.gates.iter().find(|g| task.id.gate(g.serial) == id);
        return found.ok_or(Refusal::NotAwaitingApproval);
    }
    match task.gates.as_slice() {
        [gate] => Ok(gate),
        [] => Err(Refusal::NotAwaitingApproval),
        several => Err(Refusal::GateAmbiguous(
            several.iter().map(|g| task.id.gate(g.serial)).collect(),
        )),
    }
}

/// The approval document of an open gate. `effects`: what the task did outside so far; `input_schema`: of the tool a
/// step's gate is about, where the catalog still has it.
pub fn approval(facts: &Facts, gate: &Gate, effects: &[EffectLine], input_schema: Option<&Value>) -> Value {
    let task = &facts.task;
    let planning = facts.planning();
    let mut document = json!({
        "task_id": task.id.to_string(),
        "gate_id": task.id.gate(gate.serial).to_string(),
        "kind": gate.kind,
        "status": task.status,
        "request": facts.submission.request,
        "summary": summary(facts, gate),
        "deliverables": deliveries::deliverables(facts).unwrap_or_else(|| json!([])),
        "quality": quality::quality(facts),
        "plan": plan(facts, &planning, Depth::Everything),
        "reasoning": member(&planning, "reasoning"),
        "cost": cost::cost(facts),
        "content_hash": gate.content_hash,
        "opened_at": moment(gate.opened_at),
        "expires_at": gate.expires_at.map(moment),
        "assignee": gate.assignee,
        "allowed_actions": gates::actions(task, gate),
    });
    let step = gates::step_key(facts.plan.as_ref(), gate);
    put(&mut document, "step_key", step.map(Value::from));
    // What an edit begins from: the document as its schema has it.
    let to_edit = facts.plan.as_ref().filter(|_| gate.kind == GateKind::Plan);
    put(
        &mut document,
        "plan_document",
        to_edit.map(|plan| json!(plan.document())),
    );
    put(&mut document, "withheld", gate.withheld.clone().map(Value::from));
    put(&mut document, "attention", status::attention(task));
    calls::put_call(&mut document, facts, gate, input_schema);
    if !effects.is_empty() {
        put(&mut document, "effects", Some(effects.iter().map(effect).collect()));
    }
    document
}

/// What is asked, in a sentence.
fn summary(facts: &Facts, gate: &Gate) -> Option<String> {
    let plan = facts.plan.as_ref();
    match gate.kind {
        GateKind::Attention => facts.task.attention.as_ref().map(|a| a.detail.clone()),
        GateKind::Step => {
            let step = plan?.plan.steps.get(usize::from(gate.step?))?;
            if let Some(message) = calls::message(facts, gate) {
                return Some(format!("step {}: the tool {} asks: {message}", step.key, step.tool_id));
            }
            let why = step.reason.as_ref().map(|r| format!(": {r}")).unwrap_or_default();
            Some(format!("step {} runs the tool {}{why}", step.key, step.tool_id))
        }
        GateKind::Plan | GateKind::Publication => plan?.plan.summary.clone(),
    }
}

fn effect(line: &EffectLine) -> Value {
    json!({
        "target": line.target,
        "effects": line.class,
        "state": line.state,
        "at": service::clock::rfc3339(line.at.timestamp_millis()),
    })
}
