//! The editor: repairs a given text.

use super::assignment::Assignment;
use super::compose::compose;
use super::mending::{
    cut_to, drop_unfinished, replaced, split_long, with_headings, without_avoided, without_denied_words,
    without_repeats,
};
use super::pick::Picker;
use super::voice::{asides, closers, openers};
use super::{document, filling::Filling, outline};
use crate::brief::Brief;
use crate::brief::kind::Shape;
use crate::brief::terms::coverage;
use crate::brief::tone::Tone;
use crate::call::EngineError;
use crate::judge::tone_marks;
use crate::text::markdown::{Block, blocks, plain, render};
use crate::text::phrases::{closed, contains_phrase};
use crate::text::tokens::word_count;
use serde_json::{Map, Value};

/// The agent.
pub fn run(assignment: &Assignment<'_>) -> Result<Map<String, Value>, EngineError> {
    let given = assignment.text("text");
    if given.trim().is_empty() {
        return Err(EngineError::BadArguments("editor_agent needs a text".to_owned()));
    }
    let brief = &assignment.brief;
    let mut found = without_repeats(blocks(&without_denied_words(&given, &brief.tones)));
    let broken = drop_unfinished(&mut found);
    let fresh = blocks(&compose(assignment, &outline::given_or_made(assignment)));
    let headed = matches!(
        brief.kind.shape,
        Shape::Article | Shape::Study | Shape::Steps | Shape::Faq | Shape::Comparison
    );
    if headed && !found.iter().any(|block| matches!(block, Block::Heading(1, _))) {
        found.insert(0, Block::Heading(1, super::title::title(brief, &assignment.picker)));
    }
    if headed {
        found = with_headings(split_long(found), &assignment.picker);
    }
    if headed {
        add_sections(&mut found, &fresh, brief);
    } else {
        add_paragraphs(&mut found, &fresh, brief);
    }
    for tone in &brief.tones {
        set_tone(&mut found, *tone, brief, &assignment.picker);
    }
    if broken {
        let closer = Filling::new(brief).fill(
            assignment.picker.one("closer", closers(brief.tones.first().copied())),
            "",
        );
        found.push(Block::Paragraph(closer));
    }
    if let Some(max) = brief.max_words() {
        cut_to(&mut found, max, &brief.must_include);
    }
    let text = finish(assignment, &render(&found));
    let title = blocks(&text).into_iter().find_map(|block| {
        if let Block::Heading(1, title) = block {
            Some(plain(&title))
        } else {
            None
        }
    });
    let title = assignment
        .brief
        .title
        .clone()
        .or(title)
        .unwrap_or_else(|| super::title::title(brief, &assignment.picker));
    Ok(document(&title, &text))
}

/// What every text ends with: replacements said, phrases to avoid out, phrases to include in.
pub fn finish(assignment: &Assignment<'_>, text: &str) -> String {
    let brief = &assignment.brief;
    let text = assignment
        .fixes
        .replace
        .iter()
        .fold(text.to_owned(), |text, (old, new)| replaced(&text, old, new));
    let mut found = without_repeats(without_avoided(blocks(&text), &brief.avoid));
    let missing: Vec<String> = brief
        .must_include
        .iter()
        .filter(|phrase| !contains_phrase(&render(&found), phrase))
        .cloned()
        .collect();
    if !missing.is_empty() {
        let said: Vec<String> = missing
            .iter()
            .map(|phrase| closed(&format!("To be mentioned as well: {phrase}")))
            .collect();
        let end = place_before_closing(&found);
        found.insert(end, Block::Paragraph(said.join(" ")));
    }
    render(&found)
}

/// Sections of a fresh text that the given one lacks: those asked for, then others until it is long enough.
fn add_sections(found: &mut Vec<Block>, fresh: &[Block], brief: &Brief) {
    let sections = grouped(fresh);
    for section in &sections {
        let Some(Block::Heading(_, heading)) = section.first() else {
            continue;
        };
        let text = render(found);
        let asked = brief
            .sections
            .iter()
            .any(|wanted| contains_phrase(heading, wanted) && !contains_phrase(&text, wanted));
        let short = word_count(&text) < brief.least_words();
        let lacking = coverage(&brief.terms(), &text).0 < 0.6;
        if (asked || short || lacking) && !has_heading(found, heading) {
            let place = place_before_closing(found);
            let tail = found.split_off(place);
            found.extend(section.iter().cloned());
            found.extend(tail);
        }
    }
}

/// Paragraphs and lists of a fresh text, until a text without sections is long enough and takes up its subject.
fn add_paragraphs(found: &mut Vec<Block>, fresh: &[Block], brief: &Brief) {
    for block in fresh
        .iter()
        .filter(|block| matches!(block, Block::Paragraph(_) | Block::List(..)))
    {
        let text = render(found);
        let lacking = coverage(&brief.terms(), &text).0 < 0.6;
        if (word_count(&text) < brief.least_words() || lacking) && !found.contains(block) {
            found.push(block.clone());
        }
    }
}

/// Second-level sections with everything under them.
fn grouped(blocks: &[Block]) -> Vec<Vec<Block>> {
    let mut sections: Vec<Vec<Block>> = Vec::new();
    for block in blocks {
        match (block, sections.last_mut()) {
            (Block::Heading(2, _), _) => sections.push(vec![block.clone()]),
            (_, Some(section)) => section.push(block.clone()),
            (_, None) => {}
        }
    }
    sections
}

fn has_heading(blocks: &[Block], heading: &str) -> bool {
    blocks
        .iter()
        .any(|block| matches!(block, Block::Heading(_, own) if own.to_lowercase() == heading.to_lowercase()))
}

/// Where the conclusion, the sign-off or the last paragraph begins.
fn place_before_closing(blocks: &[Block]) -> usize {
    let last_heading = blocks.iter().rposition(|block| matches!(block, Block::Heading(2, _)));
    let concluding = |place: &usize| matches!(blocks.get(*place), Some(Block::Heading(_, heading)) if ["conclusion", "closing", "sum up", "takeaway", "sources"].iter().any(|word| heading.to_lowercase().contains(word)));
    last_heading
        .filter(concluding)
        .unwrap_or(blocks.len().saturating_sub(1))
        .max(1)
        .min(blocks.len())
}

/// Sentences of the tone, where the text shows too little of it.
fn set_tone(found: &mut Vec<Block>, tone: Tone, brief: &Brief, picker: &Picker) {
    if tone_marks(&render(found), tone) >= 3 {
        return;
    }
    let filling = Filling::new(brief);
    let say = |label: &str, sayings: &[&'static str]| {
        Block::Paragraph(filling.fill(picker.one(label, sayings), &brief.topic.short))
    };
    let place = found
        .iter()
        .position(|block| matches!(block, Block::Paragraph(_) | Block::List(..)))
        .unwrap_or(found.len());
    found.insert(place, say("opener", openers(Some(tone))));
    let end = place_before_closing(found);
    found.insert(end, say("asides", asides(Some(tone))));
    let signed = brief.kind.shape == Shape::Message
        && found
            .last()
            .is_some_and(|last| matches!(last, Block::Paragraph(text) if word_count(text) < 6));
    let place = if signed {
        found.len().saturating_sub(1)
    } else {
        found.len()
    };
    found.insert(place, say("closer", closers(Some(tone))));
}
