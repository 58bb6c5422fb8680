//! The events of a task, read for what they tell of attempts and decisions.

use super::attempts::Attempt;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use workflow::decide::is_policy;

/// An event, as far as a trace needs it.
#[derive(Deserialize)]
pub struct Note {
    #[serde(rename = "type")]
    kind: String,
    /// RFC 3339.
    pub time: String,
    data: Value,
}

impl Note {
    pub fn value(&self, member: &str) -> &Value {
        self.data.get(member).unwrap_or(&Value::Null)
    }

    pub fn number(&self, member: &str) -> i64 {
        self.value(member).as_i64().unwrap_or(0)
    }

    fn text(&self, member: &str) -> &str {
        self.value(member).as_str().unwrap_or_default()
    }

    fn is(&self, name: &str) -> bool {
        let name_and_version = self.kind.strip_prefix("io.orchestrator.");
        name_and_version.and_then(|kind| kind.strip_suffix(".v1")) == Some(name)
    }
}

/// Everything told of a task, in order.
pub struct History {
    notes: Vec<Note>,
    /// By plan version and step key.
    attempts: HashMap<(u32, String), Vec<Attempt>>,
}

impl History {
    pub fn read(events: &[String]) -> Self {
        let notes: Vec<Note> = events
            .iter()
            .filter_map(|text| serde_json::from_str(text).ok())
            .collect();
        let mut attempts: HashMap<(u32, String), Vec<Attempt>> = HashMap::new();
        let mut version = 0;
        for note in &notes {
            if note.is("task.planned") {
                version = u32::try_from(note.number("version")).unwrap_or(0);
            } else if note.kind.starts_with("io.orchestrator.step.") {
                let of_step = attempts.entry((version, note.text("key").to_owned())).or_default();
                tell(of_step, note);
            } else if note.is("gate.opened") && note.text("kind") == "step" && note.number("escalation") == 0 {
                let asked = attempts.get_mut(&(version, note.text("step_key").to_owned()));
                if let Some(last) = asked.and_then(|of_step| of_step.last_mut()) {
                    last.asked(&note.time);
                }
            }
        }
        Self { notes, attempts }
    }

    /// Events of a kind, such as `task.planned`.
    pub fn of<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h Note> {
        self.notes.iter().filter(move |note| note.is(name))
    }

    /// The attempts of a step, taken out.
    pub fn attempts(&mut self, version: u32, key: &str) -> Vec<Attempt> {
        self.attempts.remove(&(version, key.to_owned())).unwrap_or_default()
    }

    /// What people and policy decided about the task as a whole.
    pub fn decisions(&self) -> impl Iterator<Item = Value> {
        self.notes.iter().filter_map(decision)
    }
}

fn tell(attempts: &mut Vec<Attempt>, note: &Note) {
    let number = |member| u32::try_from(note.number(member)).unwrap_or(0);
    let (round, attempt) = (number("round"), number("attempt"));
    let time = note.time.as_str();
    if note.is("step.queued") {
        // The number is that of the attempt before.
        attempts.push(Attempt::queued(round, attempt + 1, time));
        return;
    }
    // Only the first dispatch is told of as queued: a higher number tells that the attempts before failed.
    if attempts
        .last()
        .is_none_or(|last| last.is_over() || last.is_before(attempt))
    {
        attempts.push(Attempt::unseen());
    }
    let Some(last) = attempts.last_mut() else { return };
    last.is(round, attempt);
    match note.text("step_status") {
        "running" => last.started(time),
        status => last.ended(status, time, note.text("code")),
    }
}

fn decision(note: &Note) -> Option<Value> {
    let by_policy = |action: &str, reason: String| (json!("policy"), action.to_owned(), json!(reason));
    let by_actor = |action: &str| {
        (
            note.value("actor").clone(),
            action.to_owned(),
            note.value("reason").clone(),
        )
    };
    let (actor, action, reason) = if note.is("task.refining") {
        let keys: Vec<&str> = note
            .value("steps")
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let steps = keys.join(", ");
        by_policy("refine", format!("round {} repairs {steps}", note.number("round")))
    } else if note.is("task.needs_attention") {
        by_policy(
            "needs_attention",
            format!("{}: {}", note.text("reason"), note.text("detail")),
        )
    } else if note.is("task.publishing") && is_policy(note.text("approved_by")) {
        (note.value("approved_by").clone(), "approve".to_owned(), Value::Null)
    } else if note.is("gate.opened") && note.value("withheld").is_string() && note.number("escalation") == 0 {
        by_policy("ask", note.text("withheld").to_owned())
    } else if note.is("task.paused") {
        by_actor("pause")
    } else if note.is("task.resumed") {
        by_actor("resume")
    } else if note.is("task.cancelled") {
        by_actor("cancel")
    } else {
        return None;
    };
    Some(json!({ "at": note.time, "actor": actor, "action": action, "reason": reason, "gate": null }))
}
