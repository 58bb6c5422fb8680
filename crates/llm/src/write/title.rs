//! Titles.

use super::pick::Picker;
use crate::brief::Brief;
use crate::brief::kind::Shape;
use crate::text::phrases::{capitalised, headline, shorten};
use crate::text::tokens::{is_stopword, word_count};

/// A title for the text asked for.
pub fn title(brief: &Brief, picker: &Picker) -> String {
    if let Some(title) = &brief.title {
        return title.clone();
    }
    let topic = headline(&brief.topic.text);
    if !brief.topic.named {
        return headline(&shorten(&brief.request, 80));
    }
    let pattern = picker.one("title", patterns(brief.kind.shape));
    let kind = capitalised(brief.label.as_str());
    let leads = pattern.starts_with("{topic}") || pattern.contains(": {topic}");
    let topic = if leads { topic } else { small_first(&topic) };
    let full = pattern.replace("{topic}", &topic).replace("{kind}", &kind);
    match &brief.audience {
        Some(audience) if word_count(&full) + word_count(audience) <= 14 && !full.contains('?') => {
            format!("{full} for {}", headline(audience))
        }
        _ => full,
    }
}

/// `The Spring Sale` within a title is `the Spring Sale`.
fn small_first(topic: &str) -> String {
    match topic.split_once(' ') {
        Some((first, rest)) if is_stopword(first) => format!("{} {rest}", first.to_lowercase()),
        _ => topic.to_owned(),
    }
}

fn patterns(shape: Shape) -> &'static [&'static str] {
    match shape {
        Shape::Article => &[
            "{topic}: Where to Begin",
            "{topic}: A Clear Look",
            "{topic}: From Questions to a Plan",
            "{topic}, Plainly Explained",
            "A Closer Look at {topic}",
            "Making Sense of {topic}",
        ],
        Shape::Steps => &["{topic}, Step by Step", "{kind}: {topic}", "{topic} in Clear Steps"],
        Shape::Faq => &["{topic}: Frequently Asked Questions", "{topic}: Questions and Answers"],
        Shape::Message => &["{topic}", "About {topic}", "A Word on {topic}"],
        Shape::Release => &["{topic}: What Is New", "Announcing: {topic}", "News: {topic}"],
        Shape::Offer => &["{topic}", "Meet {topic}", "{topic} at a Glance"],
        Shape::Study => &[
            "{kind}: {topic}",
            "{topic}: What the Material Shows",
            "{topic}: A {kind}",
        ],
        Shape::Comparison => &["{topic}: A Side-by-Side Look", "{topic} Compared"],
        Shape::Lines => &["{kind}: {topic}", "{kind} for {topic}"],
        Shape::Post | Shape::Summary => &["{topic}", "{topic} in Brief"],
        Shape::Outline => &["Outline: {topic}", "{topic}: An Outline"],
    }
}
