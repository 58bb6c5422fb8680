//! Clarity: sentences of a readable length, said once.

use super::{Sample, quote};
use crate::port::Finding;
use crate::text::markdown::prose;
use crate::text::sentences::{is_closed, sentences};
use crate::text::similarity::ngrams;
use crate::text::tokens::{word_count, words};
use std::collections::BTreeMap;

/// Share of repeated runs of words that any text has.
const USUAL_REPETITION: f64 = 0.1;

pub fn measure(sample: &Sample<'_>) -> Finding {
    let all: Vec<String> = prose(sample.text)
        .into_iter()
        .flat_map(|paragraph| sentences(&paragraph))
        .collect();
    if all.is_empty() {
        return Finding {
            score: 0.3,
            evidence: "There are no sentences.".to_owned(),
            feedback: "Write whole sentences.".to_owned(),
        };
    }
    let lengths: Vec<usize> = all.iter().map(|sentence| word_count(sentence)).collect();
    let mean = lengths.iter().sum::<usize>() as f64 / all.len() as f64;
    let long = lengths.iter().filter(|length| **length > 40).count();
    let repeated = repeated_sentences(&all);
    let copies: usize = repeated.iter().map(|(_, count)| count - 1).sum();
    let runs = ngrams(&all.join(" "), 5);
    let total: usize = runs.values().sum();
    let again: usize = runs.values().map(|count| count - 1).sum();
    let repetition = if total < 20 {
        0.0
    } else {
        (again as f64 / total as f64 - USUAL_REPETITION).max(0.0)
    };
    let broken = all.last().is_some_and(|last| !is_closed(last) && word_count(last) > 6);
    let score = 1.0
        - ((mean - 24.0) / 20.0).clamp(0.0, 0.4)
        - 0.5 * long as f64 / all.len() as f64
        - (1.5 * copies as f64 / all.len() as f64).min(0.5)
        - (1.2 * repetition).min(0.4)
        - if broken { 0.15 } else { 0.0 };
    let mut evidence = format!("{} sentences of {mean:.0} words on average", all.len());
    let mut feedback = Vec::new();
    if let Some((sentence, count)) = repeated.first() {
        evidence.push_str(&format!("; said {count} times: {}", quote(sentence)));
        feedback.push("Remove repeated sentences.");
    } else if repetition > 0.1 {
        feedback.push("Vary the wording; runs of words repeat.");
    }
    if long > 0 {
        let longest = all
            .iter()
            .max_by_key(|sentence| sentence.len())
            .map_or("", String::as_str);
        evidence.push_str(&format!("; {long} of more than 40 words, such as {}", quote(longest)));
    }
    if long > 0 || mean > 26.0 {
        feedback.push("Split the overlong sentences.");
    }
    if broken {
        feedback.push("Complete the last sentence.");
    }
    Finding {
        score,
        evidence: format!("{evidence}."),
        feedback: feedback.join(" "),
    }
}

/// Sentences of some length that stand there more than once, most often first.
fn repeated_sentences(all: &[String]) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<Vec<String>, (String, usize)> = BTreeMap::new();
    for sentence in all {
        let key: Vec<String> = words(sentence).iter().map(|word| word.text.to_lowercase()).collect();
        if key.len() >= 4 {
            counts.entry(key).or_insert_with(|| (sentence.clone(), 0)).1 += 1;
        }
    }
    let mut found: Vec<(String, usize)> = counts.into_values().filter(|(_, count)| *count > 1).collect();
    found.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    found
}
