//! What became of a preference, by the plan that was executed and by what came out; never by what was offered.

use super::features::{feature, words};
use serde_json::Value;
use std::collections::BTreeSet;

/// A text keeps to a number of words within this share of it.
const NEAR: f64 = 0.2;
/// Names for the same. An argument by any of them speaks of a preference by any of them.
const SAME: [&[&str]; 4] = [
    &["tone", "style", "voice", "tone_of_voice"],
    &["audience", "target_audience", "readers"],
    &["business", "brand", "company", "brand_name"],
    &["call_to_action", "cta"],
];
const INCLUDED: [&str; 4] = ["must_include", "must_mention", "include", "required_phrases"];
const AVOIDED: [&str; 4] = ["avoid", "exclude", "forbidden", "banned_words"];

/// What became of a preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Applied,
    Violated,
    /// Neither can be told.
    Unclear,
}

impl Outcome {
    /// As rows and documents say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Violated => "violated",
            Self::Unclear => "unclear",
        }
    }

    fn of(applied: bool) -> Self {
        if applied { Self::Applied } else { Self::Violated }
    }
}

/// What a task did.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Observed {
    /// Literal arguments of the plan's steps, by name.
    pub arguments: Vec<(String, Value)>,
    /// Channel and text of each result, as it was made, whatever people changed of it.
    pub texts: Vec<(String, String)>,
    /// Where results went.
    pub channels: BTreeSet<String>,
}

impl Observed {
    /// What became of a preference.
    pub fn outcome(&self, key: &str, value: &Value) -> Outcome {
        let name = key.to_lowercase();
        if name == "channels" {
            let wanted: Option<BTreeSet<&str>> = value
                .as_array()
                .map(|wanted| wanted.iter().filter_map(Value::as_str).collect());
            let used: BTreeSet<&str> = self.channels.iter().map(String::as_str).collect();
            return wanted.map_or(Outcome::Unclear, |wanted| Outcome::of(wanted == used));
        }
        if let Some(outcome) = self.of_manner(key, value) {
            return outcome;
        }
        if INCLUDED.contains(&name.as_str()) {
            return self.of_texts(value, |texts, phrases| {
                phrases.iter().all(|phrase| texts.contains(phrase))
            });
        }
        if AVOIDED.contains(&name.as_str()) {
            return self.of_texts(value, |texts, phrases| {
                !phrases.iter().any(|phrase| texts.contains(phrase))
            });
        }
        match (name.as_str(), value.as_u64()) {
            ("max_words", Some(most)) => self.bounded(|text| words(text) as u64 <= most),
            ("max_characters" | "max_chars", Some(most)) => self.bounded(|text| text.chars().count() as u64 <= most),
            _ => self.of_arguments(&name, value),
        }
    }

    /// `channel.feature`; none: the key is no such thing.
    fn of_manner(&self, key: &str, value: &Value) -> Option<Outcome> {
        let (channel, name) = key.rsplit_once('.')?;
        feature("", name)?;
        let text = self.texts.iter().find(|(of, _)| of == channel);
        let Some(found) = text.and_then(|(_, text)| feature(text, name)) else {
            return Some(Outcome::Unclear);
        };
        Some(Outcome::of(match (found.as_f64(), value.as_f64()) {
            (Some(found), Some(wanted)) => (found - wanted).abs() <= wanted * NEAR,
            _ => found == *value,
        }))
    }

    fn of_texts(&self, value: &Value, keeps: impl Fn(&str, &[String]) -> bool) -> Outcome {
        let phrases = phrases(value);
        if self.texts.is_empty() || phrases.is_empty() {
            return Outcome::Unclear;
        }
        let texts: Vec<String> = self.texts.iter().map(|(_, text)| text.to_lowercase()).collect();
        Outcome::of(keeps(&texts.join("\n"), &phrases))
    }

    fn bounded(&self, keeps: impl Fn(&str) -> bool) -> Outcome {
        if self.texts.is_empty() {
            return Outcome::Unclear;
        }
        Outcome::of(self.texts.iter().all(|(_, text)| keeps(text)))
    }

    /// What the plan passed on by that name.
    fn of_arguments(&self, name: &str, value: &Value) -> Outcome {
        let names = SAME.into_iter().find(|names| names.contains(&name));
        let is_named = |given: &str| given == name || names.is_some_and(|names| names.contains(&given));
        let mut given = self
            .arguments
            .iter()
            .filter(|(given, _)| is_named(&given.to_lowercase()))
            .peekable();
        if given.peek().is_none() {
            return Outcome::Unclear;
        }
        Outcome::of(given.any(|(_, given)| says(given, value)))
    }
}

/// An argument passes a preference on where it is the same, or a text that has it.
fn says(given: &Value, wanted: &Value) -> bool {
    match (given.as_str(), wanted.as_str()) {
        (Some(given), Some(wanted)) => given.to_lowercase().contains(&wanted.to_lowercase()),
        _ => given == wanted || given.as_f64().is_some_and(|given| Some(given) == wanted.as_f64()),
    }
}

fn phrases(value: &Value) -> Vec<String> {
    let items = match value {
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    let texts = items.iter().filter_map(Value::as_str);
    texts
        .map(str::to_lowercase)
        .filter(|text| !text.trim().is_empty())
        .collect()
}
