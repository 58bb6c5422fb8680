//! What must be in a text, what must not, and which sections it has.

use super::cut::topic_end;
use super::scan::{hard_stop, places, split_list, trim};
use crate::text::phrases::{contains_phrase, distinct};
use crate::text::tokens::words;

/// What a text says about its content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inclusions {
    /// Phrases to be there word for word.
    pub must_include: Vec<String>,
    /// Words that must not be there.
    pub avoid: Vec<String>,
    /// Subjects of sections.
    pub sections: Vec<String>,
    /// What readers shall do at the end.
    pub call_to_action: Option<String>,
    /// `titled "…"`.
    pub title: Option<String>,
    /// `5 tips`, `three taglines`.
    pub items: Option<usize>,
}

const INCLUDE: [&str; 21] = [
    "must mention",
    "must include",
    "mention that",
    "mentions",
    "mentioning",
    "mention",
    "including",
    "includes",
    "include",
    "highlighting",
    "highlight",
    "emphasize",
    "emphasise",
    "refer to",
    "reference",
    "featuring",
    "use the phrase",
    "use the words",
    "forgot",
    "missing",
    "talk about",
];
const AVOID: [&str; 13] = [
    "do not mention",
    "don't mention",
    "never mention",
    "without mentioning",
    "no mention of",
    "avoid mentioning",
    "do not use",
    "don't use",
    "avoid using",
    "avoid",
    "leave out",
    "exclude",
    "no talk of",
];
const SECTIONS: [&str; 18] = [
    "sections on",
    "section on",
    "sections about",
    "section about",
    "sections for",
    "sections",
    "section covering",
    "covering",
    "covers",
    "cover",
    "focus on",
    "focusing on",
    "focused on",
    "discuss",
    "touch on",
    "more about",
    "more on",
    "more detail on",
];
const CALLS: [&str; 7] = [
    "call to action to",
    "call-to-action to",
    "call to action",
    "invite readers to",
    "ask readers to",
    "encourage readers to",
    "cta",
];
const COUNTED: [&str; 31] = [
    "tips",
    "ways",
    "ideas",
    "steps",
    "reasons",
    "taglines",
    "slogans",
    "questions",
    "points",
    "examples",
    "lessons",
    "things",
    "lines",
    "headlines",
    "benefits",
    "mistakes",
    "items",
    "bullets",
    "names",
    "options",
    "variants",
    "variations",
    "strategies",
    "tactics",
    "practices",
    "recommendations",
    "rules",
    "habits",
    "titles",
    "tweets",
    "sections",
];
const NUMBERS: [&str; 12] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
];
/// Asks about form, which no words of the text can fulfil literally.
const FORMS: [&str; 14] = [
    "example",
    "call to action",
    "quote",
    "table",
    "summary",
    "conclusion",
    "introduction",
    "headings",
    "bullet",
    "subheadings",
    "list",
    "statistics",
    "images",
    "hashtags",
];

/// Reads a request or a piece of feedback.
pub fn read(text: &str) -> Inclusions {
    let negated: Vec<(usize, usize)> = AVOID
        .iter()
        .flat_map(|phrase| places(text, phrase))
        .map(|(start, end)| (start, end + hard_stop(text.get(end..).unwrap_or(""))))
        .collect();
    let free = |start: usize| !negated.iter().any(|(from, to)| (*from..*to).contains(&start));
    let avoid = AVOID
        .iter()
        .flat_map(|phrase| places(text, phrase))
        .flat_map(|(_, end)| listed_after(text, end));
    let mut found = Inclusions {
        title: ["titled", "with the title", "entitled"]
            .iter()
            .find_map(|mark| quoted_after(text, mark)),
        call_to_action: CALLS
            .iter()
            .find_map(|mark| places(text, mark).first().map(|(_, end)| call_after(text, *end)))
            .filter(|call| !call.is_empty()),
        items: counted(text),
        avoid: distinct(avoid).into_iter().map(|phrase| strip_lead(&phrase)).collect(),
        ..Inclusions::default()
    };
    let mut must: Vec<String> = quotes(text)
        .into_iter()
        .filter(|(start, _)| free(*start))
        .map(|(_, phrase)| phrase)
        .collect();
    let mut sections = Vec::new();
    for (start, end) in SECTIONS
        .iter()
        .flat_map(|phrase| places(text, phrase))
        .filter(|(start, _)| free(*start))
    {
        if !text.get(end..).unwrap_or("").trim_start().starts_with("letter") && begins_clause(text, start) {
            sections.extend(listed_after(text, end).into_iter().map(|item| strip_lead(&item)));
        }
    }
    for (_, end) in INCLUDE
        .iter()
        .flat_map(|phrase| places(text, phrase))
        .filter(|(start, _)| free(*start))
    {
        let clause = text.get(end..).unwrap_or("");
        if !quotes(clause.get(..hard_stop(clause)).unwrap_or("")).is_empty() {
            continue; // The quoted phrases say exactly what is meant.
        }
        let wanted = listed_after(text, end).into_iter().map(|item| strip_lead(&item));
        must.extend(wanted.filter(|item| {
            !item.is_empty()
                && !FORMS.iter().any(|form| contains_phrase(item, form))
                && !is_counted(item)
                && !SECTIONS.iter().any(|mark| item.starts_with(mark))
        }));
    }
    must.retain(|phrase| {
        found.title.as_deref() != Some(phrase) && !found.avoid.iter().any(|avoided| contains_phrase(phrase, avoided))
    });
    found.must_include = longest(distinct(must));
    found.sections = longest(distinct(sections))
        .into_iter()
        .filter(|item| !is_counted(item))
        .take(10)
        .collect();
    found
}

/// `cover` is a verb at the beginning of a clause or after a few words; elsewhere it is a noun.
fn begins_clause(text: &str, start: usize) -> bool {
    let before = text.get(..start).unwrap_or("").trim_end();
    let last = before.split_whitespace().next_back().unwrap_or("").to_lowercase();
    before.is_empty()
        || before.ends_with([',', '.', ';', ':', '\n', '!'])
        || [
            "and",
            "to",
            "should",
            "must",
            "please",
            "that",
            "it",
            "also",
            "with",
            "a",
            "then",
            "add",
            "include",
            "including",
            "which",
            "needs",
            "for",
            "the",
        ]
        .contains(&last.as_str())
        || !last.ends_with("er")
}

/// The enumeration after byte `from`, up to the next direction.
fn listed_after(text: &str, from: usize) -> Vec<String> {
    let rest = text.get(from..).unwrap_or("").trim_start_matches([':', ' ']);
    let rest = rest.get(..hard_stop(rest)).unwrap_or(rest);
    let clause = rest.get(..topic_end(rest)).unwrap_or(rest);
    let items = split_list(clause);
    items
        .into_iter()
        .filter(|item| (1..=8).contains(&words(item).len()))
        .take(8)
        .collect()
}

fn strip_lead(item: &str) -> String {
    let mut rest = trim(item);
    for lead in [
        "and ",
        "that ",
        "the fact that ",
        "the words ",
        "the word ",
        "the phrase ",
        "our ",
        "the ",
        "also ",
        "at least ",
        "a section on ",
        "a section about ",
        "using ",
    ] {
        // Possessives stay: they are part of what is said.
        if lead != "our " {
            rest = rest.strip_prefix(lead).unwrap_or(rest);
        }
    }
    trim(rest).to_owned()
}

fn call_after(text: &str, end: usize) -> String {
    let rest = text.get(end..).unwrap_or("").trim_start_matches([':', ' ']);
    let clause = trim(rest.get(..topic_end(rest)).unwrap_or(rest));
    let bare = clause
        .strip_prefix("to ")
        .or_else(|| clause.strip_prefix("for "))
        .unwrap_or(clause);
    if words(bare).len() > 14 {
        String::new()
    } else {
        bare.to_owned()
    }
}

/// Quoted phrases and where they begin.
fn quotes(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (open, close) in [('"', '"'), ('“', '”'), ('«', '»'), ('„', '“')] {
        let mut from = 0;
        while let Some(start) = text.get(from..).and_then(|rest| rest.find(open)).map(|i| i + from) {
            let inner = start + open.len_utf8();
            let Some(end) = text.get(inner..).and_then(|rest| rest.find(close)).map(|i| i + inner) else {
                break;
            };
            let phrase = text.get(inner..end).unwrap_or("").trim().trim_end_matches(['.', ',']);
            if (1..=25).contains(&words(phrase).len()) {
                found.push((start, phrase.to_owned()));
            }
            from = end + close.len_utf8();
        }
    }
    found.sort();
    found
}

fn quoted_after(text: &str, mark: &str) -> Option<String> {
    let (_, end) = places(text, mark).first().copied()?;
    let (start, phrase) = quotes(text.get(end..)?).into_iter().next()?;
    (start <= 3).then_some(phrase)
}

fn counted(text: &str) -> Option<usize> {
    let found = words(text);
    let lower: Vec<String> = found.iter().map(|word| word.text.to_lowercase()).collect();
    lower
        .iter()
        .enumerate()
        .filter(|(_, word)| COUNTED.contains(&word.as_str()))
        .find_map(|(i, _)| {
            let before = (1..=3).filter_map(|k| i.checked_sub(k).and_then(|j| lower.get(j)));
            before.filter_map(|word| number(word)).find(|n| (1..=40).contains(n))
        })
}

fn number(word: &str) -> Option<usize> {
    word.parse()
        .ok()
        .or_else(|| NUMBERS.iter().position(|name| *name == word))
}

fn is_counted(item: &str) -> bool {
    counted(item).is_some()
        || words(item)
            .first()
            .is_some_and(|word| ["some", "few", "several"].contains(&word.text.to_lowercase().as_str()))
}

/// Without items that stand inside a longer one.
fn longest(items: Vec<String>) -> Vec<String> {
    let within = |item: &String| {
        items
            .iter()
            .any(|other| other.len() > item.len() && contains_phrase(other, item))
    };
    items.iter().filter(|item| !within(item)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn phrases_to_include_and_to_avoid_are_told_apart() {
        let found = read("Write about tea. Mention “first flush” and avoid jargon. Don't mention coffee.");
        assert_eq!(found.must_include, ["first flush"]);
        assert_eq!(found.avoid, ["coffee", "jargon"]);
        let found = read("Include free shipping and the 30-day guarantee in a calm tone");
        assert_eq!(found.must_include, ["free shipping", "30-day guarantee"]);
    }

    #[test]
    fn sections_counts_titles_and_calls_are_read() {
        let found = read(
            "Write a guide titled \"Good Bread\" covering flour, time and heat. Include 5 tips. End with a call to action to visit the bakery.",
        );
        assert_eq!(found.sections, ["flour", "time", "heat"]);
        assert_eq!(found.title.as_deref(), Some("Good Bread"));
        assert_eq!(found.items, Some(5));
        assert_eq!(found.call_to_action.as_deref(), Some("visit the bakery"));
        assert!(found.must_include.is_empty(), "{:?}", found.must_include);
    }

    #[test]
    fn a_cover_letter_has_no_sections() {
        assert!(read("Write a cover letter for a nurse").sections.is_empty());
        assert_eq!(read("add a section on delivery times").sections, ["delivery times"]);
    }
}
