//! Structure: title, sections, paragraphs, and an end.

use super::{Sample, quote};
use crate::brief::kind::Shape;
use crate::port::Finding;
use crate::text::markdown::{Block, blocks, plain};
use crate::text::phrases::shorten;
use crate::text::sentences::is_closed;
use crate::text::tokens::word_count;

/// Collects what counts towards the score, what was seen and what to do.
#[derive(Default)]
struct Tally {
    score: f64,
    seen: Vec<String>,
    todo: Vec<String>,
}

impl Tally {
    fn add(&mut self, weight: f64, share: f64, todo: &str) {
        self.score += weight * share.clamp(0.0, 1.0);
        if share < 1.0 {
            self.todo.push(todo.to_owned());
        }
    }
}

pub fn measure(sample: &Sample<'_>) -> Finding {
    let found = blocks(sample.text);
    let shape = sample.form.shape;
    let mut tally = Tally::default();
    let finished = is_finished(sample.text, shape);
    tally.add(
        0.35,
        f64::from(u8::from(finished)),
        "Finish the text with a complete sentence.",
    );
    let longest = found
        .iter()
        .map(|block| {
            if let Block::Paragraph(text) = block {
                word_count(text)
            } else {
                0
            }
        })
        .max()
        .unwrap_or(0);
    tally.add(0.1, if longest > 150 { 0.0 } else { 1.0 }, "Split the long paragraphs.");
    if sample.form.headed {
        headed(&found, shape, &mut tally);
    } else {
        plain_form(&found, sample.text, shape, &mut tally);
    }
    let open_fence = sample.text.matches("```").count() % 2 == 1;
    let empty = empty_headings(&found);
    tally.score -= 0.1 * f64::from(u8::from(open_fence)) + 0.05 * empty.min(4) as f64;
    if empty > 0 {
        tally.todo.push("Write something under every heading.".to_owned());
    }
    let last = sample.text.trim_end().lines().next_back().unwrap_or("");
    let end: Vec<&str> = last.split_whitespace().collect();
    let end = end.get(end.len().saturating_sub(8)..).unwrap_or(&[]).join(" ");
    tally.seen.push(format!(
        "{} at {}",
        if finished { "ends" } else { "breaks off" },
        quote(&end)
    ));
    Finding {
        score: tally.score,
        evidence: format!("{}.", tally.seen.join("; ")),
        feedback: tally.todo.join(" "),
    }
}

/// A long text: title, sections, several paragraphs.
fn headed(found: &[Block], shape: Shape, tally: &mut Tally) {
    let headings: Vec<&String> = found
        .iter()
        .filter_map(|block| {
            if let Block::Heading(2.., text) = block {
                Some(text)
            } else {
                None
            }
        })
        .collect();
    let titled = found.iter().any(|block| matches!(block, Block::Heading(1, _)));
    let paragraphs = found
        .iter()
        .filter(|block| matches!(block, Block::Paragraph(_)))
        .count();
    let ordered = found
        .iter()
        .any(|block| matches!(block, Block::List(true, items) if items.len() >= 3));
    tally.add(0.1, f64::from(u8::from(titled)), "Give the text a title.");
    let (share, todo) = match shape {
        Shape::Faq => (
            questions(found) as f64 / 3.0,
            "Put at least three questions with answers.",
        ),
        Shape::Steps => (
            0.5 * f64::from(u8::from(ordered)) + 0.25 * headings.len().min(2) as f64,
            "Number the steps and give the text headings.",
        ),
        _ => (headings.len() as f64 / 2.0, "Add headings for the sections."),
    };
    tally.add(0.25, share, todo);
    tally.add(0.2, paragraphs as f64 / 3.0, "Write more than two paragraphs.");
    let named: Vec<String> = headings
        .iter()
        .take(4)
        .map(|heading| format!("“{}”", shorten(&plain(heading), 40)))
        .collect();
    tally.seen.push(
        format!(
            "{paragraphs} paragraphs, {} headings {}",
            headings.len(),
            named.join(" ")
        )
        .trim_end()
        .to_owned(),
    );
}

/// A short text, a message, a list.
fn plain_form(found: &[Block], text: &str, shape: Shape, tally: &mut Tally) {
    let count = word_count(text);
    let paragraphs = found
        .iter()
        .filter(|block| matches!(block, Block::Paragraph(_)))
        .count();
    let items = found
        .iter()
        .map(|block| {
            if let Block::List(_, items) = block {
                items.len()
            } else {
                0
            }
        })
        .max()
        .unwrap_or(0);
    tally.seen.push(format!("{paragraphs} paragraphs, {items} list items"));
    match shape {
        Shape::Lines => tally.add(0.55, items as f64 / 3.0, "Write the lines as a list."),
        Shape::Outline => tally.add(0.55, (items + found.len()) as f64 / 6.0, "Write headings with points."),
        Shape::Post => {
            let headings = found.iter().any(|block| matches!(block, Block::Heading(..)));
            tally.add(
                0.3,
                if count < 40 { 1.0 } else { paragraphs as f64 / 2.0 },
                "Part the post into short paragraphs.",
            );
            tally.add(0.25, if headings { 0.4 } else { 1.0 }, "Leave headings out of a post.");
        }
        Shape::Message => {
            let head = text.lines().take(6).collect::<Vec<_>>().join(" ").to_lowercase();
            let greeted = [
                "hello",
                "dear",
                "hi ",
                "hey",
                "subject:",
                "good morning",
                "to:",
                "welcome",
            ]
            .iter()
            .any(|word| head.contains(word));
            tally.add(0.2, f64::from(u8::from(greeted)), "Begin with a greeting.");
            tally.add(0.35, paragraphs as f64 / 3.0, "Part the message into paragraphs.");
        }
        _ => tally.add(
            0.55,
            if count < 40 {
                1.0
            } else {
                (paragraphs + usize::from(items > 1)) as f64 / 2.0
            },
            "Part the text into paragraphs.",
        ),
    }
}

fn questions(found: &[Block]) -> usize {
    let asks = |text: &str| usize::from(text.trim_end_matches(['*', '_', ' ']).ends_with('?'));
    let counted = found.iter().map(|block| match block {
        Block::Heading(_, text) => asks(text),
        Block::Paragraph(text) => text.lines().map(asks).sum(),
        Block::List(_, items) => items.iter().map(|item| asks(item)).sum(),
        Block::Verbatim(_) => 0,
    });
    counted.sum()
}

fn empty_headings(found: &[Block]) -> usize {
    let pairs = found
        .iter()
        .zip(found.iter().skip(1).map(Some).chain(std::iter::once(None)));
    pairs
        .filter(|(block, next)| match (block, next) {
            (Block::Heading(level, _), Some(Block::Heading(other, _))) => other <= level,
            (Block::Heading(..), None) => true,
            _ => false,
        })
        .count()
}

/// Whether the text comes to an end: a closed sentence, hashtags, a signature, a list of short items.
pub fn is_finished(text: &str, shape: Shape) -> bool {
    let found = blocks(text);
    match found.last() {
        None | Some(Block::Heading(2.., _)) => false,
        Some(Block::Heading(..)) => shape == Shape::Lines,
        Some(Block::Verbatim(text)) => {
            !text.starts_with("```") || text.trim_end().len() > 3 && text.trim_end().ends_with("```")
        }
        Some(Block::List(_, items)) => {
            let closed = items.iter().filter(|item| is_closed(item)).count();
            let last = items.last().is_some_and(|item| is_closed(item));
            last || closed * 2 < items.len() || items.len() == 1
        }
        Some(Block::Paragraph(text)) => {
            let last = text.lines().next_back().unwrap_or("");
            let hashtags = last.split_whitespace().all(|word| word.starts_with('#'));
            let link = last
                .split_whitespace()
                .next_back()
                .is_some_and(|word| word.contains("://"));
            is_closed(text) || hashtags || link || signs_off(text)
        }
    }
}

fn signs_off(text: &str) -> bool {
    let lower = text.to_lowercase();
    let words = [
        "regards",
        "sincerely",
        "cheers",
        "thanks",
        "thank you",
        "best wishes",
        "yours",
        "warmly",
        "take care",
    ];
    word_count(text) <= 10 && words.iter().any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::is_finished;
    use crate::brief::kind::Shape;

    #[test]
    fn ends_are_told_from_breaks() {
        for (text, finished) in [
            ("All said.", true),
            ("All said.\n\nBut then we wanted to go on with the", false),
            ("Post.\n\n#one #two", true),
            ("Dear you,\n\nText.\n\nBest regards,\nThe shop", true),
            ("Text:\n\n- one\n- two", true),
            ("Text:\n\n- One is done.\n- Two is do", false),
            ("# Title\n\nText.\n\n## Empty", false),
            ("", false),
        ] {
            assert_eq!(is_finished(text, Shape::Article), finished, "{text}");
        }
    }
}
