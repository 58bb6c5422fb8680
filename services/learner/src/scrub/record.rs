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
/// Names of members, in what tools take and give, whose text is a secret whatever it looks like.
const SECRET_NAMES: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "api_key",
    "apikey",
    "access_token",
    "auth_token",
    "refresh_token",
    "client_secret",
    "private_key",
    "authorization",
];
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
        session.members(&mut document, false, 0);
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

impl Session<'_> {
    /// `free`: what tools took and gave, where no member is the system's own.
    fn members(&mut self, value: &mut Value, free: bool, depth: usize) {
        match value {
            Value::String(text) => self.text(text, depth),
            Value::Array(values) => values.iter_mut().for_each(|value| self.members(value, free, depth)),
            Value::Object(members) => self.object(members, free, depth),
            Value::Number(number) if free => {
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

    fn object(&mut self, members: &mut Map<String, Value>, free: bool, depth: usize) {
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
            match value {
                Value::String(text) if free && is_secret(name) && !text.is_empty() && !self.is_placeholder(text) => {
                    *text = self.hide(Kind::Secret, text);
                }
                _ if !free && OWN.contains(&name.as_str()) => {}
                _ => self.members(value, free, depth),
            }
        }
    }

    /// A text that is JSON stays JSON, and as it was written where nothing is taken out of it.
    fn text(&mut self, text: &mut String, depth: usize) {
        if depth < MOST_DEPTH && text.starts_with(['{', '[', '"']) {
            if let Ok(mut document) = serde_json::from_str::<Value>(text) {
                let before = self.counts.clone();
                self.members(&mut document, true, depth + 1);
                if self.counts != before {
                    *text = document.to_string();
                }
                return;
            }
        } else if let Ok(mut number @ Value::Number(_)) = serde_json::from_str::<Value>(text) {
            self.members(&mut number, true, depth + 1);
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
    let name = name.to_ascii_lowercase().replace('-', "_");
    SECRET_NAMES.contains(&name.as_str())
}
