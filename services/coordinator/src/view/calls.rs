//! Calls that wait for a human's word, as they would be made.

use super::{Facts, member, put};
use serde_json::{Value, json};
use workflow::state::{Asked, Gate};
use workflow::vocabulary::{AskKind, AttentionReason, GateKind, StepStatus};

/// What a tool asks is shown, its own state is not.
const SHOWN: [&str; 4] = ["tool_id", "arguments", "message", "requests"];

/// Adds the call a step's gate is about; to an attention gate, the calls an approval would let through.
pub(super) fn put_call(document: &mut Value, facts: &Facts, gate: &Gate, input_schema: Option<&Value>) {
    match gate.kind {
        GateKind::Step => {
            let Some(asked) = facts.task.asked(gate) else { return };
            put_question(document, facts, asked);
            let frozen = gate.step.and_then(|i| facts.plan.as_ref()?.steps.get(usize::from(i)));
            put(document, "tool_effects", frozen.map(|f| json!(f.effects)));
            put(document, "input_schema", input_schema.cloned());
        }
        GateKind::Attention => {
            let expired = facts.task.attention.as_ref().map(|a| a.reason) == Some(AttentionReason::GateExpired);
            let calls = if expired { expired_calls(facts) } else { Vec::new() };
            put(document, "calls", (!calls.is_empty()).then(|| calls.into()));
        }
        GateKind::Plan | GateKind::Publication => {}
    }
}

/// What the tool of a step's gate says it wants to know.
pub(super) fn message(facts: &Facts, gate: &Gate) -> Option<String> {
    let asked = facts.task.asked(gate).filter(|a| a.kind == AskKind::Input)?;
    let question = facts.bodies.value(asked.question.payload)?;
    member(&question, "message").as_str().map(str::to_owned)
}

fn put_question(document: &mut Value, facts: &Facts, asked: &Asked) {
    let Some(question) = facts.bodies.value(asked.question.payload) else {
        return;
    };
    put(document, "asks", Some(json!(asked.kind)));
    for name in SHOWN {
        put(document, name, question.get(name).cloned());
    }
}

fn expired_calls(facts: &Facts) -> Vec<Value> {
    let definitions = facts.plan.iter().flat_map(|p| &p.plan.steps);
    let steps = facts.task.steps.iter().zip(definitions);
    let waiting = steps.filter(|(step, _)| step.status == StepStatus::WaitingApproval);
    let call = |(step, definition): (&workflow::state::Step, &workflow::plan::PlanStep)| {
        let asked = step
            .asked
            .as_ref()
            .filter(|a| a.expired && a.kind == AskKind::Approval)?;
        let mut document = json!({ "step_key": definition.key });
        put_question(&mut document, facts, asked);
        Some(document)
    };
    waiting.filter_map(call).collect()
}
