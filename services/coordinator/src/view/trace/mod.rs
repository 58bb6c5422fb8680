//! `GET /tasks/{task_id}/trace`: what was called, decided and why, step by step.
//!
//! Folded from the history of events, which tells when what began and ended, the plans and judgements with
//! their reasons, the decisions on gates, and what runs told of their calls.

mod attempts;
mod history;

use super::plan::{EXPECTED, step_id};
use super::record::automatic_approval;
use super::{Facts, member, put};
use crate::store::runs::RunLine;
use crate::store::tasks::EffectLine;
use crate::store::tasks::ended::GateLine;
use attempts::Attempt;
use chrono::{DateTime, Utc};
use contracts::trace;
use history::{History, Note};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use workflow::plan::FrozenPlan;

/// What lies beside a task's facts.
pub struct Sources {
    /// CloudEvents in order, as stored.
    pub events: Vec<String>,
    /// In the order they opened.
    pub gates: Vec<GateLine>,
    /// In the order they began.
    pub runs: Vec<RunLine>,
    pub effects: Vec<EffectLine>,
    /// Plans of all versions, each with the planner's document.
    pub plans: Vec<(FrozenPlan, Value)>,
    /// Every judgement, in order.
    pub assessments: Vec<Value>,
    /// More was there than is shown.
    pub truncated: bool,
}

/// The trace document.
pub fn trace(facts: &Facts, sources: Sources) -> Value {
    let mut history = History::read(&sources.events);
    let mut runs = sources.runs;
    attempts::name_late(&mut runs);
    let id = trace::id_of(&facts.submission.traceparent);
    let mut document = json!({
        "task_id": facts.task.id.to_string(),
        "trace_id": Some(id).filter(|id| !id.is_empty()),
        "status": facts.task.status,
        "planning": planning(&history, &sources.plans, &mut runs),
        "steps": steps(facts, &mut history, &sources.plans, &mut runs),
        "assessment": assessment(&history, &sources.assessments, &mut runs),
        "formatting": attempts::told(attempts::taken(&mut runs, |run| kind(run) == "format")),
        "publication": {
            "effects": sources.effects.iter().map(effect).collect::<Value>(),
            "attempts": attempts::told(attempts::taken(&mut runs, |run| kind(run) == "publish")),
        },
        "decisions": decisions(facts, &history, &sources.gates),
        "truncated": sources.truncated,
    });
    let unnamed = Some(attempts::told(runs)).filter(|runs| !runs.is_empty());
    put(&mut document, "other_runs", unnamed.map(Value::from));
    document
}

fn kind(run: &RunLine) -> &str {
    run.kind.as_deref().unwrap_or_default()
}

/// One entry for each plan that was made, or tried.
fn planning(history: &History, plans: &[(FrozenPlan, Value)], runs: &mut Vec<RunLine>) -> Value {
    let mut entries: Vec<Value> = history
        .of("task.planned")
        .map(|planned| {
            let version = planned.number("version");
            let document = plans
                .iter()
                .find(|(plan, _)| i64::from(plan.version) == version)
                .map_or(&Value::Null, |(_, document)| document);
            let mut entry = json!({
                "version": version,
                "origin": planned.value("origin"),
                "summary": planned.value("summary"),
                "changes": changes(plans, version),
                "at": planned.time,
                "reasoning": member(document, "reasoning"),
                "memory": member(document, "memory"),
                "patterns_used": member(document, "patterns_used"),
                "engine": member(document, "engine"),
                "attempts": planned_by(runs, version),
            });
            put(&mut entry, "associations", document.get("associations").cloned());
            put(&mut entry, "issues", document.get("issues").cloned());
            // The event has a forecast where the planning document is of this very plan.
            if !planned.value("forecast").is_null() {
                for name in EXPECTED {
                    put(&mut entry, name, document.get(name).cloned());
                }
            }
            entry
        })
        .collect();
    // What planning told that led to no plan.
    for run in attempts::taken(runs, |run| kind(run) == "plan") {
        let version = i64::from(run.plan_version.unwrap_or(0)) + 1;
        entries.push(json!({ "version": version, "attempts": attempts::told(vec![run]) }));
    }
    entries.into()
}

/// What differs from the plan before: steps by key, and of changed ones which members; null of the first plan.
fn changes(plans: &[(FrozenPlan, Value)], version: i64) -> Value {
    let steps = |version: i64| {
        let plan = plans.iter().find(|(plan, _)| i64::from(plan.version) == version)?;
        let steps = plan.0.document().steps.iter();
        Some(
            steps
                .map(|step| (step.key.as_str(), json!(step)))
                .collect::<BTreeMap<_, _>>(),
        )
    };
    let (Some(before), Some(after)) = (steps(version - 1), steps(version)) else {
        return Value::Null;
    };
    let only = |of: &BTreeMap<&str, Value>, not: &BTreeMap<&str, Value>| -> Vec<String> {
        of.keys()
            .filter(|key| !not.contains_key(*key))
            .map(|key| (*key).to_owned())
            .collect()
    };
    let changed = after.iter().filter_map(|(key, step)| {
        let old = before.get(key).filter(|old| *old != step)?;
        let names: BTreeSet<&String> = [old, step]
            .into_iter()
            .filter_map(Value::as_object)
            .flat_map(Map::keys)
            .collect();
        let members: Vec<_> = names
            .into_iter()
            .filter(|name| old.get(name) != step.get(name))
            .collect();
        Some(json!({ "key": key, "members": members }))
    });
    json!({
        "added": only(&after, &before),
        "removed": only(&before, &after),
        "changed": changed.collect::<Vec<_>>(),
    })
}

/// A run that planned did so while the plan before was in force.
fn planned_by(runs: &mut Vec<RunLine>, version: i64) -> Vec<Value> {
    let of = |run: &RunLine| kind(run) == "plan" && i64::from(run.plan_version.unwrap_or(0)) + 1 == version;
    attempts::told(attempts::taken(runs, of))
}

fn steps(facts: &Facts, history: &mut History, plans: &[(FrozenPlan, Value)], runs: &mut Vec<RunLine>) -> Vec<Value> {
    let in_force = facts.plan.as_ref().map(|plan| plan.version);
    let mut steps = Vec::new();
    for (plan, _) in plans {
        let order = plan.reading_order().into_iter();
        let written = order.filter_map(|index| Some((index, plan.as_written(index)?)));
        for (index, step) in written {
            let status = u16::try_from(index)
                .ok()
                .filter(|_| in_force == Some(plan.version))
                .map(|index| facts.task.step_status(index));
            let mut told = history.attempts(plan.version, &step.key);
            if told.is_empty()
                && let Some(state) = facts.task.steps.get(index).filter(|_| status.is_some())
            {
                told.extend(Attempt::of_state(state));
            }
            let mut own = attempts::taken(runs, |run| {
                kind(run) == "execute"
                    && run.step_key.as_ref() == Some(&step.key)
                    && run.plan_version.is_none_or(|v| u32::try_from(v) == Ok(plan.version))
            });
            let postponed = attempts::postponed(&mut own);
            steps.push(json!({
                "step_id": step_id(facts.task.id, plan.version, index),
                "key": step.key,
                "title": step.title,
                "tool_id": step.tool_id,
                "reason": step.reason,
                "plan_version": plan.version,
                // Of a plan that was replaced nothing is under way any more.
                "status": status,
                "attempts": attempts::joined(told, own),
                "postponed": postponed,
            }));
        }
    }
    steps
}

fn assessment(history: &History, documents: &[Value], runs: &mut Vec<RunLine>) -> Value {
    let mut entries: Vec<Value> = Vec::new();
    for (place, assessed) in history.of("task.assessed").enumerate() {
        let document = documents.get(place).unwrap_or(&Value::Null);
        let round = assessed.number("round");
        // The first judgement of a round takes its runs; a later one in it has its own.
        let own = attempts::taken(runs, |run| {
            kind(run) == "assess" && i64::from(run.round.unwrap_or(0)) == round && run.finished_before(assessed)
        });
        entries.push(json!({
            "round": round,
            "at": assessed.time,
            "overall": assessed.value("overall"),
            "passed": assessed.value("passed"),
            "dimensions": member(document, "dimensions"),
            "blamed": member(document, "blamed"),
            "failed_checks": member(document, "failed_checks"),
            "kept_round": assessed.value("kept_round"),
            "engine": member(document, "engine"),
            "judge": member(document, "judge"),
            "attempts": attempts::told(own),
        }));
    }
    for run in attempts::taken(runs, |run| kind(run) == "assess") {
        entries.push(json!({ "round": run.round, "attempts": attempts::told(vec![run]) }));
    }
    entries.into()
}

impl RunLine {
    /// By the clocks of two machines, so with some tolerance.
    fn finished_before(&self, note: &Note) -> bool {
        let at = service::clock::parse_rfc3339(&note.time).unwrap_or(i64::MAX);
        self.finished_at.timestamp_millis() <= at.saturating_add(5_000)
    }
}

fn effect(line: &EffectLine) -> Value {
    json!({ "target": line.target, "effects": line.class, "state": line.state, "at": time(line.at) })
}

/// Who decided what, when and why: people on gates, people on the task, and policy.
fn decisions(facts: &Facts, history: &History, gates: &[GateLine]) -> Value {
    let by_gate = gates.iter().filter_map(|gate| {
        Some(json!({
            "at": time(gate.decided_at?),
            "actor": gate.actor,
            "action": gate.action,
            "reason": gate.feedback,
            "gate": { "gate_id": gate.id, "kind": gate.kind, "step_key": gate.step_key },
        }))
    });
    let mut all: Vec<Value> = by_gate.chain(history.decisions()).collect();
    if let Some(approval) = automatic_approval(facts) {
        let at = history.of("task.publishing").chain(history.of("task.completed")).next();
        all.push(json!({
            "at": at.map(|note| note.time.as_str()),
            "actor": member(&approval, "actor"),
            "action": member(&approval, "action"),
            "reason": "the request asked for it and the quality passed",
            "gate": { "gate_id": null, "kind": member(&approval, "kind"), "step_key": null },
        }));
    }
    all.sort_by(|a, b| a["at"].as_str().cmp(&b["at"].as_str()));
    all.into()
}

fn time(at: DateTime<Utc>) -> String {
    service::clock::rfc3339(at.timestamp_millis())
}

#[cfg(test)]
mod tests;
