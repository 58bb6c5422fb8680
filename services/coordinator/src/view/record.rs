//! The raw record of an ended task, as the learner keeps it.

use super::plan::Depth;
use super::{Facts, cost, deliveries, member, status};
use crate::store::tasks::ended::{CostLine, GateLine};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use workflow::state::{PayloadNo, Task};
use workflow::vocabulary::{Action, GateKind, Status};

/// What lies beside a task's facts.
#[derive(Clone, Copy)]
pub struct Documents<'a> {
    pub gates: &'a [GateLine],
    pub costs: &'a [CostLine],
    /// Every judgement, in order.
    pub assessments: &'a [PayloadNo],
}

/// `{task, submission, intent, reasoning, plan, outputs, assessments, deliverables, gates, costs, engine}`.
/// `task` is the status document; what stands beside it is left out of it.
pub fn record(facts: &Facts, documents: Documents<'_>) -> Value {
    let submission = &facts.submission;
    let planning = facts.planning();
    let task = status::outline(facts, Depth::Progress);
    let assessments = documents.assessments.iter().filter_map(|no| facts.bodies.value(*no));
    let mut gates: Vec<Value> = documents.gates.iter().map(gate).collect();
    gates.extend(automatic_approval(facts));
    json!({
        "intent": member(&task, "intent"),
        "task": task,
        "submission": {
            "request": submission.request,
            "business_metrics": submission.business_metrics,
            "preferences": submission.preferences,
            "metadata": submission.metadata,
            "channels": submission.channels,
            "actor": submission.actor,
        },
        "reasoning": member(&planning, "reasoning"),
        "plan": facts.plan.as_ref().map(|p| json!(p.plan)),
        "outputs": outputs(facts),
        "assessments": assessments.collect::<Value>(),
        "deliverables": deliveries::deliverables(facts).unwrap_or_else(|| json!([])),
        "gates": gates,
        "costs": documents.costs.iter().map(cost_line).collect::<Value>(),
        "engine": member(&planning, "engine"),
    })
}

/// The last output of every step that ever had one.
fn outputs(facts: &Facts) -> Map<String, Value> {
    let Some(plan) = &facts.plan else { return Map::new() };
    let steps = plan.plan.steps.iter().zip(&facts.task.steps);
    let output = steps.filter_map(|(definition, step)| {
        let value = facts.bodies.value(step.output?.payload)?;
        Some((definition.key.clone(), value))
    });
    output.collect()
}

fn gate(line: &GateLine) -> Value {
    json!({
        "gate_id": line.id.to_string(),
        "kind": line.kind,
        "step_key": line.step_key,
        "opened_at": time(line.opened_at),
        "action": line.action,
        "actor": line.actor,
        "decided_at": line.decided_at.map(time),
        "feedback": line.feedback,
    })
}

/// Policy approves without opening a gate; the learner must know that nobody looked.
fn automatic_approval(facts: &Facts) -> Option<Value> {
    let task: &Task = &facts.task;
    let looked = |d: &workflow::state::Decided| {
        matches!(d.kind, GateKind::Publication | GateKind::Attention)
            && matches!(d.action, Action::Approve | Action::Edit)
    };
    let auto =
        facts.submission.policy.auto_approve && task.status == Status::Completed && !task.decided.iter().any(looked);
    auto.then(|| {
        json!({
            "gate_id": null, "kind": GateKind::Publication, "step_key": null, "opened_at": null,
            "action": Action::Approve, "actor": "policy", "decided_at": null, "feedback": null,
        })
    })
}

fn cost_line(line: &CostLine) -> Value {
    json!({
        "job_id": line.job_id.to_string(),
        "model": line.model,
        "usd": line.usd_micros.map(cost::usd),
        "input_tokens": line.input_tokens,
        "output_tokens": line.output_tokens,
        "calls": line.calls,
        "estimated": line.estimated,
        "at": time(line.at),
    })
}

fn time(at: DateTime<Utc>) -> String {
    service::clock::rfc3339(at.timestamp_millis())
}
