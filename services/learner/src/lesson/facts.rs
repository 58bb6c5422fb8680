//! What figures are made of.

use super::Foreseen;
use crate::record::json;
use serde_json::Value;
use workflow::decide::is_policy;

/// What figures are made of, beside status and quality.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Facts {
    /// Repair rounds used.
    pub refinements: i32,
    /// US dollars; none: unknown.
    pub usd: Option<f64>,
    /// It once needed a human's attention.
    pub escalated: bool,
    /// A human decided otherwise than the score; none: no human decided about the result.
    pub overridden: Option<bool>,
    /// What was expected of it.
    pub foreseen: Foreseen,
}

impl Facts {
    /// From a task's gates and what is told of it. `passed`: whether it reached its threshold.
    pub fn of(refinements: u64, usd: Option<f64>, gates: &Value, passed: Option<bool>) -> Self {
        Self {
            refinements: i32::try_from(refinements).unwrap_or(i32::MAX),
            usd: usd.filter(|usd| usd.is_finite()),
            escalated: list(gates).iter().any(|gate| kind(gate) == "attention"),
            overridden: overridden(gates, passed),
            foreseen: Foreseen::default(),
        }
    }
}

/// Whether how the task ended says something of its plan. One that was cancelled with nothing amiss does not: somebody
/// changed their mind. Where it waited for help, was judged too low, or people did not like what they saw, it was
/// given up.
pub fn tells(raw: &Value) -> bool {
    let amiss =
        |gate: &Value| kind(gate) == "attention" || matches!(member(gate, "action"), "revise" | "reject" | "cancel");
    match raw.pointer("/task/status").and_then(Value::as_str) {
        Some("completed" | "rejected" | "failed") => true,
        Some("cancelled") => {
            raw.pointer("/task/quality/passed").and_then(Value::as_bool) == Some(false)
                || json::list(raw, "/gates").iter().any(amiss)
        }
        _ => false,
    }
}

/// Whether the task is an example to follow: completed, of enough quality by its own threshold and by `least`, and
/// the last word about its result was an approval.
pub fn succeeded(raw: &Value, least: f64) -> bool {
    let quality = raw.pointer("/task/quality/overall").and_then(Value::as_f64);
    raw.pointer("/task/status").and_then(Value::as_str) == Some("completed")
        && raw.pointer("/task/quality/passed").and_then(Value::as_bool) == Some(true)
        && quality.is_some_and(|quality| quality >= least)
        && json::list(raw, "/gates")
            .iter()
            .rev()
            .find_map(verdict)
            .is_some_and(Verdict::is_approval)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Approved,
    Edited,
    Revised,
    Rejected,
}

impl Verdict {
    fn is_approval(self) -> bool {
        matches!(self, Self::Approved | Self::Edited)
    }
}

/// What a gate's answer says of the result; gates about plans and single steps say nothing of it.
fn verdict(gate: &Value) -> Option<Verdict> {
    if matches!(kind(gate), "plan" | "step") {
        return None;
    }
    match member(gate, "action") {
        "approve" => Some(Verdict::Approved),
        "edit" => Some(Verdict::Edited),
        "revise" => Some(Verdict::Revised),
        "reject" => Some(Verdict::Rejected),
        _ => None,
    }
}

fn overridden(gates: &Value, passed: Option<bool>) -> Option<bool> {
    let by_human = |gate: &&Value| !is_policy(member(gate, "actor")) && member(gate, "actor") != "expiry";
    let verdicts: Vec<Verdict> = list(gates).iter().filter(by_human).filter_map(verdict).collect();
    let last = verdicts.last()?;
    let otherwise = match last {
        Verdict::Approved => passed == Some(false),
        Verdict::Edited | Verdict::Revised => true,
        Verdict::Rejected => passed != Some(false),
    };
    Some(otherwise || verdicts.contains(&Verdict::Revised))
}

fn list(gates: &Value) -> &[Value] {
    gates.as_array().map_or(&[], Vec::as_slice)
}

fn kind(gate: &Value) -> &str {
    member(gate, "kind")
}

fn member<'v>(gate: &'v Value, name: &str) -> &'v str {
    gate.get(name).and_then(Value::as_str).unwrap_or_default()
}
