//! Preferences and tool arguments: what is said by name rather than in prose.

use super::Brief;
use super::inclusions;
use super::kind;
use super::length;
use super::tone::{Tone, named_in};
use super::topic::Topic;
use crate::memory::KnownPreference;
use crate::text::phrases::distinct;
use serde_json::{Map, Value};

impl Brief {
    /// Takes in a map of preferences or arguments; what it names wins over the request's prose.
    pub fn take_preferences(&mut self, named: &Map<String, Value>) {
        for (name, value) in named {
            let text = line(value);
            match name.to_lowercase().as_str() {
                "tone" | "style" | "voice" | "tone_of_voice" => self.take_tone(&text),
                "audience" | "target_audience" | "readers" | "target" if !text.is_empty() => self.audience = Some(text),
                "topic" | "subject" if !text.is_empty() => self.topic = Topic::of(&text),
                "format" | "content_type" | "kind" => self.take_kind(&text),
                "title" | "headline" if !text.is_empty() => self.title = Some(text),
                "business" | "brand" | "company" | "brand_name" if !text.is_empty() => self.business = Some(text),
                "call_to_action" | "cta" if !text.is_empty() => self.call_to_action = Some(text),
                "must_include" | "must_mention" | "include" | "required_phrases" => {
                    self.must_include.extend(list(value))
                }
                "avoid" | "exclude" | "forbidden" | "banned_words" => self.avoid.extend(list(value)),
                "sections" => self.sections.extend(list(value)),
                "items" | "count" => self.items = value.as_u64().map(|n| n.min(40) as usize).or(self.items),
                "length" | "word_count" | "words" | "length_words" | "max_words" => {
                    self.take_length(name, value, &text)
                }
                "max_characters" | "max_chars" => {
                    self.length.max_chars = value.as_u64().map(|n| n as usize).or(self.length.max_chars)
                }
                "facts" => self.facts.extend(list(value)),
                "guidance" | "instructions" => self.take_guidance(&list(value)),
                _ => {}
            }
        }
        self.must_include = distinct(self.must_include.drain(..));
        self.avoid = distinct(self.avoid.drain(..));
        self.sections = distinct(self.sections.drain(..));
        self.facts = distinct(self.facts.drain(..));
    }

    /// Takes in what is remembered where nothing else says it; the names of what was taken. What a request is about is
    /// never remembered.
    pub fn remember(&mut self, known: &[KnownPreference]) -> Vec<String> {
        let mut taken = Vec::new();
        for preference in known {
            let is_open = match preference.name.to_lowercase().as_str() {
                "tone" | "style" | "voice" | "tone_of_voice" => self.tones.is_empty() && self.other_tones.is_empty(),
                "audience" | "target_audience" | "readers" | "target" => self.audience.is_none(),
                "business" | "brand" | "company" | "brand_name" => self.business.is_none(),
                "call_to_action" | "cta" => self.call_to_action.is_none(),
                "length" | "word_count" | "words" | "length_words" | "max_words" => !self.length_stated(),
                "max_characters" | "max_chars" => self.max_chars().is_none(),
                "must_include" | "must_mention" | "include" | "required_phrases" | "avoid" | "exclude"
                | "forbidden" | "banned_words" => true,
                _ => false,
            };
            if is_open {
                self.take_preferences(&Map::from_iter([(preference.name.clone(), preference.value.clone())]));
                taken.push(preference.name.clone());
            }
        }
        taken
    }

    fn take_tone(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.tones = named_in(text);
        let words = text.split([',', '/', ';', ' ']).map(|word| word.trim().to_lowercase());
        let ignored = ["and", "but", "yet", "tone", "very", "a", "bit", "with", "of"];
        let unknown =
            words.filter(|word| !word.is_empty() && Tone::of_word(word).is_none() && !ignored.contains(&word.as_str()));
        self.other_tones = if self.tones.is_empty() {
            distinct(unknown)
        } else {
            Vec::new()
        };
    }

    fn take_kind(&mut self, text: &str) {
        if let Some(kind) = kind::by_name(text).or_else(|| kind::named_in(text).map(|(kind, ..)| kind)) {
            self.kind = kind;
            self.label = kind::as_written(text);
            self.kind_named = true;
        }
    }

    fn take_length(&mut self, name: &str, value: &Value, text: &str) {
        match value.as_u64().map(|n| n.clamp(1, 100_000) as usize) {
            Some(n) if name.starts_with("max") => self.length.max = Some(n),
            Some(n) => self.length.target = Some(n),
            None => {
                let asked = length::asked_in(text);
                self.length = length::Length {
                    target: asked.target.or(self.length.target),
                    max: asked.max.or(self.length.max),
                    max_chars: asked.max_chars.or(self.length.max_chars),
                    hint: if asked.hint == 0 { self.length.hint } else { asked.hint },
                };
            }
        }
    }

    fn take_guidance(&mut self, guidance: &[String]) {
        for text in guidance {
            let asks = inclusions::read(text);
            self.must_include.extend(asks.must_include);
            self.avoid.extend(asks.avoid);
            self.sections.extend(asks.sections);
        }
    }
}

/// A value as one line; lists with commas.
fn line(value: &Value) -> String {
    match value {
        Value::String(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
        Value::Number(number) => number.to_string(),
        Value::Array(_) => list(value).join(", "),
        Value::Null | Value::Bool(_) | Value::Object(_) => String::new(),
    }
}

/// A value as texts: an array's strings, or the one string.
pub fn list(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items
            .iter()
            .map(line)
            .filter(|text| !text.is_empty())
            .take(40)
            .collect(),
        Value::String(text) if !text.trim().is_empty() => vec![text.trim().to_owned()],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use crate::brief::Brief;
    use crate::port::Context;
    use serde_json::json;

    #[test]
    fn what_is_said_by_name_wins_over_prose() {
        let preferences = json!({"tone": "wistful", "audience": "gardeners", "must_include": ["lime"], "max_words": 100, "channels": ["x"]});
        let context = Context {
            request: "Write a formal article about soil for students, at least 500 words".to_owned(),
            preferences: preferences.as_object().cloned().unwrap(),
            ..Context::default()
        };
        let brief = Brief::of(&context);
        assert_eq!(brief.tone_labels(), ["wistful"]);
        assert_eq!(brief.audience.as_deref(), Some("gardeners"));
        assert_eq!(brief.must_include, ["lime"]);
        assert!(brief.target_words() <= 90);
    }
}
