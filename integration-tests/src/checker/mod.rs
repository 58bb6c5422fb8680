//! The history checker: compares what the system says about accepted tasks with what the outside
//! world saw and with the events it told.

mod effects;
mod ends;
mod findings;
mod told;

pub use findings::{Findings, Rules};

use crate::document::{Document as _, shortened};
use crate::eventually::eventually;
use crate::load::{Load, stored};
use crate::oracle::Oracle;
use crate::rest::{Rest, is_terminal};
use anyhow::{Result, ensure};
use effects::{check_arrivals, check_effects};
use ends::{check_end, check_steps};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use told::{check_history, check_stream};

/// Questions under way at a time.
const PARALLEL: usize = 16;
/// How long a read may be refused.
const READ_LIMIT: Duration = Duration::from_secs(30);

/// Waits until every task has ended or waits for a human.
///
/// # Errors
/// One goes on past `limit`; shown whole.
pub async fn settle(rest: &Rest, load: &Load, limit: Duration) -> Result<()> {
    let mut open: Vec<String> = load.tasks.iter().map(|accepted| accepted.task.clone()).collect();
    let started = std::time::Instant::now();
    loop {
        let asked: Vec<(String, Option<Value>)> = stream::iter(open)
            .map(|task| async move {
                let status = rest.status(&task).await.ok();
                (task, status)
            })
            .buffer_unordered(PARALLEL)
            .collect()
            .await;
        let unsettled: Vec<_> = asked
            .into_iter()
            .filter(|(_, status)| !status.as_ref().is_some_and(settled))
            .collect();
        let Some((task, status)) = unsettled.first() else {
            return Ok(());
        };
        ensure!(
            started.elapsed() < limit,
            "{} tasks go on after {:.0} s, such as {task}: {}",
            unsettled.len(),
            limit.as_secs_f64(),
            status.as_ref().map(shortened).unwrap_or_default()
        );
        open = unsettled.into_iter().map(|(task, _)| task).collect();
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

fn settled(document: &Value) -> bool {
    let status = document.said("/status");
    is_terminal(status) || status == "needs_attention"
}

/// Checks every task of the load. `nats_url` carries a credential that may read.
///
/// # Errors
/// The system does not answer; what it did wrong is in the findings.
pub async fn check(rest: &Rest, oracle: &Oracle, nats_url: &str, load: &Load, rules: &Rules) -> Result<Findings> {
    let mut findings = Findings::default();
    let documents: Vec<(Value, Vec<Value>)> = stream::iter(&load.tasks)
        .map(|accepted| documents(rest, &accepted.task))
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    let arrivals = oracle.arrivals();
    for (accepted, (status, history)) in load.tasks.iter().zip(&documents) {
        check_end(accepted, status, rules, &mut findings);
        check_steps(accepted, status, rules, &mut findings);
        check_effects(accepted, oracle, &mut findings);
        check_arrivals(accepted, status, &arrivals, &mut findings);
        check_history(accepted, status, history, &mut findings);
    }
    let ids: BTreeSet<&str> = load.tasks.iter().map(|accepted| accepted.task.as_str()).collect();
    if ids.len() != load.tasks.len() {
        findings.violation("two idempotency keys were answered with one task");
    }
    let stored = eventually("tasks are listed", READ_LIMIT, || stored(rest, &load.label)).await?;
    if stored != load.tasks.len() {
        findings.violation(format!(
            "{} tasks were accepted and {stored} are stored",
            load.tasks.len()
        ));
    }
    if let Err(error) = check_stream(nats_url, load, &documents).await {
        findings.violation(format!("{error:#}"));
    }
    Ok(findings)
}

/// Status and history of a task. A 503 after a fault is an answer, not a finding.
async fn documents(rest: &Rest, task: &str) -> Result<(Value, Vec<Value>)> {
    eventually("a task is shown", READ_LIMIT, || async {
        Ok((rest.status(task).await?, rest.history(task).await?))
    })
    .await
}
