//! The search agent: keywords, title, description.

use super::assignment::Assignment;
use super::members;
use super::title::title;
use crate::brief::terms::frequent;
use crate::text::markdown::{Block, plain, render};
use crate::text::phrases::{capitalised, contains_phrase, distinct, listed, shorten};
use crate::text::tokens::word_count;
use serde_json::{Map, Value, json};

/// Search results show about this many characters.
const TITLE: usize = 60;
const DESCRIPTION: usize = 155;

/// The agent.
pub fn run(assignment: &Assignment<'_>) -> Map<String, Value> {
    let brief = &assignment.brief;
    let source = assignment.text("text");
    let topic = brief.topic.text.to_lowercase();
    let readers = brief
        .audience
        .as_deref()
        .map(|audience| format!("{topic} for {audience}"));
    let phrases = std::iter::once(topic.clone())
        .chain(brief.topic.parts.iter().map(|part| part.to_lowercase()))
        .chain(readers.filter(|phrase| word_count(phrase) <= 8))
        .chain(
            brief
                .sections
                .iter()
                .chain(&brief.must_include)
                .filter(|phrase| word_count(phrase) <= 4)
                .map(|phrase| phrase.to_lowercase()),
        );
    let measured = frequent(&format!("{} {}", brief.facts.join(" "), plain(&source)), 6)
        .into_iter()
        .filter(|(_, n)| *n > 1)
        .map(|(word, _)| word);
    let kept = distinct(phrases.chain(measured))
        .into_iter()
        .filter(|phrase| !brief.avoid.iter().any(|word| contains_phrase(phrase, word)));
    let keywords: Vec<String> = kept.take(10).collect();
    let title = shorten(&title(brief, &assignment.picker), TITLE);
    let readers = brief
        .audience
        .as_deref()
        .map(|audience| format!(" for {audience}"))
        .unwrap_or_default();
    let parts = if brief.sections.is_empty() {
        String::new()
    } else {
        format!(": {}", listed(&brief.sections))
    };
    let description = shorten(
        &format!(
            "{} about {}{readers}{parts}.",
            capitalised(brief.label.as_str()),
            brief.topic.text
        ),
        DESCRIPTION,
    );
    let text = render(&[
        Block::Heading(1, format!("Keywords: {}", brief.topic.text)),
        Block::List(false, keywords.clone()),
        Block::Paragraph(format!("**Title:** {title}")),
        Block::Paragraph(format!("**Description:** {description}")),
    ]);
    members(json!({"text": text, "keywords": keywords, "title": title, "meta_description": description}))
}
