//! What a request asks for, read from its own words.

mod audience;
mod cut;
mod facts;
pub mod figures;
pub mod fixes;
mod inclusions;
mod instruction;
pub mod intent;
pub mod kind;
mod length;
pub mod preferences;
mod reading;
pub mod scan;
pub mod terms;
pub mod tone;
mod topic;

use crate::port::Context;
use crate::text::phrases::{contains_phrase, distinct};
use crate::text::tokens::{content_words, word_count};
use figures::Figure;
use fixes::Fixes;
use kind::{Kind, Shape};
use length::Length;
use terms::{Term, Terms};
use tone::Tone;
pub use topic::Topic;

/// A request, understood as far as text processing can.
#[derive(Clone, Debug)]
pub struct Brief {
    /// The user's own words.
    pub request: String,
    pub kind: &'static Kind,
    /// The kind in the request's own words.
    pub label: String,
    /// The request, a preference or an argument names the kind.
    pub kind_named: bool,
    pub topic: Topic,
    /// Who reads it.
    pub audience: Option<String>,
    /// Who publishes it: `our shop`.
    pub business: Option<String>,
    pub tones: Vec<Tone>,
    /// Tone words nobody has a list for, as written.
    pub other_tones: Vec<String>,
    length: Length,
    pub must_include: Vec<String>,
    pub avoid: Vec<String>,
    pub sections: Vec<String>,
    /// Number of tips, taglines and the like.
    pub items: Option<usize>,
    pub title: Option<String>,
    pub call_to_action: Option<String>,
    /// Statements of the request that are material.
    pub facts: Vec<String>,
    /// Addresses given.
    pub links: Vec<String>,
    pub figures: Vec<Figure>,
    /// What follows from the figures by simple arithmetic.
    pub derived: Vec<String>,
    pub channels: Vec<String>,
    /// Changes picks where feedback asked for another version.
    pub variation: String,
}

impl Brief {
    /// Reads a submission.
    pub fn of(context: &Context) -> Self {
        let request = context.request.trim();
        let (first, rest) = facts::segments(request);
        let instruction = instruction::parse(&first);
        let (named, topic, before_kind) = reading::read(&instruction);
        let kind_named = named.is_some();
        let (kind, label) =
            named.unwrap_or_else(|| (reading::default_kind(), reading::default_kind().label().to_owned()));
        let facts = facts::read(&rest);
        // `Summarize this` names no subject.
        let topic = if content_words(&topic.text).is_empty() {
            Topic::unnamed(!facts.is_empty())
        } else {
            topic
        };
        let asks = inclusions::read(request);
        let mut brief = Self {
            kind,
            label,
            kind_named,
            audience: audience::asked_in(request),
            business: audience::business_in(request).filter(|business| !contains_phrase(&topic.text, business)),
            tones: tone::asked_in(request, &before_kind),
            other_tones: Vec::new(),
            length: length::asked_in(request),
            must_include: asks.must_include,
            avoid: asks.avoid,
            sections: asks.sections,
            items: asks.items,
            title: asks.title,
            call_to_action: asks.call_to_action,
            facts,
            links: facts::links(request),
            figures: figures::figures(&context.business_metrics),
            derived: figures::derived(&context.business_metrics),
            channels: context.channels.clone(),
            variation: String::new(),
            request: request.to_owned(),
            topic,
        };
        brief.take_preferences(&context.preferences);
        brief.settle();
        brief
    }

    /// Takes in what feedback asks for.
    pub fn apply(&mut self, fixes: &Fixes) {
        self.must_include = distinct(self.must_include.drain(..).chain(fixes.mention.iter().cloned()));
        self.avoid = distinct(self.avoid.drain(..).chain(fixes.avoid.iter().cloned()));
        self.sections = distinct(self.sections.drain(..).chain(fixes.sections.iter().cloned()));
        self.call_to_action = fixes.call_to_action.clone().or(self.call_to_action.take());
        self.title = fixes.title.clone().or(self.title.take());
        // What was asked for before still holds; the newest word comes first.
        let earlier: Vec<Tone> = self
            .tones
            .drain(..)
            .filter(|tone| !fixes.tones.contains(tone))
            .collect();
        self.tones = fixes.tones.iter().copied().chain(earlier).collect();
        let current = self.target_words();
        let stepped = match fixes.length_steps {
            0 => None,
            steps if steps < 0 => Some(current * 2 / 3),
            _ => Some(current * 3 / 2),
        };
        self.length.target = fixes.target.or(stepped).or(self.length.target);
        self.length.max = match (fixes.max, fixes.length_steps) {
            (Some(max), _) => Some(max),
            (None, steps) if steps < 0 => Some(current * 4 / 5),
            (None, 0) if fixes.target.is_none() => self.length.max,
            _ => None,
        };
        self.variation.push_str(&fixes.said);
        self.settle();
    }

    /// Words to aim at.
    pub fn target_words(&self) -> usize {
        // A summary is a part of what it is of.
        let usual = match self.kind.shape {
            Shape::Summary if !self.facts.is_empty() => {
                (word_count(&self.facts.join(" ")) / 3).clamp(10, self.kind.words)
            }
            _ => self.kind.words,
        };
        let hinted = match self.length.hint {
            -1 => usual * 3 / 5,
            1 => usual * 3 / 2,
            _ => usual,
        };
        let wanted = self.length.target.unwrap_or(hinted);
        self.length
            .max
            .map_or(wanted, |max| wanted.min(max * 9 / 10))
            .clamp(5, 4000)
    }

    /// Words below which a text is too short.
    pub fn least_words(&self) -> usize {
        let target = self.target_words();
        if self.length.target.is_some() {
            target * 9 / 10
        } else {
            target * 7 / 10
        }
    }

    /// Most words, where a bound was given.
    pub fn max_words(&self) -> Option<usize> {
        self.length.max
    }

    /// Most characters, where a bound was given.
    pub fn max_chars(&self) -> Option<usize> {
        self.length.max_chars
    }

    /// The request, a preference or feedback says how long it is to be, and not only how long at most.
    pub fn length_wanted(&self) -> bool {
        self.length.target.is_some()
    }

    /// The request, a preference or feedback says how long, or how long at most.
    pub fn length_stated(&self) -> bool {
        self.length.target.is_some() || self.length.max.is_some()
    }

    /// The words of the topic that carry meaning.
    pub fn topic_words(&self) -> Vec<String> {
        let named = if self.topic.named { self.topic.text.as_str() } else { "" };
        distinct(content_words(named).into_iter().map(str::to_owned))
    }

    /// Every tone by name.
    pub fn tone_labels(&self) -> Vec<String> {
        let known = self.tones.iter().map(|tone| tone.label().to_owned());
        known.chain(self.other_tones.iter().cloned()).collect()
    }

    /// What a text is expected to take up, the topic first.
    pub fn terms(&self) -> Vec<Term> {
        let mut terms = Terms::default();
        if self.topic.named {
            terms.add(&self.topic.text, 3.0, 12);
        } else {
            let telling = terms::frequent(&self.facts.join(" "), 6);
            telling.iter().for_each(|(word, _)| terms.add(word, 2.0, 1));
        }
        for phrase in &self.must_include {
            terms.add(phrase, 2.0, 6);
        }
        for section in &self.sections {
            terms.add(section, 1.5, 4);
        }
        terms.add(self.audience.as_deref().unwrap_or(""), 1.0, 5);
        terms.add(self.business.as_deref().unwrap_or(""), 1.0, 3);
        terms.add(self.call_to_action.as_deref().unwrap_or(""), 0.5, 4);
        terms.add(&self.facts.join(" "), 0.4, 15);
        terms.finish()
    }

    /// Nothing asked for is said twice, and what is to be avoided is not asked for.
    pub fn settle(&mut self) {
        let topic = self.topic.text.clone();
        self.sections
            .retain(|section| !contains_phrase(&topic, section) || section.contains(' '));
        let avoid = self.avoid.clone();
        let avoided = |phrase: &String| avoid.iter().any(|word| contains_phrase(phrase, word));
        self.must_include.retain(|phrase| !avoided(phrase));
        self.sections.retain(|section| !avoided(section));
        self.facts.retain(|fact| !avoided(fact));
    }
}

#[cfg(test)]
mod tests {
    use super::Brief;
    use super::fixes;
    use crate::port::Context;

    fn brief(request: &str) -> Brief {
        Brief::of(&Context {
            request: request.to_owned(),
            ..Context::default()
        })
    }

    #[test]
    fn a_request_is_read_whole() {
        let brief = brief(
            "Write a friendly 300-word blog post about cold brew coffee for home baristas, covering beans and water. \
             Mention \"overnight steep\". We roast in Oslo. Avoid jargon.",
        );
        assert_eq!(brief.kind.label(), "blog post");
        assert_eq!(brief.topic.text, "cold brew coffee");
        assert_eq!(brief.audience.as_deref(), Some("home baristas"));
        assert_eq!(brief.tone_labels(), ["friendly"]);
        assert_eq!(brief.target_words(), 300);
        assert_eq!(brief.sections, ["beans", "water"]);
        assert_eq!(brief.must_include, ["overnight steep"]);
        assert_eq!(brief.facts, ["We roast in Oslo."]);
        assert_eq!(brief.avoid, ["jargon"]);
    }

    #[test]
    fn feedback_changes_what_is_asked_for() {
        let mut brief = brief("Write a blog post about tea");
        let before = brief.target_words();
        brief.apply(&fixes::read(&["make it shorter and mention oolong".to_owned()]));
        assert!(brief.target_words() < before);
        assert_eq!(brief.must_include, ["oolong"]);
    }

    #[test]
    fn any_text_can_be_read() {
        for request in [
            "",
            "?",
            "こんにちは世界",
            "{{request}}",
            "a",
            "\u{0}",
            "\"",
            "for for for for",
            &"x ".repeat(8000),
        ] {
            let brief = brief(request);
            assert!(brief.target_words() > 0, "{request}");
        }
    }
}
