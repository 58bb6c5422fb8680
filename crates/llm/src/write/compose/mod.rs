//! A whole text from an outline.

mod data;
mod sections;

use super::assignment::Assignment;
use super::budget::{Part, grow, shrink, text, words};
use super::edit::finish;
use super::filling::Filling;
use super::outline::Outline;
use super::pick::Deck;
use super::sayings::{ASPECT, CLOSE};
use super::section::aspects;
use super::voice::{asides, closers, openers};
use crate::brief::Brief;
use crate::brief::kind::Shape;
use crate::brief::tone::Tone;
use crate::text::markdown::Block;
use crate::text::phrases::{capitalised, closed, contains_phrase, distinct, listed, with_article};

/// Lead-ins of phrases that must be there word for word.
const WORD_FOR_WORD: [&str; 5] = [
    "Worth saying in so many words: ",
    "One point belongs here by name: ",
    "Not to be missed: ",
    "Please note: ",
    "To be plain about it: ",
];

/// Writes the text of `outline`.
pub fn compose(assignment: &Assignment<'_>, outline: &Outline) -> String {
    Composer::new(assignment).compose(outline)
}

struct Composer<'a> {
    assignment: &'a Assignment<'a>,
    brief: &'a Brief,
    filling: Filling,
    tone: Option<Tone>,
    aspects: Vec<String>,
    aspect_deck: Deck,
}

impl<'a> Composer<'a> {
    fn new(assignment: &'a Assignment<'a>) -> Self {
        let brief = &assignment.brief;
        Self {
            assignment,
            brief,
            filling: Filling::new(brief),
            tone: brief.tones.first().copied(),
            aspects: aspects(brief, &assignment.picker),
            aspect_deck: Deck::new(&assignment.picker, "aspect", ASPECT),
        }
    }

    fn compose(mut self, outline: &Outline) -> String {
        let target = self.brief.target_words();
        let mut parts = vec![self.opening(&outline.title, target)];
        for section in &outline.sections {
            parts.extend(self.section(section));
        }
        self.place_phrases(&mut parts);
        self.place_asides(&mut parts, target);
        let closing = self.closing(target, &text(&parts));
        parts.push(closing);
        parts.extend(self.sources());
        parts.extend(self.sign_off());
        // A little above the target, so that repairs that drop a sentence stay above it.
        let wanted = target + target / 12;
        let mut deck = self.aspect_deck.clone();
        let filling = &self.filling;
        grow(&mut parts, wanted, &mut deck, &self.aspects, |saying, aspect| {
            filling.fill(saying, aspect)
        });
        if let Some(max) = self.brief.max_words().filter(|max| words(&parts) > *max) {
            shrink(&mut parts, max);
        }
        finish(self.assignment, &text(&parts))
    }

    fn deck(&self, label: &str, cards: &[&'static str]) -> Option<Deck> {
        Some(Deck::new(&self.assignment.picker, label, cards))
    }

    fn one(&self, label: &str, options: &[&'static str]) -> String {
        self.filling
            .fill(self.assignment.picker.one(label, options), &self.brief.topic.short)
    }

    fn opening(&self, title: &str, target: usize) -> Part {
        let brief = self.brief;
        let mut part = if brief.kind.shape == Shape::Message {
            let mut part = Part {
                heading: Some(Block::Paragraph(format!("**Subject:** {title}"))),
                ..Part::default()
            };
            part.fixed.push(Block::Paragraph(self.greeting()));
            part
        } else {
            Part::headed(1, title)
        };
        let opener = self.one("opener", openers(self.tone));
        let byline = self.byline();
        // The greeting stands before the first sentence; fixed blocks come last, so both are fixed there.
        if brief.kind.shape == Shape::Message {
            part.fixed.push(Block::Paragraph(opener));
        } else if target >= 45 {
            part.fixed = vec![Block::Paragraph(byline), Block::Paragraph(opener)];
        } else {
            part.say(opener, true);
        }
        part
    }

    /// What the text is, in one line: kind, tone, readers and who it comes from.
    fn byline(&self) -> String {
        let tones = self.brief.tone_labels();
        let kind = self.brief.label.as_str();
        let what = if tones.is_empty() {
            kind.to_owned()
        } else {
            format!("{} {kind}", listed(&tones))
        };
        let plural = matches!(self.brief.kind.shape, Shape::Lines) || kind.ends_with("notes");
        let what = capitalised(&if plural { what } else { with_article(&what) });
        let readers = self
            .brief
            .audience
            .as_deref()
            .map(|audience| format!(" for {audience}"))
            .unwrap_or_default();
        let business = self
            .brief
            .business
            .as_deref()
            .map(|business| format!(" from {business}"))
            .unwrap_or_default();
        format!("*{what}{readers}{business}: {}.*", self.brief.topic.text)
    }

    fn greeting(&self) -> String {
        let readers = self
            .brief
            .audience
            .as_deref()
            .map(|a| a.strip_prefix("our ").unwrap_or(a).to_owned());
        let word = match self.tone {
            Some(Tone::Casual) => "Hey",
            Some(Tone::Friendly | Tone::Playful | Tone::Enthusiastic | Tone::Warm) | None => "Hello",
            Some(_) => "Dear",
        };
        readers.map_or_else(|| "Hello,".to_owned(), |readers| format!("{word} {readers},"))
    }

    fn sign_off(&self) -> Option<Part> {
        let words = match self.tone {
            Some(Tone::Casual | Tone::Playful) => "Cheers",
            Some(Tone::Friendly | Tone::Warm | Tone::Enthusiastic) => "Warm regards",
            Some(Tone::Formal) => "Yours sincerely",
            _ => "Best regards",
        };
        (self.brief.kind.shape == Shape::Message).then(|| Part {
            fixed: vec![Block::Paragraph(words.to_owned())],
            ..Part::default()
        })
    }

    /// Phrases to be there word for word go where their words fit best.
    fn place_phrases(&self, parts: &mut [Part]) {
        let text_so_far = text(parts);
        let missing: Vec<&String> = self
            .brief
            .must_include
            .iter()
            .filter(|phrase| !contains_phrase(&text_so_far, phrase))
            .collect();
        let count = parts.len();
        for (i, phrase) in missing.into_iter().enumerate() {
            let lead = WORD_FOR_WORD.get(i % WORD_FOR_WORD.len()).copied().unwrap_or("");
            let fitting = parts.iter().position(|part| {
                phrase
                    .split(' ')
                    .any(|word| word.len() > 3 && contains_phrase(&text(std::slice::from_ref(part)), word))
            });
            let place = fitting.unwrap_or((i + 1) % count.max(1)).max(usize::from(count > 1));
            if let Some(part) = parts.get_mut(place) {
                part.say(closed(&format!("{lead}{phrase}")), true);
                part.optional = false;
            }
        }
    }

    /// One sentence of the tone in every other part.
    fn place_asides(&self, parts: &mut [Part], target: usize) {
        let terse = matches!(self.brief.kind.shape, Shape::Message | Shape::Release | Shape::Offer);
        if self.brief.tones.is_empty() && terse {
            return;
        }
        let count = (target / 90).min(4 * self.brief.tones.len().max(1));
        let tones: Vec<Option<Tone>> = if self.brief.tones.is_empty() {
            vec![None]
        } else {
            self.brief.tones.iter().rev().copied().map(Some).collect()
        };
        let decks: Vec<Vec<&'static str>> = tones
            .iter()
            .map(|tone| self.assignment.picker.order("asides", asides(*tone)))
            .collect();
        // Where several tones are wanted they take turns.
        let order: Vec<&str> = (0..count)
            .filter_map(|i| decks.get(i % decks.len().max(1))?.get(i / decks.len().max(1)).copied())
            .collect();
        let growing = parts.iter_mut().skip(1).filter(|part| part.supply.is_some());
        for (part, aside) in growing.step_by(2).zip(order) {
            part.say(self.filling.fill(aside, &self.brief.topic.short), false);
        }
    }

    fn closing(&self, target: usize, said: &str) -> Part {
        let article = matches!(
            self.brief.kind.shape,
            Shape::Article | Shape::Study | Shape::Steps | Shape::Comparison | Shape::Faq
        );
        let headed = article && target >= 200;
        let mut part = if headed {
            Part::headed(
                2,
                self.assignment
                    .picker
                    .one("closing", &["Conclusion", "In closing", "To sum up", "The takeaway"]),
            )
        } else {
            Part::default()
        };
        if article {
            part.say(self.one("close", CLOSE), false);
        }
        let keywords = self.assignment.items("keywords", "keywords");
        let unsaid = keywords
            .into_iter()
            .filter(|word| !contains_phrase(said, word))
            .take(4)
            .collect::<Vec<_>>();
        if !unsaid.is_empty() && target >= 200 {
            part.say(closed(&format!("Worth looking up next: {}", listed(&unsaid))), false);
        }
        if let Some(call) = &self.brief.call_to_action {
            part.say(closed(&format!("The next step is yours: {call}")), true);
        }
        if target >= 35 || part.sentences.is_empty() {
            part.say(self.one("closer", closers(self.brief.tones.last().copied())), true);
        }
        part
    }

    /// What was named as a source, and nothing else.
    fn sources(&self) -> Option<Part> {
        let mut named = self.brief.links.clone();
        named.extend(
            self.assignment
                .items("sources", "sources")
                .into_iter()
                .filter(|source| source.contains("://")),
        );
        named.extend(
            self.assignment
                .items("research", "sources")
                .into_iter()
                .filter(|source| source.contains("://")),
        );
        let named = distinct(named);
        (!named.is_empty()).then(|| Part {
            fixed: vec![Block::List(false, named)],
            ..Part::headed(2, "Sources")
        })
    }
}
