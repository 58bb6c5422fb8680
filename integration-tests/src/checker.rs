//! The history checker: compares what the system says about accepted tasks with what the outside
//! world saw and with the events it told.

use crate::configuration::CHANNEL;
use crate::document::{Document as _, shortened, step};
use crate::event_stream::{self, Seen};
use crate::eventually::eventually;
use crate::load::{Accepted, Load, stored};
use crate::oracle::{Arrival, Oracle};
use crate::rest::{Rest, is_terminal};
use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// Questions under way at a time.
const PARALLEL: usize = 16;
/// The relay publishes again what was lost with a stream; it works through a backlog.
const RELAY_LIMIT: Duration = Duration::from_secs(60);

/// What a run allows beyond "completed".
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// A `once` effect may have been cut off, so its task waits for a human.
    pub cut_off_effects: bool,
    /// Workers died with runs in hand, so those runs were made again.
    pub lost_runs: bool,
    /// This item's task was poisoned and must wait for a human.
    pub poisoned: Option<String>,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Tasks by status, waiting ones with their reason.
    pub ends: BTreeMap<String, usize>,
    /// Webhook keys and arrivals.
    pub webhooks: (usize, usize),
    /// Calls of `once` tools.
    pub once_calls: usize,
    /// Whatever must not be.
    pub violations: Vec<String>,
}

impl Findings {
    fn violation(&mut self, text: impl Into<String>) {
        self.violations.push(text.into());
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ends: Vec<String> = self.ends.iter().map(|(end, count)| format!("{count} {end}")).collect();
        let (keys, arrivals) = self.webhooks;
        write!(
            f,
            "{}; {keys} webhook keys in {arrivals} arrivals; {} once calls",
            ends.join(", "),
            self.once_calls
        )?;
        if !self.violations.is_empty() {
            write!(f, "; {} violations", self.violations.len())?;
        }
        for violation in self.violations.iter().take(8) {
            write!(f, "\n      - {violation}")?;
        }
        Ok(())
    }
}

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
        .map(|accepted| async { anyhow::Ok((rest.status(&accepted.task).await?, rest.history(&accepted.task).await?)) })
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    let arrivals = oracle.arrivals();
    for (accepted, (status, history)) in load.tasks.iter().zip(&documents) {
        check_end(accepted, status, rules, &mut findings);
        check_steps(accepted, status, oracle, rules, &mut findings);
        check_effects(accepted, oracle, &mut findings);
        check_arrivals(accepted, status, &arrivals, &mut findings);
        check_history(accepted, status, history, &mut findings);
    }
    let ids: BTreeSet<&str> = load.tasks.iter().map(|accepted| accepted.task.as_str()).collect();
    if ids.len() != load.tasks.len() {
        findings.violation("two idempotency keys were answered with one task");
    }
    let stored = stored(rest, &load.label).await?;
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

/// Terminal, or visibly waiting with a reason this run allows.
fn check_end(accepted: &Accepted, document: &Value, rules: &Rules, findings: &mut Findings) {
    let status = document.said("/status");
    let reason = document.said("/attention/reason");
    let waits = status == "needs_attention";
    let end = if waits {
        format!("needs_attention({reason})")
    } else {
        status.to_owned()
    };
    *findings.ends.entry(end.clone()).or_default() += 1;
    let poisoned = rules.poisoned.as_ref() == Some(&accepted.item);
    let has_once = accepted.endpoints.iter().any(|(_, endpoint)| *endpoint == "once");
    let allowed = match (status, reason) {
        ("completed", _) => !poisoned,
        ("needs_attention", "poison") => poisoned,
        ("needs_attention", "effect_unknown") => rules.cut_off_effects && has_once,
        _ => false,
    };
    if !allowed {
        findings.violation(format!("{} ended as {end}: {}", accepted.item, shortened(document)));
    }
    if waits && document["open_gates"].as_array().is_none_or(Vec::is_empty) {
        findings.violation(format!("{} waits for a human without a gate", accepted.item));
    }
}

/// No attempt was burnt in a queue or through an outage: an attempt beyond the first belongs to a run
/// that was really made, and lost with its worker.
fn check_steps(accepted: &Accepted, document: &Value, oracle: &Oracle, rules: &Rules, findings: &mut Findings) {
    if rules.poisoned.as_ref() == Some(&accepted.item) {
        return;
    }
    for key in ["begin", "left", "middle", "right", "gather"] {
        let Ok(step) = step(document, key) else {
            findings.violation(format!("{} lost step {key}", accepted.item));
            continue;
        };
        let attempt = step["attempt"].as_u64().unwrap_or_default();
        let calls = oracle.calls(&format!("{}-{key}", accepted.item)).len();
        let most = match rules.lost_runs {
            true => u64::try_from(calls)
                .unwrap_or(u64::MAX)
                .max(if calls == 0 { 2 } else { 1 }),
            false => 1,
        };
        if attempt > most {
            findings.violation(format!(
                "{} step {key}: attempt {attempt}, {calls} calls seen",
                accepted.item
            ));
        }
    }
}

/// `once` at most once; `keyed` again only with the same key and bytes.
fn check_effects(accepted: &Accepted, oracle: &Oracle, findings: &mut Findings) {
    for (key, endpoint) in accepted.endpoints {
        let item = format!("{}-{key}", accepted.item);
        let calls = oracle.calls(&item);
        let same = |call: &crate::oracle::Call| {
            calls
                .first()
                .is_some_and(|first| first.key == call.key && first.body == call.body)
        };
        match endpoint {
            "once" => {
                findings.once_calls += calls.len();
                if calls.len() > 1 {
                    findings.violation(format!("{item}: a once effect was sent {} times", calls.len()));
                }
            }
            "keyed" if !calls.iter().all(same) => {
                findings.violation(format!("{item}: resent with another key or body"))
            }
            "keyed" if calls.iter().any(|call| call.key.is_empty()) => {
                findings.violation(format!("{item}: sent without Idempotency-Key"));
            }
            _ => {}
        }
    }
}

/// A published task arrived at least once, under one key, always with the same bytes.
fn check_arrivals(accepted: &Accepted, document: &Value, arrivals: &[Arrival], findings: &mut Findings) {
    let marker = format!("<{}>", accepted.item);
    let own: Vec<&Arrival> = arrivals
        .iter()
        .filter(|arrival| arrival.channel == CHANNEL && String::from_utf8_lossy(&arrival.body).contains(&marker))
        .collect();
    let keys: BTreeSet<&str> = own.iter().map(|arrival| arrival.key.as_str()).collect();
    findings.webhooks.0 += keys.len();
    findings.webhooks.1 += own.len();
    if document.said("/status") == "completed" && !own.iter().any(|arrival| (200..300).contains(&arrival.status)) {
        findings.violation(format!("{} is completed and its webhook never arrived", accepted.item));
    }
    if keys.len() > 1 || keys.contains("") {
        findings.violation(format!("{} was published under the keys {keys:?}", accepted.item));
    }
    if own
        .iter()
        .any(|arrival| own.first().is_some_and(|first| first.body != arrival.body))
    {
        findings.violation(format!("{}: arrivals of one key differ", accepted.item));
    }
}

/// Numbered from 1 without a gap, each id once, and a terminal event last where the task ended.
fn check_history(accepted: &Accepted, document: &Value, history: &[Value], findings: &mut Findings) {
    for (expected, event) in (1u64..).zip(history) {
        if event["sequence"].as_u64() != Some(expected) {
            findings.violation(format!(
                "{}: event {expected} has sequence {}",
                accepted.item, event["sequence"]
            ));
            return;
        }
    }
    let ids: BTreeSet<&str> = history.iter().filter_map(|event| event["id"].as_str()).collect();
    if ids.len() != history.len() {
        findings.violation(format!(
            "{}: {} events have {} ids",
            accepted.item,
            history.len(),
            ids.len()
        ));
    }
    let status = document.said("/status");
    let ends = history.iter().filter(|event| is_end(event.said("/type"))).count();
    if ends != usize::from(is_terminal(status)) {
        findings.violation(format!("{} is {status} and told {ends} ends", accepted.item));
    }
}

fn is_end(kind: &str) -> bool {
    let ends = ["task.completed.", "task.rejected.", "task.failed.", "task.cancelled."];
    ends.iter().any(|end| kind.contains(end))
}

/// The stream has every event of the history under the same id; loss of the stream included.
async fn check_stream(nats_url: &str, load: &Load, documents: &[(Value, Vec<Value>)]) -> Result<()> {
    let client = event_stream::connect(nats_url).await?;
    eventually("the events stream holds every event", RELAY_LIMIT, || async {
        let seen = event_stream::read_all(&client).await?;
        let nothing = Seen::new();
        for (accepted, (_, history)) in load.tasks.iter().zip(documents) {
            let seen = seen.get(&accepted.task).unwrap_or(&nothing);
            for event in history {
                let id = event.text("/id")?;
                let sequence = seen
                    .get(id)
                    .with_context(|| format!("{}: event {} is not there", accepted.item, event["sequence"]))?;
                ensure!(
                    Some(*sequence) == event["sequence"].as_u64(),
                    "{}: {id} changed its sequence",
                    accepted.item
                );
            }
        }
        Ok(())
    })
    .await
}
