//! Parts of a text that can grow and shrink to a length.

use super::pick::Deck;
use crate::text::markdown::{Block, render};
use crate::text::tokens::word_count;
use std::collections::BTreeSet;

/// A sentence and whether it may be dropped.
#[derive(Clone, Debug)]
pub struct Sentence {
    pub text: String,
    pub required: bool,
}

/// One part of a text: heading, sentences, fixed blocks.
#[derive(Clone, Debug, Default)]
pub struct Part {
    pub heading: Option<Block>,
    pub sentences: Vec<Sentence>,
    pub fixed: Vec<Block>,
    /// Where more sentences come from.
    pub supply: Option<Deck>,
    /// What those sentences speak of, in turn.
    pub points: Vec<String>,
    /// May be left out as a whole where the text must be short.
    pub optional: bool,
    /// Points drawn so far.
    pub drawn: usize,
}

/// Sentences in one paragraph.
const PARAGRAPH: usize = 3;

impl Part {
    pub fn headed(level: usize, heading: &str) -> Self {
        Self {
            heading: Some(Block::Heading(level, heading.to_owned())),
            ..Self::default()
        }
    }

    pub fn say(&mut self, text: String, required: bool) {
        if !text.is_empty() {
            self.sentences.push(Sentence { text, required });
        }
    }

    /// What the next drawn sentence speaks of.
    pub fn next_point(&mut self, fallback: &str) -> String {
        let place = self.drawn % self.points.len().max(1);
        self.drawn += 1;
        self.points.get(place).cloned().unwrap_or_else(|| fallback.to_owned())
    }

    fn blocks(&self) -> Vec<Block> {
        let paragraphs = self.sentences.chunks(PARAGRAPH).map(|chunk| {
            let texts: Vec<&str> = chunk.iter().map(|sentence| sentence.text.as_str()).collect();
            Block::Paragraph(texts.join(" "))
        });
        self.heading
            .iter()
            .cloned()
            .chain(paragraphs)
            .chain(self.fixed.iter().cloned())
            .collect()
    }

    fn words(&self) -> usize {
        word_count(&render(&self.blocks()))
    }
}

/// The text of all parts.
pub fn text(parts: &[Part]) -> String {
    render(&parts.iter().flat_map(Part::blocks).collect::<Vec<_>>())
}

/// Words of all parts.
pub fn words(parts: &[Part]) -> usize {
    parts.iter().map(Part::words).sum()
}

/// Draws sentences for the parts in turn until there are `target` words or nothing new is left.
pub fn grow(
    parts: &mut [Part],
    target: usize,
    fallback: &mut Deck,
    aspects: &[String],
    mut fill: impl FnMut(&str, &str) -> String,
) {
    let mut seen: BTreeSet<String> = parts
        .iter()
        .flat_map(|part| part.sentences.iter().map(|s| s.text.clone()))
        .collect();
    let mut total = words(parts);
    let mut idle = 0;
    while total < target && idle < 3 {
        let before = total;
        for (i, part) in parts.iter_mut().enumerate() {
            if total >= target {
                break;
            }
            let Some(own) = part.supply.as_mut() else { continue };
            let saying = if own.spent() { fallback.draw() } else { own.draw() };
            let usual = aspects
                .get((i + seen.len()) % aspects.len().max(1))
                .cloned()
                .unwrap_or_default();
            let point = part.next_point(&usual);
            let sentence = fill(saying, &point);
            if seen.insert(sentence.clone()) {
                total += word_count(&sentence);
                part.say(sentence, false);
            }
        }
        idle = if total == before { idle + 1 } else { 0 };
    }
}

/// Drops sentences, then parts, until there are at most `max` words.
pub fn shrink(parts: &mut Vec<Part>, max: usize) {
    while words(parts) > max {
        let longest = parts
            .iter_mut()
            .filter(|part| part.sentences.len() > 1 && part.sentences.iter().any(|s| !s.required))
            .max_by_key(|part| part.sentences.len());
        if let Some(part) = longest {
            if let Some(place) = part.sentences.iter().rposition(|sentence| !sentence.required) {
                part.sentences.remove(place);
            }
        } else if let Some(place) = parts.iter().rposition(|part| part.optional) {
            parts.remove(place);
        } else {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Part, grow, shrink, words};
    use crate::write::pick::{Deck, Picker};

    #[test]
    fn parts_grow_to_the_target_and_shrink_without_losing_what_is_required() {
        let picker = Picker::new(&["x"]);
        let mut part = Part::headed(2, "H");
        part.say("This must stay here.".to_owned(), true);
        part.supply = Some(Deck::new(
            &picker,
            "a",
            &["One of {aspect} is here.", "Two of {aspect} are here."],
        ));
        let mut parts = vec![part];
        let mut fallback = Deck::new(&picker, "b", &["Again a word on {aspect}."]);
        let aspects = vec!["tea".to_owned(), "milk".to_owned()];
        grow(&mut parts, 18, &mut fallback, &aspects, |saying, aspect| {
            saying.replace("{aspect}", aspect)
        });
        assert!(words(&parts) >= 18);
        shrink(&mut parts, 6);
        assert_eq!(parts[0].sentences.len(), 1);
        assert!(parts[0].sentences[0].required);
    }
}
