//! Kinds of intents: tasks whose goals say much the same.

use std::collections::BTreeSet;

/// Words of a goal that count, the first; what comes later is detail.
const MOST_WORDS: usize = 12;
/// Letters of a word that count: endings do not.
const STEM: usize = 4;
/// Goals with less in common are of another kind.
const ALIKE: f64 = 0.4;
/// Kinds that are told apart; tasks of more are of none.
const MOST_KINDS: usize = 200;
/// What stands in every request.
const STOP: [&str; 36] = [
    "a", "an", "and", "the", "for", "of", "to", "in", "on", "at", "by", "with", "about", "from", "our", "my", "your",
    "their", "its", "it", "is", "are", "be", "that", "this", "as", "or", "please", "can", "you", "we", "i", "me", "us",
    "new", "into",
];

/// The words of a goal, each once, shortened.
pub fn words(goal: &str) -> BTreeSet<String> {
    let words = goal
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    let words = words
        .map(str::to_lowercase)
        .filter(|word| !STOP.contains(&word.as_str()));
    words
        .take(MOST_WORDS)
        .map(|word| word.chars().take(STEM).collect())
        .collect()
}

/// The kind of each task, in the order in which they are given: a task belongs to the kind whose first task's words are
/// most like its own. None: too many kinds.
pub fn kinds(tasks: &[BTreeSet<String>]) -> Vec<Option<i64>> {
    let mut leaders: Vec<&BTreeSet<String>> = Vec::new();
    let mut kinds = Vec::with_capacity(tasks.len());
    for words in tasks {
        let nearest = leaders.iter().map(|leader| alike(leader, words)).enumerate();
        let nearest = nearest.fold((0, 0.0), |best, next| if next.1 > best.1 { next } else { best });
        let kind = if nearest.1 >= ALIKE {
            Some(nearest.0)
        } else if leaders.len() < MOST_KINDS {
            leaders.push(words);
            Some(leaders.len() - 1)
        } else {
            None
        };
        kinds.push(kind.and_then(|kind| i64::try_from(kind).ok()));
    }
    kinds
}

fn alike(one: &BTreeSet<String>, other: &BTreeSet<String>) -> f64 {
    let shared = one.intersection(other).count() as f64;
    let all = (one.len() + other.len()) as f64 - shared;
    if all > 0.0 { shared / all } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_that_say_much_the_same_are_of_one_kind() {
        let goals = [
            "Write a blog post about green tea",
            "Writing a blog post on coffee",
            "Summarise the quarterly sales report for the board",
            "A summary of the quarterly sales report",
            "Please write a new blog post about matcha",
        ];
        let found = kinds(&goals.map(words));
        assert_eq!(found, [Some(0), Some(0), Some(1), Some(1), Some(0)]);
    }
}
