//! The summariser: the sentences that say most.

use super::assignment::Assignment;
use super::members;
use crate::brief::terms::frequent;
use crate::text::markdown::prose;
use crate::text::phrases::{capitalised, closed};
use crate::text::sentences::{is_closed, sentences};
use crate::text::tokens::{content_stems, stem, word_count};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The agent.
pub fn run(assignment: &Assignment<'_>) -> Map<String, Value> {
    let brief = &assignment.brief;
    let source = assignment.source_text();
    let asked = assignment
        .arguments
        .get("sentences")
        .and_then(Value::as_u64)
        .map(|n| n as usize);
    let all = source_sentences(&source);
    let count = asked.or(brief.items).unwrap_or_else(|| (all.len() / 4).clamp(2, 8));
    let mut chosen = telling(&all, &brief.topic.text, count);
    let limit = brief
        .max_words()
        .or(brief.length_stated().then(|| brief.target_words() * 11 / 10));
    while limit.is_some_and(|limit| chosen.len() > 1 && word_count(&chosen.join(" ")) > limit) {
        chosen.pop();
    }
    chosen.extend(
        brief
            .must_include
            .iter()
            .filter(|phrase| !crate::text::phrases::contains_phrase(&chosen.join(" "), phrase))
            .map(|phrase| closed(&capitalised(phrase)))
            .collect::<Vec<_>>(),
    );
    if chosen.is_empty() {
        chosen.push(format!("There is no text to summarize about {}.", brief.topic.text));
    }
    let sentences = chosen.len();
    let text = super::edit::finish(
        assignment,
        &chosen
            .chunks(3)
            .map(|chunk| chunk.join(" "))
            .collect::<Vec<_>>()
            .join("\n\n"),
    );
    members(json!({"text": text, "sentences": sentences, "title": super::title::title(brief, &assignment.picker)}))
}

/// Complete sentences of a text's prose.
pub fn source_sentences(text: &str) -> Vec<String> {
    let all = prose(text).into_iter().flat_map(|paragraph| sentences(&paragraph));
    all.filter(|sentence| is_closed(sentence) && (4..=60).contains(&word_count(sentence)))
        .collect()
}

/// The `count` sentences whose words occur most in the whole, in their own order.
pub fn telling(all: &[String], topic: &str, count: usize) -> Vec<String> {
    let whole = all.join(" ");
    let weights: BTreeMap<String, usize> = frequent(&whole, 60)
        .into_iter()
        .map(|(word, n)| (stem(&word), n))
        .collect();
    let topic = content_stems(topic);
    let score = |(place, sentence): (usize, &String)| {
        let stems = content_stems(sentence);
        let sum: usize = stems
            .iter()
            .map(|s| weights.get(s).copied().unwrap_or(0) + 2 * usize::from(topic.contains(s)))
            .sum();
        // The first sentence of a text usually carries more than its words show.
        let lead = if place == 0 { 3 } else { 0 };
        (sum * 100 / (stems.len() + 4) + lead * 20, usize::MAX - place)
    };
    let mut ranked: Vec<(usize, (usize, usize))> = all.iter().enumerate().map(|(i, s)| (i, score((i, s)))).collect();
    ranked.sort_by_key(|(_, score)| std::cmp::Reverse(*score));
    let mut places: Vec<usize> = ranked.into_iter().take(count).map(|(place, _)| place).collect();
    places.sort_unstable();
    places.into_iter().filter_map(|place| all.get(place).cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::{source_sentences, telling};

    #[test]
    fn telling_sentences_keep_their_order() {
        let text = "The river flooded the town at night. People slept. The town council met about the river flood. A dog barked loudly outside.";
        let all = source_sentences(text);
        let chosen = telling(&all, "river flood", 2);
        assert_eq!(
            chosen,
            [
                "The river flooded the town at night.",
                "The town council met about the river flood."
            ]
        );
    }
}
