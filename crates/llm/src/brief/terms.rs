//! The terms of a request a text is expected to take up.

use crate::text::phrases::distinct;
use crate::text::tokens::{content_stems, content_words, stem};
use std::collections::{BTreeMap, BTreeSet};

/// One term.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// As the request writes it.
    pub word: String,
    pub stem: String,
    pub weight: f64,
}

/// Collects terms; the first mention of a stem decides its weight.
#[derive(Debug, Default)]
pub struct Terms {
    found: Vec<Term>,
    seen: BTreeSet<String>,
}

impl Terms {
    /// At most `limit` new terms of `text`, each with `weight`.
    pub fn add(&mut self, text: &str, weight: f64, limit: usize) {
        let before = self.found.len();
        for word in content_words(text) {
            let stem = stem(word);
            if self.found.len() - before >= limit {
                break;
            }
            if !IDLE.contains(&word.to_lowercase().as_str()) && self.seen.insert(stem.clone()) {
                self.found.push(Term {
                    word: word.to_owned(),
                    stem,
                    weight,
                });
            }
        }
    }

    pub fn finish(self) -> Vec<Term> {
        self.found
    }
}

/// Words about the text or too common to be a term.
const IDLE: [&str; 20] = [
    "write", "post", "blog", "text", "new", "article", "publish", "tone", "make", "use", "include", "mention", "words",
    "like", "good", "best", "great", "get", "people", "way",
];

/// Share of the terms' weight that `text` takes up, 0-1, and the words it lacks.
pub fn coverage(terms: &[Term], text: &str) -> (f64, Vec<String>) {
    let present: BTreeSet<String> = content_stems(text).into_iter().collect();
    let total: f64 = terms.iter().map(|term| term.weight).sum();
    if total <= 0.0 {
        return (1.0, Vec::new());
    }
    let (there, lacking): (Vec<&Term>, Vec<&Term>) = terms.iter().partition(|term| present.contains(&term.stem));
    let share = there.iter().map(|term| term.weight).sum::<f64>() / total;
    (share, distinct(lacking.iter().map(|term| term.word.clone())))
}

/// The words of a text that occur most, with their number, most frequent first.
pub fn frequent(text: &str, limit: usize) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<String, (String, usize, usize)> = BTreeMap::new();
    for (place, word) in content_words(text).into_iter().enumerate() {
        let entry = counts
            .entry(stem(word))
            .or_insert_with(|| (word.to_lowercase(), 0, place));
        entry.1 += 1;
    }
    let mut ranked: Vec<(String, usize, usize)> = counts.into_values().collect();
    ranked.sort_by_key(|(_, count, place)| (usize::MAX - count, *place));
    ranked
        .into_iter()
        .map(|(word, count, _)| (word, count))
        .take(limit)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Terms, coverage, frequent};

    #[test]
    fn coverage_is_the_share_of_weight_and_names_what_lacks() {
        let mut terms = Terms::default();
        terms.add("solar panels", 3.0, 9);
        terms.add("the roof and panels", 1.0, 9);
        let terms = terms.finish();
        assert_eq!(terms.len(), 3);
        let (share, lacking) = coverage(&terms, "A panel on the roof.");
        assert!((share - 4.0 / 7.0).abs() < 1e-9);
        assert_eq!(lacking, ["solar"]);
    }

    #[test]
    fn frequent_words_come_first() {
        assert_eq!(frequent("tea cups, teas and cup, tea", 1), [("tea".to_owned(), 3)]);
    }
}
