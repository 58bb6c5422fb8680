//! What may go out: rules over formatted deliverables, decided without a model. Pure.

use crate::links::{leads_to, links};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the deliverables of some channels must keep.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DeliverableRule {
    /// The channels; none: all.
    pub channels: Vec<String>,
    /// Words and phrases that stand in no title and no content, case ignored.
    pub forbidden: Vec<String>,
    /// Words and phrases that stand in the content.
    pub required: Vec<String>,
    /// Hosts that web links may lead to, with what is below them; none: any.
    pub link_hosts: Vec<String>,
    /// Least number of characters of the content.
    pub min_length: Option<u64>,
    /// Most.
    pub max_length: Option<u64>,
}

/// What of a deliverable `{title, content}`, as JSON text, no rule of its channel allows; for people, and for the next
/// round.
pub fn faults(rules: &[DeliverableRule], channel: &str, deliverable: &str) -> Vec<String> {
    let of_channel = |rule: &&DeliverableRule| rule.channels.is_empty() || rule.channels.iter().any(|c| c == channel);
    let mut rules = rules.iter().filter(of_channel).peekable();
    if rules.peek().is_none() {
        return Vec::new();
    }
    let document: Value = serde_json::from_str(deliverable).unwrap_or_default();
    let Some(content) = document.get("content").and_then(Value::as_str) else {
        return vec!["it is too large to be checked".to_owned()];
    };
    let title = document.get("title").and_then(Value::as_str).unwrap_or_default();
    rules.flat_map(|rule| faults_of(rule, title, content)).collect()
}

fn faults_of(rule: &DeliverableRule, title: &str, content: &str) -> Vec<String> {
    let (title, folded) = (folded(title), folded(content));
    let mut found = Vec::new();
    for phrase in &rule.forbidden {
        if stands_in(&folded, phrase) || stands_in(&title, phrase) {
            found.push(format!("{phrase:?} must not stand there"));
        }
    }
    for phrase in &rule.required {
        if !stands_in(&folded, phrase) {
            found.push(format!("{phrase:?} is missing"));
        }
    }
    if !rule.link_hosts.is_empty() {
        let strange = links(content)
            .into_iter()
            .filter(|link| !leads_to(link, &rule.link_hosts));
        found.extend(strange.map(|link| {
            format!(
                "the link {link:?} leads to another place than {}",
                rule.link_hosts.join(", ")
            )
        }));
    }
    let length = content.chars().count() as u64;
    if let Some(least) = rule.min_length.filter(|least| length < *least) {
        found.push(format!("it has {length} characters, at least {least} are wanted"));
    }
    if let Some(most) = rule.max_length.filter(|most| length > *most) {
        found.push(format!("it has {length} characters, at most {most} are wanted"));
    }
    found
}

/// Lower case, one space between words, without the marks of emphasis.
fn folded(text: &str) -> String {
    let even = text
        .to_lowercase()
        .replace('’', "'")
        .replace(['*', '`', '\u{ad}', '\u{200b}'], "");
    even.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// As words of their own: `cure` is not in `secure`.
fn stands_in(folded_text: &str, phrase: &str) -> bool {
    let wanted = folded(phrase);
    let is_edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    !wanted.is_empty()
        && folded_text.match_indices(&wanted).any(|(at, found)| {
            let before = folded_text.get(..at).and_then(|text| text.chars().next_back());
            let after = folded_text.get(at + found.len()..).and_then(|text| text.chars().next());
            is_edge(before) && is_edge(after)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rule(document: Value) -> DeliverableRule {
        serde_json::from_value(document).unwrap()
    }

    #[test]
    fn each_rule_holds_or_says_what_is_wrong() {
        let document = json!({
            "title": "A Secure shop",
            "content": "We **guarantee**\nnothing. Read [more](https://blog.shop.example/a?b) or http://shop.example.",
        });
        let document = document.to_string();
        for holds in [
            json!({"forbidden": ["cure", "guarantees", "more nothing"], "required": ["guarantee nothing", "READ"]}),
            json!({"link_hosts": ["shop.example"], "min_length": 20, "max_length": 200}),
            json!({"channels": ["linkedin"], "forbidden": ["nothing"]}),
        ] {
            assert_eq!(
                faults(&[rule(holds.clone())], "blog", &document),
                Vec::<String>::new(),
                "{holds}"
            );
        }
        for fails in [
            json!({"forbidden": ["Guarantee  Nothing"]}),
            json!({"forbidden": ["secure"]}),
            json!({"required": ["secure"]}),
            json!({"link_hosts": ["blog.shop.example"]}),
            json!({"min_length": 200}),
            json!({"max_length": 20, "channels": ["fax", "blog"]}),
        ] {
            assert_eq!(faults(&[rule(fails.clone())], "blog", &document).len(), 1, "{fails}");
        }
        assert_eq!(
            faults(&[rule(json!({"required": ["a"]}))], "blog", "{\"$blob\":\"ab\"}").len(),
            1
        );
    }
}
