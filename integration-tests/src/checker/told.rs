//! What events told.

use super::findings::Findings;
use crate::document::Document as _;
use crate::event_stream::{self, Seen};
use crate::eventually::eventually;
use crate::load::{Accepted, Load};
use crate::rest::is_terminal;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

/// The relay publishes again what was lost with a stream; it works through a backlog.
const RELAY_LIMIT: Duration = Duration::from_secs(60);

/// Numbered from 1 without a gap, each id once, and a terminal event last where the task ended.
pub(super) fn check_history(accepted: &Accepted, document: &Value, history: &[Value], findings: &mut Findings) {
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
pub(super) async fn check_stream(nats_url: &str, load: &Load, documents: &[(Value, Vec<Value>)]) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn violations(sequences: &[u64], kinds: &[&str]) -> usize {
        let event =
            |(sequence, kind): (&u64, &&str)| json!({"id": format!("e{sequence}"), "sequence": sequence, "type": kind});
        let history: Vec<Value> = sequences.iter().zip(kinds).map(event).collect();
        let accepted = Accepted {
            task: "t".into(),
            item: "run-0001".into(),
            endpoints: [("left", "work"); 3],
        };
        let mut findings = Findings::default();
        check_history(&accepted, &json!({"status": "completed"}), &history, &mut findings);
        findings.violations.len()
    }

    #[test]
    fn gaps_and_second_ends_are_seen() {
        let (begin, end) = ("io.orchestrator.task.submitted.v1", "io.orchestrator.task.completed.v1");
        assert_eq!(violations(&[1, 2], &[begin, end]), 0);
        assert_eq!(violations(&[1, 3], &[begin, end]), 1, "a gap");
        assert_eq!(violations(&[1, 2], &[begin, begin]), 1, "no end");
        assert_eq!(violations(&[1, 2, 3], &[begin, end, end]), 1, "two ends");
    }
}
