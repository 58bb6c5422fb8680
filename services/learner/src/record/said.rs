//! What people wrote where they decided, in a raw record.

use super::json;
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::collections::BTreeSet;
use workflow::decide::is_policy;

/// Who wrote something where they decided about the task.
pub fn speakers(raw: &Value) -> BTreeSet<String> {
    let gates = json::list(raw, "/gates").iter();
    gates.filter_map(speaker).collect()
}

/// Takes out what somebody wrote, where `is_theirs` says so of who it was and when they decided. False: there was nothing.
pub fn silence(raw: &mut Value, is_theirs: impl Fn(&str, Option<DateTime<Utc>>) -> bool) -> bool {
    let gates = raw.get_mut("gates").and_then(Value::as_array_mut).into_iter().flatten();
    let mut silenced = false;
    for gate in gates {
        let decided_at = json::text(gate, "/decided_at").and_then(|at| at.parse().ok());
        if speaker(gate).is_some_and(|actor| is_theirs(&actor, decided_at))
            && let Some(words) = gate.get_mut("feedback")
        {
            *words = Value::Null;
            silenced = true;
        }
    }
    silenced
}

/// As the database can hold it.
fn speaker(gate: &Value) -> Option<String> {
    let member = |name| gate.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    member("feedback")?;
    let actor = member("actor").filter(|actor| *actor != "expiry" && !is_policy(actor))?;
    Some(actor.replace('\0', ""))
}
