//! Where a quoted passage came from: back through the outputs that carry it. Pure.

use super::quotes::bare;
use crate::port::{JudgeAsk, Made};
use crate::text::tokens::numbers;
use std::collections::BTreeSet;

/// Dimensions whose faults are something that stands there, and may have been handed on. Of what is missing, and of how
/// something is said, the quoted passage tells nothing about others.
const HANDED_ON: [&str; 2] = ["accuracy", "safety"];

/// The steps that brought in what is quoted, each the earliest that could do better. Empty where it appears first in
/// what readers get: then the judge may know better who should have prevented it.
pub fn origins(ask: &JudgeAsk<'_>, dimension: &str, quotes: &[String]) -> Vec<String> {
    if !HANDED_ON.contains(&dimension) {
        return Vec::new();
    }
    let submitted: BTreeSet<String> = numbers(&ask.context.request)
        .into_iter()
        .chain(
            ask.context
                .business_metrics
                .values()
                .flat_map(|value| numbers(&value.to_string())),
        )
        .collect();
    let mut found = Vec::new();
    for quote in quotes {
        let passage = Passage::of(quote, &submitted);
        let visible = ask
            .texts
            .iter()
            .filter(|text| text.visible && passage.stands_in(&text.text));
        for text in visible {
            let origin = origin(ask.made, &text.step_key, &passage);
            if let Some(key) = origin.filter(|key| **key != text.step_key)
                && !found.contains(key)
            {
                found.push(key.clone());
            }
        }
    }
    found
}

/// What is looked for.
struct Passage {
    bare: String,
    /// Its numbers that nobody submitted: they are handed on while the words around them change.
    numbers: BTreeSet<String>,
}

impl Passage {
    fn of(quote: &str, submitted: &BTreeSet<String>) -> Self {
        let numbers = numbers(quote).into_iter().filter(|number| !submitted.contains(number));
        Self {
            bare: bare(quote),
            numbers: numbers.collect(),
        }
    }

    fn stands_in(&self, text: &str) -> bool {
        !self.bare.is_empty() && bare(text).contains(&self.bare)
    }

    /// The same words, or all of its numbers.
    fn is_carried_by(&self, made: &Made) -> bool {
        let has_numbers = || {
            let theirs: BTreeSet<String> = numbers(&made.content).into_iter().collect();
            !self.numbers.is_empty() && self.numbers.is_subset(&theirs)
        };
        self.stands_in(&made.content) || has_numbers()
    }
}

/// The last step on the way back that could do better; a plan has no cycle.
fn origin<'a>(made: &'a [Made], from: &str, passage: &Passage) -> Option<&'a String> {
    let by_key = |key: &str| made.iter().find(|made| made.step_key == key);
    let (mut current, mut origin) = (by_key(from)?, None);
    for _ in 0..made.len() {
        if current.repairable {
            origin = Some(&current.step_key);
        }
        let sources = current.upstream.iter().filter_map(|key| by_key(key));
        let Some(source) = sources.into_iter().find(|made| passage.is_carried_by(made)) else {
            break;
        };
        current = source;
    }
    origin
}
