//! What an ended task shows of preferences.

use super::features::{features, words};
use super::outcome::Observed;
use crate::record::json;
use chrono::{DateTime, Utc};
use serde_json::Value;
use workflow::decide::is_policy;
use workflow::plan::is_template;

/// Wishes of one request that are remembered at most, and the size of each, in bytes of JSON.
const MOST_WISHES: usize = 16;
const MAX_WISH_BYTES: usize = 256;
const MAX_KEY_CHARS: usize = 64;
/// What a request is about, and no taste.
const SUBJECTS: [&str; 8] = [
    "topic",
    "subject",
    "title",
    "headline",
    "facts",
    "guidance",
    "instructions",
    "items",
];
/// A text whose number of words a human changed by more than this share was too long or too short.
const RESIZED: f64 = 0.15;
/// Who decides where no human did in time.
const EXPIRY: &str = "expiry";

/// What an ended task shows of preferences.
#[derive(Clone, Debug, PartialEq)]
pub struct Taught {
    /// Who asked.
    pub user: String,
    /// When.
    pub asked_at: DateTime<Utc>,
    /// What the request named.
    pub wishes: Vec<(String, Value)>,
    /// What a human made of the result.
    pub edits: Vec<(String, Value)>,
    /// The last word of a human on the result.
    pub decision: Option<Decision>,
    /// What the task did.
    pub observed: Observed,
    /// Planning had an answer from memory.
    pub remembered: bool,
}

/// The last word of a human on a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub actor: String,
    pub at: DateTime<Utc>,
    /// Approved, as it was or edited.
    pub good: bool,
}

/// What a raw record shows; none where it cannot be read, or the null model planned.
pub fn taught(raw: &Value) -> Option<Taught> {
    if raw.get("engine").and_then(Value::as_str) == Some("null") {
        return None;
    }
    let user = json::text(raw, "/submission/actor").filter(|actor| is_storable(actor))?;
    let asked_at = time(raw.pointer("/task/created_at")?)?;
    let decision = decision(raw);
    let approved = decision.as_ref().is_some_and(|decision| decision.good);
    Some(Taught {
        user,
        asked_at,
        wishes: wishes(raw),
        edits: if approved { edits(raw) } else { Vec::new() },
        decision,
        observed: observed(raw),
        remembered: json::text(raw, "/task/memory").as_deref() == Some("used"),
    })
}

fn time(value: &Value) -> Option<DateTime<Utc>> {
    Some(DateTime::parse_from_rfc3339(value.as_str()?).ok()?.with_timezone(&Utc))
}

fn wishes(raw: &Value) -> Vec<(String, Value)> {
    let named = json::members(raw, "/submission/preferences");
    let kept =
        named.filter(|(key, value)| !SUBJECTS.contains(&key.to_lowercase().as_str()) && is_key(key) && is_wish(value));
    kept.map(|(key, value)| (key.clone(), value.clone()))
        .take(MOST_WISHES)
        .collect()
}

fn is_key(key: &str) -> bool {
    is_storable(key) && key.chars().count() <= MAX_KEY_CHARS
}

/// The database holds no NUL.
fn is_storable(text: &str) -> bool {
    !text.is_empty() && !text.contains('\0')
}

/// Short, and comparable with what is wished another time.
fn is_wish(value: &Value) -> bool {
    let is_plain = match value {
        Value::Null | Value::Object(_) => false,
        Value::Array(items) => items.iter().all(Value::is_string),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    };
    let text = value.to_string();
    is_plain && text.len() <= MAX_WISH_BYTES && !text.contains("\\u0000")
}

fn decision(raw: &Value) -> Option<Decision> {
    let mut gates = json::list(raw, "/gates").iter().rev();
    gates.find_map(|gate| {
        let actor = json::text(gate, "/actor").filter(|actor| is_storable(actor))?;
        let kind = json::text(gate, "/kind")?;
        if is_policy(&actor) || actor == EXPIRY || matches!(kind.as_str(), "plan" | "step") {
            return None;
        }
        let good = match json::text(gate, "/action")?.as_str() {
            "approve" | "edit" => true,
            "reject" | "revise" => false,
            _ => return None,
        };
        let at = time(gate.get("decided_at")?)?;
        Some(Decision { actor, at, good })
    })
}

/// What a human changed of the results' manner, and of where they were to go.
fn edits(raw: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for draft in json::list(raw, "/drafts") {
        let channel = json::text_or_empty(draft, "/channel");
        let before = json::text(draft, "/content");
        let after = content(raw, &channel);
        if let (Some(before), Some(after)) = (before, after) {
            found.extend(changes(&channel, &before, &after));
        }
    }
    let asked: Vec<String> = json::texts(raw, "/submission/channels");
    let published = json::list(raw, "/task/published").iter();
    let mut chosen: Vec<String> = published.filter_map(|to| json::text(to, "/channel")).collect();
    chosen.sort_unstable();
    let left_out = asked.iter().any(|channel| !chosen.contains(channel));
    if left_out && !chosen.is_empty() && !went_on_without(raw) {
        found.push(("channels".to_owned(), Value::from(chosen)));
    }
    found
}

/// A human let the task go on without what had failed, which may be a channel: that is no choice of theirs.
fn went_on_without(raw: &Value) -> bool {
    let mut gates = json::list(raw, "/gates").iter();
    gates.any(|gate| {
        let is = |pointer, names: &[&str]| json::text(gate, pointer).is_some_and(|text| names.contains(&text.as_str()));
        is("/kind", &["attention"]) && is("/action", &["skip", "approve"])
    })
}

fn content(raw: &Value, channel: &str) -> Option<String> {
    let mut results = json::list(raw, "/deliverables").iter();
    let own = results.find(|result| result.get("channel").and_then(Value::as_str) == Some(channel))?;
    json::text(own, "/content")
}

fn changes(channel: &str, before: &str, after: &str) -> Vec<(String, Value)> {
    let pairs = features(before).into_iter().zip(features(after));
    let changed = pairs.filter(|((name, was), (_, is))| match *name {
        "words" => resized(before, after),
        _ => was != is,
    });
    changed
        .map(|(_, (name, is))| (format!("{channel}.{name}"), is))
        .filter(|(key, _)| is_key(key))
        .collect()
}

fn resized(before: &str, after: &str) -> bool {
    let (before, after) = (words(before) as f64, words(after) as f64);
    (after - before).abs() > before * RESIZED
}

fn observed(raw: &Value) -> Observed {
    let steps = json::list(raw, "/plan/steps").iter();
    let arguments = steps.flat_map(|step| json::members(step, "/arguments"));
    let literal = arguments.filter(|(_, value)| is_literal(value));
    let results = json::list(raw, "/deliverables").iter();
    let drafts = json::list(raw, "/drafts");
    let texts = results.filter_map(|result| {
        let channel = json::text(result, "/channel")?;
        let own = |draft: &&Value| draft.get("channel").and_then(Value::as_str) == Some(channel.as_str());
        let made = drafts.iter().find(own).unwrap_or(result);
        Some((channel, json::text(made, "/content")?))
    });
    Observed {
        arguments: literal.map(|(name, value)| (name.clone(), value.clone())).collect(),
        texts: texts.collect(),
        channels: json::texts(raw, "/submission/channels").into_iter().collect(),
    }
}

/// What is taken from elsewhere is known only while the step runs.
fn is_literal(value: &Value) -> bool {
    match value {
        Value::String(text) => !is_template(text),
        Value::Object(_) | Value::Null => false,
        Value::Array(_) | Value::Bool(_) | Value::Number(_) => true,
    }
}
