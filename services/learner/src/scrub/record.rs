//! Scrubbing a whole record.

use super::{Kind, Scrubber, Session};
use crate::record::TrainingRecord;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Members that hold names and times of the system's own, and nothing that anybody wrote.
const OWN: [&str; 18] = [
    "record_id",
    "cluster",
    "split",
    "consent",
    "created_at",
    "started_at",
    "finished_at",
    "content_hash",
    "content_type",
    "configuration",
    "patterns_used",
    "outcome",
    "decision",
    "decided_by",
    "origin",
    "status",
    "code",
    "tier",
];
/// Ends of names of members, in what tools take and give, whose value is a secret whatever it looks like: letters and
/// digits alone.
const SECRET_NAMES: [&str; 15] = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "clientsecret",
    "secretkey",
    "apikey",
    "accesskey",
    "privatekey",
    "accesstoken",
    "authtoken",
    "refreshtoken",
    "bearertoken",
    "authorization",
];
/// Members whose own members the client or the operator names.
const MAPS: [&str; 4] = ["metadata", "dimensions", "versions", "business_metrics"];
const MOST_DEPTH: usize = 100;

/// What was taken out, by kind.
pub type Scrubbed = BTreeMap<Kind, u64>;

impl Scrubber {
    /// The record without secrets and personal data, and how much there was.
    ///
    /// # Errors
    /// When the record cannot be written as JSON, which none is.
    pub fn record(&self, record: TrainingRecord) -> Result<(TrainingRecord, Scrubbed), serde_json::Error> {
        let written = serde_json::to_string(&record)?;
        let mut session = self.begin(&written);
        let mut document: Value = serde_json::from_str(&written)?;
        session.members(&mut document, Names::Ours, 0);
        if session.counts.is_empty() {
            return Ok((record, Scrubbed::new()));
        }
        let mut cleaned: TrainingRecord = serde_json::from_value(document)?;
        // A hash would tell a guess of what was taken out from a wrong one.
        for (now, before) in cleaned.labels.deliverables.iter_mut().zip(&record.labels.deliverables) {
            if now.content != before.content {
                now.content_hash = None;
            }
        }
        Ok((cleaned, session.counts))
    }
}

/// Who names an object's members.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    /// The record's schema.
    Ours,
    /// Client or operator.
    Theirs,
    /// Tools, in what they take and give.
    Tools,
}

impl Session<'_> {
    fn members(&mut self, value: &mut Value, names: Names, depth: usize) {
        match value {
            Value::String(text) => self.text(text, depth),
            Value::Array(values) => values.iter_mut().for_each(|value| self.members(value, names, depth)),
            Value::Object(members) => self.object(members, names, depth),
            Value::Number(number) if names == Names::Tools => {
                let digits = number.to_string();
                if digits.len() >= 13
                    && let Some(hidden) = self.clean(&digits)
                {
                    *value = Value::String(hidden);
                }
            }
            Value::Number(_) | Value::Bool(_) | Value::Null => {}
        }
    }

    fn object(&mut self, members: &mut Map<String, Value>, names: Names, depth: usize) {
        let named: Vec<(String, String)> = members
            .keys()
            .filter_map(|name| Some((name.clone(), self.clean(name)?)))
            .collect();
        for (name, cleaned) in named {
            if let Some(value) = members.remove(&name) {
                members.insert(cleaned, value);
            }
        }
        for (name, value) in members {
            match names {
                Names::Tools if is_secret(name) => self.hide_all(value),
                Names::Tools => self.members(value, Names::Tools, depth),
                Names::Ours if MAPS.contains(&name.as_str()) => self.members(value, Names::Theirs, depth),
                Names::Ours if OWN.contains(&name.as_str()) => {}
                // Below what they name stands what we name.
                Names::Ours | Names::Theirs => self.members(value, Names::Ours, depth),
            }
        }
    }

    /// Every text and number, whatever it looks like.
    fn hide_all(&mut self, value: &mut Value) {
        match value {
            Value::String(text) if !text.is_empty() && !self.is_placeholder(text) => {
                *text = self.hide(Kind::Secret, text);
            }
            Value::Number(number) => {
                let digits = number.to_string();
                *value = Value::String(self.hide(Kind::Secret, &digits));
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.hide_all(value)),
            Value::Object(members) => members.values_mut().for_each(|value| self.hide_all(value)),
            Value::String(_) | Value::Bool(_) | Value::Null => {}
        }
    }

    /// A text that is JSON stays JSON, and as it was written where nothing is taken out of it.
    fn text(&mut self, text: &mut String, depth: usize) {
        if depth < MOST_DEPTH && text.starts_with(['{', '[', '"']) {
            if let Ok(mut document) = serde_json::from_str::<Value>(text) {
                let before = self.counts.clone();
                self.members(&mut document, Names::Tools, depth + 1);
                if self.counts != before {
                    *text = document.to_string();
                }
                return;
            }
        } else if let Ok(mut number @ Value::Number(_)) = serde_json::from_str::<Value>(text) {
            self.members(&mut number, Names::Tools, depth + 1);
            if let Value::String(hidden) = number {
                *text = Value::String(hidden).to_string();
            }
            return;
        }
        if let Some(cleaned) = self.clean(text) {
            *text = cleaned;
        }
    }
}

fn is_secret(name: &str) -> bool {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    let name: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
    SECRET_NAMES.iter().any(|secret| name.ends_with(secret))
}
