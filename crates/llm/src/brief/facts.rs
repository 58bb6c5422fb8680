//! Statements of a request that are material and not directions.

use super::inclusions;
use super::length;
use super::tone;
use crate::text::sentences::sentences;
use crate::text::tokens::words;

/// Words that begin a direction.
const DIRECTIONS: [&str; 58] = [
    "write",
    "use",
    "keep",
    "make",
    "mention",
    "include",
    "add",
    "avoid",
    "don't",
    "do",
    "please",
    "publish",
    "post",
    "share",
    "send",
    "tone",
    "style",
    "voice",
    "length",
    "format",
    "audience",
    "target",
    "cover",
    "focus",
    "highlight",
    "ensure",
    "be",
    "end",
    "start",
    "begin",
    "close",
    "limit",
    "aim",
    "sections",
    "section",
    "explain",
    "describe",
    "it",
    "create",
    "generate",
    "adapt",
    "summarize",
    "summarise",
    "also",
    "then",
    "finally",
    "no",
    "never",
    "ask",
    "invite",
    "channels",
    "channel",
    "title",
    "cta",
    "try",
    "check",
    "translate",
    "the",
];

/// Directions that need a second word to be one.
const UNSURE: [&str; 4] = ["it", "the", "no", "do"];

/// The statements after the instruction, and the text a summary would be of.
pub fn read(rest: &[String]) -> Vec<String> {
    rest.iter()
        .filter(|sentence| !is_direction(sentence))
        .cloned()
        .collect()
}

/// Instruction and the sentences after it. A colon with much text after it parts them too.
pub fn segments(request: &str) -> (String, Vec<String>) {
    let all: Vec<String> = request.lines().flat_map(sentences).collect();
    let Some((first, rest)) = all.split_first() else {
        return (request.trim().to_owned(), Vec::new());
    };
    if let Some((head, tail)) = first
        .split_once(": ")
        .filter(|(head, tail)| introduces_text(head, tail))
    {
        let mut rest = rest.to_vec();
        rest.insert(0, tail.trim().to_owned());
        return (head.to_owned(), rest);
    }
    (first.clone(), rest.to_vec())
}

/// Whether what follows the colon is a text to work on: it is long, or the words before say so.
fn introduces_text(head: &str, tail: &str) -> bool {
    let works_on = [
        "this",
        "following",
        "below",
        "summarize",
        "summarise",
        "condense",
        "rewrite",
        "proofread",
    ];
    let says_so = works_on
        .iter()
        .any(|word| super::scan::find_phrase(head, word).is_some());
    (says_so && words(tail).len() >= 4) || (words(head).len() >= 2 && words(tail).len() >= 12)
}

fn is_direction(sentence: &str) -> bool {
    let found = words(sentence);
    let first = found.first().map(|word| word.text.to_lowercase()).unwrap_or_default();
    let about_text = [
        "tone",
        "audience",
        "readers",
        "words",
        "length",
        "headings",
        "post",
        "article",
        "text",
        "piece",
        "section",
        "sections",
        "it should",
        "style",
    ]
    .iter()
    .any(|phrase| super::scan::find_phrase(sentence, phrase).is_some());
    let begins = DIRECTIONS.contains(&first.as_str()) && (!UNSURE.contains(&first.as_str()) || about_text);
    let asks = inclusions::read(sentence);
    let measured = length::asked_in(sentence).target.is_some() || !tone::asked_in(sentence, "").is_empty();
    begins || measured || !asks.avoid.is_empty() || asks.call_to_action.is_some()
}

/// Addresses in a text.
pub fn links(text: &str) -> Vec<String> {
    let found = text.split_whitespace().filter(|piece| piece.contains("://"));
    found
        .map(|piece| {
            piece
                .trim_matches(|c: char| ['(', ')', ',', '.', ';', '"', '<', '>', '[', ']'].contains(&c))
                .to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{links, read, segments};

    #[test]
    fn statements_stay_and_directions_go() {
        let request = "Write a press release about our cafe. We open on 3 May in Oslo. Our beans are roasted on site. Keep it short. The tone should be warm. Avoid jargon.";
        let (instruction, rest) = segments(request);
        assert_eq!(instruction, "Write a press release about our cafe.");
        assert_eq!(
            read(&rest),
            ["We open on 3 May in Oslo.", "Our beans are roasted on site."]
        );
    }

    #[test]
    fn a_text_after_a_colon_is_material() {
        let (instruction, rest) =
            segments("Summarize this: The river rose by two metres in one night and the lower town was flooded.");
        assert_eq!(instruction, "Summarize this");
        assert_eq!(rest.len(), 1);
        assert_eq!(links("see (https://a.example/x). and b"), ["https://a.example/x"]);
    }
}
