//! What a task's tenant may spend in its window, and what of the task waits for the next one.

use super::waiting::what;
use super::{Facts, moment, put};
use crate::tenant_budgets::{TenantBudget, Used};
use serde_json::{Value, json};
use std::sync::Arc;
use workflow::decide::{Env, Snapshot, short_of_window};

/// Adds `tenant_budget`, and to `waiting` what the window does not cover.
pub fn add_window(document: &mut Value, facts: &Facts, (budget, used): (&TenantBudget, Used), env: &Env<'_>) {
    put(document, "tenant_budget", Some(budget.document(used, env.now)));
    let task = &facts.task;
    let plan = facts.plan.clone().map(Arc::new);
    let snapshot = Snapshot {
        task,
        submission: &facts.submission,
        plan: plan.as_ref(),
    };
    let entry = |(serial, message)| {
        let unit = task.jobs.iter().find(|job| job.serial == serial)?.unit;
        Some(json!({
            "what": what(task, facts.plan.as_ref(), unit)?,
            "code": "tenant_budget_exceeded",
            "message": message,
            "since": moment(task.updated_at),
            "until": moment(budget.end(env.now)),
        }))
    };
    let short = short_of_window(snapshot, &budget.allowance(used), env);
    let entries: Vec<Value> = short.into_iter().filter_map(entry).collect();
    if entries.is_empty() {
        return;
    }
    match document.get_mut("waiting").and_then(Value::as_array_mut) {
        Some(waiting) => waiting.extend(entries),
        None => put(document, "waiting", Some(entries.into())),
    }
}
