//! A whole text from an outline.

use super::assignment::Assignment;
use super::budget::{Part, grow, shrink, text, words};
use super::edit::finish;
use super::filling::Filling;
use super::outline::Outline;
use super::pick::Deck;
use super::sayings::{
    ASKED, ASPECT, CLOSE, CONTEXT, CRITERIA, IDEAS, LINES, MESSAGE, OFFER, PITFALLS, PRACTICE, QUESTIONS, RELEASE,
    STAKES, STEPS,
};
use super::section::{Purpose, Section, aspects};
use super::voice::{asides, closers, openers};
use crate::brief::Brief;
use crate::brief::kind::Shape;
use crate::brief::tone::Tone;
use crate::output::text_of;
use crate::text::markdown::{Block, blocks};
use crate::text::phrases::{capitalised, closed, contains_phrase, listed, shorten, with_article};
use crate::text::sentences::sentences;
use crate::text::tokens::word_count;
use serde_json::Value;

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
        parts.push(self.closing(target));
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

    /// The parts of one section.
    fn section(&mut self, section: &Section) -> Vec<Part> {
        if section.purpose == Purpose::Asked {
            return self.asked(section);
        }
        let mut part = if self.brief.kind.shape == Shape::Message || (self.brief.kind.shape == Shape::Lines) {
            Part::default()
        } else {
            Part::headed(2, &section.heading)
        };
        part.points.clone_from(&section.points);
        part.optional = matches!(
            section.purpose,
            Purpose::Context | Purpose::Stakes | Purpose::Practice | Purpose::Pitfalls | Purpose::Questions
        );
        match section.purpose {
            Purpose::Context => part.supply = self.deck("context", CONTEXT),
            Purpose::Stakes => part.supply = self.deck("stakes", STAKES),
            Purpose::Practice => part.supply = self.deck("practice", PRACTICE),
            Purpose::Pitfalls => part.supply = self.deck("pitfalls", PITFALLS),
            Purpose::Message => part.supply = self.deck("message", MESSAGE),
            Purpose::Release => part.supply = self.deck("release", RELEASE),
            Purpose::Offer => {
                part.supply = self.deck("offer", OFFER);
                part.points.clear();
            }
            Purpose::Aspect => self.aspect(section, &mut part),
            Purpose::Details => self.details(&mut part),
            Purpose::Data => part.fixed = self.data(),
            Purpose::Items => part.fixed = self.items(section),
            Purpose::Steps => part.fixed = self.steps(section),
            Purpose::Figures => part.fixed = self.figures(),
            Purpose::Compare => part.fixed = self.comparison(),
            Purpose::Questions => part.fixed = self.questions(),
            Purpose::Asked => {}
        }
        if let Some(first) = part
            .supply
            .as_mut()
            .map(Deck::draw)
            .filter(|_| part.sentences.is_empty())
        {
            let point = part.next_point(&self.brief.topic.short);
            part.say(self.filling.fill(first, &point), true);
        }
        vec![part]
    }

    fn aspect(&mut self, section: &Section, part: &mut Part) {
        let spoken = lowered(&section.heading);
        let points: Vec<String> = section
            .points
            .iter()
            .filter(|point| word_count(point) <= 10)
            .map(|point| lowered(point))
            .collect();
        let subject = points.first().cloned().unwrap_or_else(|| spoken.clone());
        part.points = match points.as_slice() {
            [] => vec![spoken],
            // A long name is said once; after that everybody knows what is meant.
            [one] if word_count(one) > 3 => vec!["this part".to_owned()],
            _ => points,
        };
        let first = self.aspect_deck.draw();
        part.say(self.filling.fill(first, &subject), true);
        // Points that are whole sentences are material of their own.
        for point in section.points.iter().filter(|point| word_count(point) > 10) {
            part.say(closed(&capitalised(point)), true);
        }
        part.supply = Some(self.aspect_deck.clone());
        // The next section goes on where this one is likely to stop.
        for _ in 0..4 {
            self.aspect_deck.draw();
        }
    }

    fn details(&self, part: &mut Part) {
        let room = (self.brief.target_words() * 2 / 3).max(120);
        let mut used = 0;
        for fact in &self.brief.facts {
            used += word_count(fact);
            if used > room {
                break;
            }
            part.say(closed(fact), true);
        }
    }

    /// Outputs of other tools, quoted by name.
    fn data(&self) -> Vec<Block> {
        let Some(Value::Object(inputs)) = self.assignment.arguments.get("inputs") else {
            return Vec::new();
        };
        inputs
            .iter()
            .flat_map(|(name, output)| quoted_output(name, output))
            .collect()
    }

    fn items(&mut self, section: &Section) -> Vec<Block> {
        let short_lines = self.brief.kind.shape == Shape::Lines;
        let lower = self.brief.request.to_lowercase();
        let cards = match short_lines {
            true if lower.contains("question") => QUESTIONS,
            true if lower.contains("idea") => IDEAS,
            true => LINES,
            false => STEPS,
        };
        let count = self.brief.items.unwrap_or(5).clamp(1, 40);
        let mut deck = Deck::new(&self.assignment.picker, "items", cards);
        let phrases = if short_lines {
            self.brief.must_include.clone()
        } else {
            Vec::new()
        };
        let points = if section.points.is_empty() {
            &self.aspects
        } else {
            &section.points
        };
        let drawn = (0..count.saturating_sub(phrases.len())).map(|i| {
            let point = points.get(i % points.len().max(1)).map_or("", String::as_str);
            let card = deck.draw();
            self.bare(&self.filling.fill(card, point), short_lines)
        });
        let drawn: Vec<String> = drawn.collect();
        vec![Block::List(
            true,
            phrases.iter().map(|phrase| capitalised(phrase)).chain(drawn).collect(),
        )]
    }

    /// Short lines that begin with the subject name it without its article.
    fn bare(&self, line: &str, short: bool) -> String {
        let subject = &self.brief.topic.short;
        let bare = ["a ", "an ", "the "]
            .iter()
            .find_map(|article| subject.strip_prefix(article));
        let named = capitalised(subject);
        match bare.filter(|_| short) {
            Some(bare) if line.starts_with(&named) => line.replacen(&named, &capitalised(bare), 1),
            _ => line.to_owned(),
        }
    }

    fn steps(&self, section: &Section) -> Vec<Block> {
        let count = self.brief.items.unwrap_or(self.brief.target_words() / 40).clamp(4, 40);
        let points = if section.points.is_empty() {
            &self.aspects
        } else {
            &section.points
        };
        let kept = if count >= STEPS.len() { STEPS.len() } else { count };
        let mut chosen: Vec<usize> = self
            .assignment
            .picker
            .order("steps", &(1..STEPS.len()).collect::<Vec<_>>());
        chosen.truncate(kept.saturating_sub(1));
        chosen.push(0);
        chosen.sort_unstable();
        let steps = chosen.iter().enumerate().filter_map(|(i, place)| {
            let point = points.get(i % points.len().max(1)).map_or("", String::as_str);
            Some(self.filling.fill(STEPS.get(*place)?, point))
        });
        vec![Block::List(true, steps.collect())]
    }

    fn figures(&self) -> Vec<Block> {
        let given = self
            .brief
            .figures
            .iter()
            .map(|figure| format!("{}: {}", capitalised(&figure.name), figure.value));
        let mut found = vec![
            Block::Paragraph("These figures were given with the request, and nothing was added to them.".to_owned()),
            Block::List(false, given.collect()),
        ];
        if !self.brief.derived.is_empty() {
            found.push(Block::Paragraph(self.brief.derived.join(" ")));
        }
        found
    }

    fn comparison(&self) -> Vec<Block> {
        let things = listed(&self.brief.topic.parts);
        let rows = CRITERIA
            .iter()
            .map(|(name, question)| format!("**{name}:** {question}"));
        vec![
            Block::Paragraph(closed(&format!(
                "Put {things} next to the same real task and go through these points one after the other"
            ))),
            Block::List(false, rows.collect()),
        ]
    }

    fn questions(&self) -> Vec<Block> {
        let mut deck = Deck::new(&self.assignment.picker, "questions", QUESTIONS);
        let count = (self.brief.target_words() / 110).clamp(3, 8);
        vec![Block::List(
            false,
            (0..count)
                .map(|_| self.filling.fill(deck.draw(), &self.brief.topic.short))
                .collect(),
        )]
    }

    /// Every question is a part of its own.
    fn asked(&mut self, section: &Section) -> Vec<Part> {
        let count = (self.brief.target_words() / 45).clamp(3, ASKED.len());
        let mut rest: Vec<usize> = self
            .assignment
            .picker
            .order("asked", &(2..ASKED.len()).collect::<Vec<_>>());
        rest.truncate(count.saturating_sub(2));
        let general = [0, 1].into_iter().chain(rest).filter_map(|place| ASKED.get(place));
        let mut parts: Vec<Part> = general
            .map(|(question, answer)| {
                let mut part = Part::headed(2, &self.filling.fill(question, &self.brief.topic.short));
                part.say(self.filling.fill(answer, &self.brief.topic.short), true);
                part
            })
            .collect();
        if self.brief.sections.is_empty() {
            for point in section.points.iter().take(3) {
                let mut part = Part::headed(2, &format!("What about {}?", lowered(point)));
                self.aspect(&Section::about(point, vec![point.clone()]), &mut part);
                part.optional = true;
                parts.push(part);
            }
        }
        parts
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

    fn closing(&self, target: usize) -> Part {
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
        let named = crate::text::phrases::distinct(named);
        (!named.is_empty()).then(|| Part {
            fixed: vec![Block::List(false, named)],
            ..Part::headed(2, "Sources")
        })
    }
}

/// The first letter small, unless the word is a name or an abbreviation.
fn lowered(text: &str) -> String {
    let first = text.split_whitespace().next().unwrap_or("");
    let ordinary = [
        "The", "A", "An", "Our", "Your", "How", "What", "Why", "Everyday", "Cost",
    ]
    .contains(&first);
    if ordinary {
        text.chars()
            .take(1)
            .flat_map(char::to_lowercase)
            .chain(text.chars().skip(1))
            .collect()
    } else {
        text.to_owned()
    }
}

/// One tool's output as prose or as a list of its values.
fn quoted_output(name: &str, output: &Value) -> Vec<Block> {
    let said = Block::Paragraph(format!("According to `{name}`:"));
    let long = text_of(output).filter(|text| word_count(text) > 12);
    if let Some(text) = long {
        let first: Vec<String> = blocks(&text)
            .iter()
            .filter_map(|block| {
                if let Block::Paragraph(p) = block {
                    Some(p.clone())
                } else {
                    None
                }
            })
            .flat_map(|p| sentences(&p))
            .take(4)
            .collect();
        return vec![said, Block::Paragraph(first.join(" "))];
    }
    let mut lines = Vec::new();
    flatten("", output, &mut lines);
    if lines.is_empty() {
        Vec::new()
    } else {
        vec![said, Block::List(false, lines)]
    }
}

fn flatten(path: &str, value: &Value, lines: &mut Vec<String>) {
    const MOST: usize = 12;
    match value {
        Value::Object(members) => members
            .iter()
            .for_each(|(name, member)| flatten(&format!("{path} {}", name.replace('_', " ")), member, lines)),
        Value::Array(items) => items.iter().take(5).for_each(|item| flatten(path, item, lines)),
        Value::Null => {}
        _ if lines.len() >= MOST => {}
        Value::String(text) => lines.push(labelled(path, &shorten(text, 160))),
        other => lines.push(labelled(path, &other.to_string())),
    }
}

fn labelled(path: &str, value: &str) -> String {
    let name = path.trim();
    if name.is_empty() {
        value.to_owned()
    } else {
        format!("{}: {value}", capitalised(name))
    }
}
