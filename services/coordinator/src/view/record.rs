//! The raw record of an ended task, as the learner keeps it.

use super::plan::Depth;
use super::{Facts, cost, deliveries, member, status};
use crate::store::rollouts::AssignmentLine;
use crate::store::tasks::ended::{CostLine, GateLine};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use workflow::decide::policy_that_lets_out;
use workflow::hash::Fingerprint;
use workflow::plan::Plan;
use workflow::state::{PayloadNo, Task};
use workflow::vocabulary::{Action, GateKind, Status};

/// What lies beside a task's facts.
#[derive(Clone, Copy)]
pub struct Documents<'a> {
    pub gates: &'a [GateLine],
    pub costs: &'a [CostLine],
    /// Every judgement, in order.
    pub assessments: &'a [Judgement],
}

/// A judgement, and what it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    pub payload: PayloadNo,
    /// Of the plan; none: not known.
    pub plan_version: Option<u32>,
    /// Of repair; none: not known, as of tasks from before it was kept.
    pub round: Option<u32>,
}

/// The record: what is kept beside a task's status document stands by itself and is left out of it.
///
/// Written straight to text, since every task comes through here once.
#[derive(Serialize)]
pub struct Record<'a> {
    intent: Value,
    task: Value,
    submission: Submitted<'a>,
    reasoning: Value,
    plan: Option<&'a Plan>,
    outputs: Map<String, Value>,
    /// What steps made in other rounds, by key: `[{round, output}]`, the oldest first.
    other_outputs: Map<String, Value>,
    assessments: Vec<Value>,
    deliverables: Value,
    /// Of those that a human changed, as they were before: `[{channel, content}]`.
    drafts: Vec<Value>,
    gates: Vec<Value>,
    costs: Vec<Value>,
    /// What rollouts gave it: `[{role, model, name, arm, experiment_id, step, propensity, rollouts, passed_over, at}]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    assignments: Vec<Value>,
    engine: Value,
    /// What planning was told of what goes wrong: `[{issue_id, code, tool, condition}]`.
    #[serde(skip_serializing_if = "Value::is_null")]
    issues_told: Value,
    /// Hash of the policy it ran under: thresholds, weights, budgets, rules.
    configuration: Option<String>,
}

#[derive(Serialize)]
struct Submitted<'a> {
    request: &'a str,
    business_metrics: &'a BTreeMap<String, f64>,
    preferences: &'a Map<String, Value>,
    metadata: &'a BTreeMap<String, String>,
    channels: &'a [String],
    actor: &'a str,
}

/// The record of a task's facts and of what lies beside them.
pub fn record<'a>(facts: &'a Facts, documents: Documents<'_>) -> Record<'a> {
    let submission = &facts.submission;
    let mut planning = facts.planning();
    let task = status::outline(facts, &planning, Depth::Progress);
    let assessments = documents.assessments.iter();
    let assessments = assessments.filter_map(|judged| Some(assessment(facts.bodies.value(judged.payload)?, *judged)));
    let mut gates: Vec<Value> = documents.gates.iter().map(gate).collect();
    gates.extend(automatic_approval(facts));
    Record {
        intent: member(&task, "intent"),
        task,
        submission: Submitted {
            request: &submission.request,
            business_metrics: &submission.business_metrics,
            preferences: &submission.preferences,
            metadata: &submission.metadata,
            channels: &submission.channels,
            actor: &submission.actor,
        },
        reasoning: taken(&mut planning, "reasoning"),
        plan: facts.plan.as_ref().map(|p| p.document()),
        outputs: outputs(facts),
        other_outputs: other_outputs(facts),
        assessments: assessments.collect(),
        deliverables: deliveries::deliverables(facts).unwrap_or_else(|| json!([])),
        drafts: deliveries::drafts(facts),
        gates,
        costs: documents.costs.iter().map(cost_line).collect(),
        assignments: facts.given.iter().map(assignment).collect(),
        engine: taken(&mut planning, "engine"),
        issues_told: taken(&mut planning, "issues"),
        configuration: configuration(facts),
    }
}

/// As it came, and `plan_version`, whose keys of steps it has, and `round`.
fn assessment(mut document: Value, judged: Judgement) -> Value {
    if let Some(members) = document.as_object_mut() {
        // Whoever judges does not say what of.
        for (name, known) in [("plan_version", judged.plan_version), ("round", judged.round)] {
            members.remove(name);
            members.extend(known.map(|number| (name.to_owned(), number.into())));
        }
    }
    document
}

fn configuration(facts: &Facts) -> Option<String> {
    let policy = serde_json::to_vec(&facts.submission.policy).ok()?;
    Some(Fingerprint::of([policy.as_slice()]).to_string())
}

/// A member, taken out; null where there is none.
fn taken(document: &mut Value, name: &str) -> Value {
    document.get_mut(name).map(Value::take).unwrap_or_default()
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

fn other_outputs(facts: &Facts) -> Map<String, Value> {
    let Some(plan) = &facts.plan else { return Map::new() };
    let steps = plan.plan.steps.iter().zip(&facts.task.steps);
    let others = steps.filter_map(|(definition, step)| {
        let made = step.others.iter().filter_map(|made| {
            let output = facts.bodies.value(made.payload)?;
            Some(json!({ "round": made.round, "output": output }))
        });
        let made: Vec<Value> = made.collect();
        (!made.is_empty()).then(|| (definition.key.clone(), Value::Array(made)))
    });
    others.collect()
}

fn assignment(given: &AssignmentLine) -> Value {
    json!({
        "role": given.role,
        "model": given.model,
        "name": given.name,
        "arm": given.arm,
        "experiment_id": given.experiment_id,
        "step": given.step,
        "propensity": given.propensity,
        "rollouts": given.rollouts,
        "passed_over": given.passed_over,
        "at": time(given.at),
    })
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
pub(super) fn automatic_approval(facts: &Facts) -> Option<Value> {
    let task: &Task = &facts.task;
    let looked = |d: &workflow::state::Decided| {
        matches!(d.kind, GateKind::Publication | GateKind::Attention)
            && matches!(d.action, Action::Approve | Action::Edit)
    };
    let policy = &facts.submission.policy;
    let auto = policy.auto_approve && task.status == Status::Completed && !task.decided.iter().any(looked);
    auto.then(|| {
        let actor = policy_that_lets_out(policy, task);
        json!({
            "gate_id": null, "kind": GateKind::Publication, "step_key": null, "opened_at": null,
            "action": Action::Approve, "actor": actor.as_deref().unwrap_or("policy"), "decided_at": null, "feedback": null,
        })
    })
}

fn cost_line(line: &CostLine) -> Value {
    json!({
        "job_id": line.job_id.to_string(),
        "kind": line.kind,
        "model": line.model,
        "usd": line.price().map(cost::usd),
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
