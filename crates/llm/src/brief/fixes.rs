//! Feedback as changes to make.

use super::inclusions;
use super::length;
use super::scan::{find_phrase, trim};
use super::tone::{Tone, named_in};
use crate::text::phrases::distinct;
use crate::text::tokens::words;

/// What feedback asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fixes {
    /// Phrases to take up.
    pub mention: Vec<String>,
    /// Words to take out.
    pub avoid: Vec<String>,
    /// Sections to add.
    pub sections: Vec<String>,
    /// Tones to change to.
    pub tones: Vec<Tone>,
    /// Shorter -1, longer 1; steps add up.
    pub length_steps: i32,
    /// Words to aim at.
    pub target: Option<usize>,
    /// Most words.
    pub max: Option<usize>,
    /// What to write instead of what.
    pub replace: Vec<(String, String)>,
    pub call_to_action: Option<String>,
    pub title: Option<String>,
    /// Everything that was said, joined; empty: nothing was. Varies what is picked.
    pub said: String,
}

const SHORTER: [&str; 8] = [
    "shorter",
    "shorten",
    "too long",
    "trim",
    "cut it down",
    "more concise",
    "condense",
    "tighten",
];
const LONGER: [&str; 9] = [
    "longer",
    "lengthen",
    "too short",
    "expand",
    "more detail",
    "more depth",
    "elaborate",
    "extend",
    "flesh out",
];
/// Bare orders that name what is lacking.
const ABOUT: [&str; 10] = [
    "what about",
    "explain",
    "describe",
    "add information on",
    "add information about",
    "emphasis on",
    "lacks",
    "needs",
    "add",
    "don't forget",
];

/// Reads everything that was said, oldest first; later words win where only one can.
pub fn read(feedback: &[String]) -> Fixes {
    let mut fixes = Fixes::default();
    for text in feedback.iter().filter(|text| !text.trim().is_empty()) {
        let asks = inclusions::read(text);
        let bounds = length::asked_in(text);
        let spoken = !words(text).is_empty();
        fixes.mention.extend(asks.must_include.iter().cloned());
        fixes.avoid.extend(asks.avoid);
        fixes.avoid.extend(removed(text));
        fixes.sections.extend(asks.sections);
        fixes.call_to_action = asks.call_to_action.or(fixes.call_to_action);
        fixes.title = asks.title.or(fixes.title);
        fixes.replace.extend(replaced(text));
        fixes.target = bounds.target.or(fixes.target);
        fixes.max = bounds.max.or(fixes.max);
        if bounds.target.is_none() {
            let any = |phrases: &[&str]| phrases.iter().any(|phrase| find_phrase(text, phrase).is_some());
            fixes.length_steps += i32::from(any(&LONGER)) - i32::from(any(&SHORTER));
        }
        let tones = named_in(text);
        if !tones.is_empty() {
            fixes.tones = tones;
        }
        if asks.must_include.is_empty() {
            fixes.mention.extend(named_after(text, &ABOUT));
        }
        if spoken {
            fixes.said.push_str(text);
            fixes.said.push('\n');
        }
    }
    fixes.mention = distinct(fixes.mention);
    fixes.avoid = distinct(fixes.avoid);
    fixes.sections = distinct(fixes.sections);
    fixes
        .mention
        .retain(|phrase| !fixes.sections.contains(phrase) && !fixes.avoid.contains(phrase));
    fixes
}

/// `replace X with Y`, `change X to Y`, `use Y instead of X`.
fn replaced(text: &str) -> Option<(String, String)> {
    let between = |first: &str, second: &str| {
        let (_, end) = find_phrase(text, first)?;
        let rest = text.get(end..)?;
        let (start, after) = find_phrase(rest, second)?;
        let tail = rest.get(after..)?;
        let tail = tail.get(..super::scan::hard_stop(tail))?;
        let (a, b) = (trim(rest.get(..start)?), trim(tail));
        let small = |part: &str| (1..=8).contains(&words(part).len());
        (small(a) && small(b)).then(|| (a.to_owned(), b.to_owned()))
    };
    let direct = between("replace", "with")
        .or_else(|| between("replace", "by"))
        .or_else(|| between("change", "to"));
    direct.or_else(|| between("use", "instead of").map(|(new, old)| (old, new)))
}

/// `remove X`, `drop X`, `delete X`.
fn removed(text: &str) -> Vec<String> {
    let found = ["remove", "drop", "delete", "take out"].iter().filter_map(|verb| {
        let (_, end) = find_phrase(text, verb)?;
        let rest = text.get(end..)?;
        let phrase = trim(rest.get(..super::scan::hard_stop(rest))?);
        let bare = [
            "the word ",
            "the phrase ",
            "the section on ",
            "the ",
            "all mention of ",
            "any mention of ",
        ]
        .iter()
        .fold(phrase, |p, lead| p.strip_prefix(lead).unwrap_or(p));
        let generic = ["repeated", "repetition", "duplicate", "filler"]
            .iter()
            .any(|word| bare.contains(word));
        (!generic && (1..=6).contains(&words(bare).len())).then(|| trim(bare).to_owned())
    });
    found.collect()
}

fn named_after(text: &str, marks: &[&str]) -> Vec<String> {
    let about_form = [
        "section",
        "heading",
        "words",
        "tone",
        "sentence",
        "paragraph",
        "more",
        "detail",
        "conclusion",
        "title",
        "longer",
        "shorter",
        "to be",
        "call to action",
    ];
    let found = marks.iter().filter_map(|mark| {
        let (_, end) = find_phrase(text, mark)?;
        let rest = text.get(end..)?;
        let clause = trim(rest.get(..super::scan::hard_stop(rest))?);
        let clause = ["the ", "a ", "an ", "that "]
            .iter()
            .fold(clause, |c, lead| c.strip_prefix(lead).unwrap_or(c));
        let fits = (1..=8).contains(&words(clause).len())
            && !about_form
                .iter()
                .any(|word| find_phrase(clause, word).is_some() || find_phrase(clause, &format!("{word}s")).is_some());
        fits.then(|| clause.to_owned())
    });
    found.take(1).collect()
}

#[cfg(test)]
mod tests {
    use super::{Fixes, read};
    use crate::brief::tone::Tone;

    fn of(text: &str) -> Fixes {
        Fixes {
            said: String::new(),
            ..read(&[text.to_owned()])
        }
    }

    #[test]
    fn feedback_of_people_becomes_changes() {
        let none = Fixes::default;
        let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
        for (text, expected) in [
            (
                "Mention the loyalty card",
                Fixes {
                    mention: list(&["loyalty card"]),
                    ..none()
                },
            ),
            (
                "make it shorter",
                Fixes {
                    length_steps: -1,
                    ..none()
                },
            ),
            (
                "Please expand to 600 words",
                Fixes {
                    target: Some(600),
                    ..none()
                },
            ),
            (
                "add a section on delivery times",
                Fixes {
                    sections: list(&["delivery times"]),
                    ..none()
                },
            ),
            (
                "tone friendlier",
                Fixes {
                    tones: vec![Tone::Friendly],
                    ..none()
                },
            ),
            (
                "Don't mention prices",
                Fixes {
                    avoid: list(&["prices"]),
                    ..none()
                },
            ),
            (
                "Replace customers with guests.",
                Fixes {
                    replace: vec![("customers".into(), "guests".into())],
                    ..none()
                },
            ),
            (
                "What about returns?",
                Fixes {
                    mention: list(&["returns"]),
                    ..none()
                },
            ),
            ("Remove repeated sentences.", none()),
            ("Boring.", none()),
        ] {
            assert_eq!(of(text), expected, "{text}");
        }
        assert!(!read(&["Boring.".to_owned()]).said.is_empty());
    }
}
