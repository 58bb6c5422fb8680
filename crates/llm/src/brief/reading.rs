//! Kind and subject of an instruction.

use super::cut::topic_end;
use super::instruction::Instruction;
use super::kind::{self, ARTICLE, Kind, as_written};
use super::scan::{find_any, find_phrase, trim};
use super::tone::Tone;
use super::topic::Topic;
use crate::text::tokens::{content_words, words};

/// Words between the kind and the subject.
const CONNECTORS: &[&str] = &[
    "about",
    "on",
    "regarding",
    "concerning",
    "around",
    "covering",
    "explaining",
    "describing",
    "announcing",
    "introducing",
    "comparing",
    "discussing",
    "exploring",
    "promoting",
    "advertising",
    "celebrating",
    "presenting",
    "titled",
    "called",
    "that explains",
    "which explains",
    "that describes",
    "that compares",
    "that covers",
    "that announces",
    "that introduces",
    "that promotes",
    "to explain",
    "to announce",
    "to introduce",
    "to promote",
    "of",
    "showing",
    "outlining",
    "reviewing",
    "summarizing",
    "summarising",
];
const MODIFIERS: &[&str] = &[
    "a",
    "an",
    "the",
    "some",
    "one",
    "new",
    "engaging",
    "compelling",
    "great",
    "good",
    "nice",
    "catchy",
    "complete",
    "simple",
    "short",
    "brief",
    "long",
    "detailed",
    "comprehensive",
    "quick",
    "concise",
    "in-depth",
    "seo-optimized",
    "seo-friendly",
    "well-written",
    "high-quality",
    "original",
    "first",
    "another",
    "single",
    "full",
    "and",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "different",
    "set",
    "list",
    "series",
    "couple",
    "our",
    "my",
    "weekly",
    "monthly",
];
/// Kind, subject, and the words before the kind (tone, length and number stand there).
pub fn read(instruction: &Instruction<'_>) -> (Option<(&'static Kind, String)>, Topic, String) {
    let object = instruction.object;
    let connector = find_any(object, CONNECTORS);
    let by_verb = kind::by_verb(&instruction.verb);
    let named = kind::named_in(object).filter(|(_, start, _)| connector.is_none_or(|(_, place, _)| *start < place));
    if let Some((kind, start, end)) = named.filter(|_| by_verb.is_none() || !object.starts_with("how")) {
        let before = object.get(..start).unwrap_or("");
        let after = skip_further_kinds(object.get(end..).unwrap_or(""));
        let text = after_kind(after)
            .or_else(|| pre_topic(before))
            .or_else(|| of_lead(instruction.lead));
        return (
            Some((kind, as_written(object.get(start..end).unwrap_or("")))),
            Topic::of(&text.unwrap_or_else(|| kind.label().to_owned())),
            before.to_owned(),
        );
    }
    let as_kind = find_phrase(object, "as a").or_else(|| find_phrase(object, "as an"));
    let later = as_kind
        .and_then(|(_, end)| kind::named_in(object.get(end..)?).filter(|(_, start, _)| *start < 30))
        .map(|(kind, ..)| kind);
    let subject = match as_kind.filter(|_| later.is_some()) {
        Some((start, _)) => object.get(..start).unwrap_or(object),
        None => object,
    };
    let text = match find_any(subject, CONNECTORS)
        .filter(|(_, start, _)| words(subject.get(..*start).unwrap_or("")).len() <= 1)
    {
        Some((_, _, end)) => subject.get(end..).unwrap_or(subject),
        None => subject,
    };
    let text = text.get(..topic_end(text)).unwrap_or(text);
    let found = later.or(by_verb).map(|kind| (kind, kind.label().to_owned()));
    (found, Topic::of(text), String::new())
}

/// The kind where none is named.
pub fn default_kind() -> &'static Kind {
    &ARTICLE
}

/// `and a LinkedIn post about …`: a second kind is no subject.
fn skip_further_kinds(after: &str) -> &str {
    let trimmed = after.trim_start();
    let Some(rest) = ["and ", "& ", ", ", "plus "]
        .iter()
        .find_map(|mark| trimmed.strip_prefix(mark))
    else {
        return after;
    };
    match kind::named_in(rest) {
        Some((_, start, end)) if words(rest.get(..start).unwrap_or("")).len() <= 2 => {
            skip_further_kinds(rest.get(end..).unwrap_or(""))
        }
        _ => after,
    }
}

fn after_kind(after: &str) -> Option<String> {
    let trimmed = after.trim_start_matches([':', ' ', '-', '–', '—', ',']);
    let first = words(trimmed)
        .first()
        .map(|word| word.text.to_lowercase())
        .unwrap_or_default();
    if let Some((_, start, end)) = find_any(trimmed, CONNECTORS)
        && (start == 0 || first == "for" || (first == "to" && !is_place(trimmed.get(start..end))))
        && topic_end(trimmed.get(..start).unwrap_or("")) == start
    {
        return subject(trimmed.get(end..).unwrap_or(""));
    }
    match first.as_str() {
        "for" | "to" => {
            let rest = trimmed.get(first.len()..).unwrap_or("");
            subject(rest)
        }
        "in" | "with" | "under" | "using" | "and" | "at" | "targeting" | "aimed" | "that" | "which" | "including"
        | "about" => None,
        _ => subject(trimmed),
    }
}

/// After `to`, these belong to the subject: `an introduction to beekeeping on city roofs`.
fn is_place(connector: Option<&str>) -> bool {
    connector.is_some_and(|c| matches!(c.trim().to_lowercase().as_str(), "on" | "of" | "around"))
}

fn subject(text: &str) -> Option<String> {
    let text = text.trim_start();
    let cut = trim(text.get(..topic_end(text)).unwrap_or(text));
    (!content_words(cut).is_empty()).then(|| cut.to_owned())
}

/// What stands before the kind and is neither article, tone nor length: `an AI trends blog post`.
fn pre_topic(before: &str) -> Option<String> {
    let kept = words(before).into_iter().filter(|word| {
        let lower = word.text.to_lowercase();
        let counts = lower.starts_with(|c: char| c.is_ascii_digit());
        !counts
            && !MODIFIERS.contains(&lower.as_str())
            && Tone::of_word(&lower).is_none()
            && lower != "linkedin"
            && lower != "social"
    });
    let kept: Vec<&str> = kept.map(|word| word.text).collect();
    let text = kept.join(" ");
    (!content_words(&text).is_empty()).then_some(text)
}

fn of_lead(lead: &str) -> Option<String> {
    let bare = ["for ", "about ", "on "].iter().find_map(|mark| {
        lead.to_lowercase()
            .starts_with(mark)
            .then(|| lead.get(mark.len()..))
            .flatten()
    });
    let text = bare.unwrap_or(lead).trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::brief::instruction::parse;

    #[test]
    fn kind_and_subject_are_found_whatever_the_order() {
        for (sentence, kind, topic) in [
            ("Generate blog post about AI trends", "blog post", "AI trends"),
            (
                "Write a blog post about AI trends for our shop, friendly tone, publish to blog and LinkedIn",
                "blog post",
                "AI trends",
            ),
            (
                "Create a newsletter for customers about the spring sale",
                "newsletter",
                "the spring sale",
            ),
            (
                "Draft a product description for a bamboo toothbrush",
                "product description",
                "a bamboo toothbrush",
            ),
            (
                "Write an AI trends blog post in a formal tone",
                "blog post",
                "AI trends",
            ),
            (
                "Write a press release announcing our new office in Berlin",
                "press release",
                "our new office in Berlin",
            ),
            (
                "Compare PostgreSQL and MySQL for small teams",
                "comparison",
                "PostgreSQL and MySQL",
            ),
            ("Explain how DNS works", "explainer", "how DNS works"),
            (
                "Write a 300-word email to our donors about the winter appeal",
                "email",
                "the winter appeal",
            ),
            (
                "For our spring sale, write a newsletter",
                "newsletter",
                "our spring sale",
            ),
            ("Write about tea as a newsletter", "newsletter", "tea"),
            (
                "Give me 5 taglines for a bike repair shop",
                "taglines",
                "a bike repair shop",
            ),
            (
                "Write a blog post and a tweet about cold brew",
                "blog post",
                "cold brew",
            ),
        ] {
            let (found, subject, _) = read(&parse(sentence));
            assert_eq!(
                (found.map(|(kind, _)| kind.label()), subject.text.as_str()),
                (Some(kind), topic),
                "{sentence}"
            );
        }
        let (none, subject, _) = read(&parse("AI trends in retail"));
        assert_eq!((none, subject.text.as_str()), (None, "AI trends in retail"));
    }
}
