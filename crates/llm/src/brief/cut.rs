//! Where the subject of a request ends and directions about the text begin.

use super::audience::{Addressee, addressee};
use super::scan::{hard_stop, head};
use super::tone::Tone;
use crate::text::tokens::{Word, words};

/// Words that speak of the text, not of its subject.
const OF_STYLE: [&str; 12] = [
    "tone", "style", "voice", "manner", "language", "format", "sections", "headings", "bullets", "bullet", "section",
    "action",
];
const UNITS: [&str; 6] = ["words", "word", "characters", "chars", "sentences", "paragraphs"];
const ALWAYS: [&str; 18] = [
    "including",
    "include",
    "mention",
    "mentioning",
    "highlighting",
    "focusing",
    "focused",
    "emphasizing",
    "emphasising",
    "featuring",
    "targeting",
    "targeted",
    "aimed",
    "geared",
    "tailored",
    "please",
    "intended",
    "covering",
];
const AFTER_COMMA: [&str; 24] = [
    "keep", "make", "use", "no", "not", "avoid", "without", "written", "but", "so", "ending", "in", "with", "under",
    "max", "maximum", "publish", "post", "tone", "for", "then", "short", "long", "suitable",
];
const AFTER_AND: [&str; 15] = [
    "publish", "post", "share", "adapt", "include", "mention", "keep", "check", "send", "add", "avoid", "end", "use",
    "target", "cover",
];
const AFTER_THAT: [&str; 12] = [
    "mentions",
    "mention",
    "includes",
    "covers",
    "highlights",
    "ends",
    "uses",
    "has",
    "sounds",
    "is",
    "feels",
    "invites",
];
const BOUNDS: [&str; 16] = [
    "in",
    "under",
    "below",
    "within",
    "around",
    "about",
    "at",
    "up",
    "max",
    "maximum",
    "approximately",
    "roughly",
    "no",
    "less",
    "fewer",
    "between",
];

/// Byte at which the subject at the beginning of `text` ends.
pub fn topic_end(text: &str) -> usize {
    // Nobody means a subject longer than this.
    let text = head(text, 600);
    let limit = hard_stop(text);
    let head = text.get(..limit).unwrap_or(text);
    let found = words(head);
    let cut = (1..found.len()).find(|i| begins_directions(head, &found, *i));
    cut.and_then(|i| found.get(i)).map_or(limit, |word| word.start)
}

fn begins_directions(text: &str, found: &[Word<'_>], i: usize) -> bool {
    let word = |k: usize| found.get(i + k).map(|w| w.text.to_lowercase()).unwrap_or_default();
    let current = word(0);
    let gap = gap_before(text, found, i);
    let within = |list: &[&str], span: usize| (1..=span).any(|k| list.contains(&word(k).as_str()));
    let numbered = |span: usize| (1..=span).any(|k| word(k).starts_with(|c: char| c.is_ascii_digit()));
    let rest = found.get(i).and_then(|w| text.get(w.end..)).unwrap_or("");
    if gap.contains(['(', '—']) || ALWAYS.contains(&current.as_str()) {
        return true;
    }
    if gap.contains(',') && (AFTER_COMMA.contains(&current.as_str()) || is_tone(&current) || within(&["tone"], 3)) {
        return true;
    }
    if BOUNDS.contains(&current.as_str()) && numbered(4) && within(&UNITS, 6) {
        return true;
    }
    match current.as_str() {
        "in" | "with" | "using" => within(&OF_STYLE, 6) || (current == "with" && numbered(1)),
        "for" => addressee(rest) != Addressee::Neither,
        "to" if asks(found) && addressee(rest) == Addressee::Readers => true,
        "and" | "then" => {
            AFTER_AND.contains(&word(1).as_str()) || (word(1) == "then" && AFTER_AND.contains(&word(2).as_str()))
        }
        "that" | "which" => AFTER_THAT.contains(&word(1).as_str()),
        "to" => word(1) == "be" && matches!(word(2).as_str(), "published" | "posted" | "sent" | "shared"),
        "so" => matches!(word(1).as_str(), "that" | "we" | "they" | "people" | "it"),
        "ending" | "end" => word(1) == "with",
        "based" => word(1) == "on",
        "published" | "written" => matches!(word(1).as_str(), "on" | "to" | "for" | "in"),
        "publish" => matches!(word(1).as_str(), "to" | "on" | "it"),
        other => {
            (is_tone(other) && word(1) == "tone")
                || other == "tone"
                || other.ends_with("-word")
                || (numbered(0) && UNITS.contains(&word(1).as_str()))
                || other.chars().all(|c| c.is_ascii_digit()) && UNITS.contains(&word(1).as_str())
        }
    }
}

/// `how DNS works`: a question is explained to somebody, it goes nowhere.
fn asks(found: &[Word<'_>]) -> bool {
    let first = found.first().map(|word| word.text.to_lowercase()).unwrap_or_default();
    matches!(first.as_str(), "how" | "why" | "what" | "when" | "where" | "whether")
}

fn gap_before<'a>(text: &'a str, found: &[Word<'_>], i: usize) -> &'a str {
    let end = i.checked_sub(1).and_then(|j| found.get(j)).map_or(0, |word| word.end);
    found.get(i).and_then(|word| text.get(end..word.start)).unwrap_or("")
}

fn is_tone(word: &str) -> bool {
    Tone::of_word(word).is_some()
}

#[cfg(test)]
mod tests {
    use super::topic_end;

    #[test]
    fn the_subject_ends_where_directions_begin() {
        for (text, topic) in [
            ("AI trends for our shop, friendly tone, publish to blog", "AI trends"),
            ("life in a small town", "life in a small town"),
            ("life in a small town in a warm tone", "life in a small town"),
            ("tips for better sleep", "tips for better sleep"),
            ("bread for beginners", "bread"),
            ("how bread rises to beginners", "how bread rises"),
            ("listening to customers", "listening to customers"),
            (
                "PostgreSQL, MySQL and SQLite in under 300 words",
                "PostgreSQL, MySQL and SQLite",
            ),
            ("our new app and publish it to LinkedIn", "our new app"),
            ("solar panels, including costs and savings", "solar panels"),
            ("cooking without oil. Keep it short", "cooking without oil"),
            ("the 500 miles race", "the 500 miles race"),
            ("tea 300 words", "tea"),
        ] {
            assert_eq!(text[..topic_end(text)].trim().trim_end_matches(','), topic, "{text}");
        }
    }
}
