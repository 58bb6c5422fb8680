//! What the outside world saw.

use super::findings::Findings;
use crate::configuration::CHANNEL;
use crate::document::Document as _;
use crate::load::Accepted;
use crate::oracle::{Arrival, Call, Oracle};
use serde_json::Value;
use std::collections::BTreeSet;

/// `once` at most once; `keyed` again only with the same key and bytes.
pub(super) fn check_effects(accepted: &Accepted, oracle: &Oracle, findings: &mut Findings) {
    for (key, endpoint) in accepted.endpoints {
        let item = format!("{}-{key}", accepted.item);
        let calls = oracle.calls(&item);
        let same = |call: &Call| {
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
pub(super) fn check_arrivals(accepted: &Accepted, document: &Value, arrivals: &[Arrival], findings: &mut Findings) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    fn arrival(key: &str, body: &'static str, status: u16) -> Arrival {
        Arrival {
            key: key.into(),
            channel: CHANNEL.into(),
            body: body.into(),
            timestamp: String::new(),
            signature: String::new(),
            at: Duration::ZERO,
            status,
        }
    }

    fn violations(arrivals: &[Arrival]) -> usize {
        let accepted = Accepted {
            task: "t".into(),
            item: "run-0001".into(),
            endpoints: [("left", "work"); 3],
        };
        let mut findings = Findings::default();
        check_arrivals(&accepted, &json!({"status": "completed"}), arrivals, &mut findings);
        findings.violations.len()
    }

    #[test]
    fn a_key_may_arrive_again_with_the_same_bytes_only() {
        assert_eq!(
            violations(&[arrival("k", "a <run-0001>", 503), arrival("k", "a <run-0001>", 204)]),
            0
        );
        assert_eq!(violations(&[]), 1, "it never arrived");
        assert_eq!(
            violations(&[arrival("k", "a <run-0001>", 503)]),
            1,
            "it was only refused"
        );
        assert_eq!(
            violations(&[arrival("k", "a <run-0001>", 204), arrival("k", "b <run-0001>", 204)]),
            1
        );
        assert_eq!(
            violations(&[arrival("k", "a <run-0001>", 204), arrival("l", "a <run-0001>", 204)]),
            1
        );
    }
}
