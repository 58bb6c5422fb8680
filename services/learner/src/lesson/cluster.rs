//! What kind of thing was wanted: the words of a goal without the values that a plan is given anyway.

use std::collections::BTreeSet;

/// Longer values are material, not a name for something in the goal.
const MAX_VALUE_CHARS: usize = 120;
/// Words that say nothing of what is wanted.
const IDLE: [&str; 24] = [
    "about", "and", "any", "are", "behalf", "for", "from", "has", "have", "his", "her", "into", "its", "our", "that",
    "the", "their", "them", "this", "with", "will", "you", "your", "please",
];

/// The key terms, sorted. It depends on nothing but its arguments, so that the order in which tasks end never
/// decides what goes together.
pub fn cluster<'v>(goal: &str, values: impl Iterator<Item = &'v str>) -> String {
    let mut goal = goal.to_lowercase();
    let mut values: Vec<String> = values
        .filter(|value| value.chars().nth(MAX_VALUE_CHARS).is_none())
        .map(|value| value.trim().to_lowercase())
        .filter(|value| value.len() > 2)
        .collect();
    values.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    for value in values {
        goal = goal.replace(&value, " ");
    }
    let words = goal.split(|c: char| !c.is_alphanumeric());
    let terms: BTreeSet<&str> = words
        .filter(|word| word.chars().nth(2).is_some() && !word.chars().any(char::is_numeric))
        .filter(|word| !IDLE.contains(word))
        .collect();
    terms.into_iter().collect::<Vec<_>>().join(" ")
}
