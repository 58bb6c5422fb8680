//! How much of one text stands in another.

use super::tokens::{stem, words};
use std::collections::{BTreeMap, BTreeSet};

/// Runs of `n` stems, with how often each occurs.
pub fn ngrams(text: &str, n: usize) -> BTreeMap<Vec<String>, usize> {
    let stems: Vec<String> = words(text).iter().map(|word| stem(word.text)).collect();
    let mut found = BTreeMap::new();
    for run in stems.windows(n.max(1)) {
        *found.entry(run.to_vec()).or_insert(0) += 1;
    }
    found
}

/// Share of `text`'s word triples that `source` has too, 0-1.
pub fn contained(text: &str, source: &str) -> f64 {
    let own = ngrams(text, 3);
    if own.is_empty() {
        return 0.0;
    }
    let theirs: BTreeSet<Vec<String>> = ngrams(source, 3).into_keys().collect();
    let shared = own.keys().filter(|run| theirs.contains(*run)).count();
    shared as f64 / own.len() as f64
}

#[cfg(test)]
mod tests {
    use super::contained;

    #[test]
    fn an_excerpt_is_contained_and_a_stranger_is_not() {
        let source = "The quick brown fox jumps over the lazy dog near the old river bank.";
        assert!(contained("the quick brown fox jumps", source) > 0.99);
        assert!(contained("nothing here is shared with it at all", source) < 0.01);
        assert_eq!(contained("", source), 0.0);
    }
}
