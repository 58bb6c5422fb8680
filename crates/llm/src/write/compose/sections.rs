//! The content of one section, by what it is for.

use super::Composer;
use super::data::quoted_output;
use crate::brief::kind::Shape;
use crate::text::markdown::Block;
use crate::text::phrases::{capitalised, closed, listed};
use crate::text::tokens::word_count;
use crate::write::budget::Part;
use crate::write::pick::Deck;
use crate::write::sayings::{
    ASKED, CONTEXT, CRITERIA, IDEAS, LINES, MESSAGE, OFFER, PITFALLS, PRACTICE, QUESTIONS, RELEASE, STAKES, STEPS,
};
use crate::write::section::{Purpose, Section};
use serde_json::Value;

impl Composer<'_> {
    /// The parts of one section.
    pub(super) fn section(&mut self, section: &Section) -> Vec<Part> {
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
