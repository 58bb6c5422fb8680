//! How tasks and their steps ended.

use super::findings::{Findings, Rules};
use crate::document::{Document as _, shortened, step};
use crate::load::Accepted;
use serde_json::Value;

/// Terminal, or visibly waiting with a reason this run allows.
pub(super) fn check_end(accepted: &Accepted, document: &Value, rules: &Rules, findings: &mut Findings) {
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
/// that was lost with its worker.
pub(super) fn check_steps(accepted: &Accepted, document: &Value, rules: &Rules, findings: &mut Findings) {
    if rules.poisoned.as_ref() == Some(&accepted.item) {
        return;
    }
    for key in ["begin", "left", "middle", "right", "gather"] {
        let Ok(step) = step(document, key) else {
            findings.violation(format!("{} lost step {key}", accepted.item));
            continue;
        };
        let attempt = step.pointer("/attempt").and_then(Value::as_u64).unwrap_or_default();
        if attempt > rules.deaths + 1 {
            findings.violation(format!(
                "{} step {key}: attempt {attempt}, though workers died {} times",
                accepted.item, rules.deaths
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn violations(document: &Value, rules: &Rules) -> usize {
        let endpoints = [("left", "work"), ("middle", "keyed"), ("right", "once")];
        let accepted = Accepted {
            task: "t".into(),
            item: "run-0003".into(),
            endpoints,
        };
        let mut findings = Findings::default();
        check_end(&accepted, document, rules, &mut findings);
        findings.violations.len()
    }

    #[test]
    fn a_task_ends_or_waits_for_an_allowed_reason() {
        let strict = Rules::default();
        let cut_off = Rules {
            cut_off_effects: true,
            ..Rules::default()
        };
        let unknown =
            json!({"status": "needs_attention", "attention": {"reason": "effect_unknown"}, "open_gates": [{}]});
        assert_eq!(violations(&json!({"status": "completed"}), &strict), 0);
        assert_eq!(violations(&json!({"status": "executing"}), &strict), 1);
        assert_eq!(violations(&unknown, &strict), 1);
        assert_eq!(violations(&unknown, &cut_off), 0);
        let gateless =
            json!({"status": "needs_attention", "attention": {"reason": "effect_unknown"}, "open_gates": []});
        assert_eq!(violations(&gateless, &cut_off), 1);
    }
}
