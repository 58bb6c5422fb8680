//! Secrets and personal data are taken out of everything that leaves as training data.
//!
//! Every text of a record is looked through, but for the few members that hold names of the system's own; so a member
//! that is added is looked through, too. What is found becomes a placeholder; the same value is the same one within a
//! record. Scrubbing what was scrubbed changes nothing.

mod kinds;
mod record;
#[cfg(test)]
mod tests;

pub use kinds::Kind;
pub use record::Scrubbed;

use kinds::{Letters, Pattern};
use regex::Regex;
use std::collections::BTreeMap;

/// Patterns that do not work.
#[derive(Debug, thiserror::Error)]
#[error("a pattern of what is taken out of training data cannot be used")]
pub struct BadPattern(#[from] regex::Error);

/// Takes secrets and personal data out of texts.
#[derive(Clone, Debug)]
pub struct Scrubber {
    patterns: Vec<Pattern>,
    placeholder: Regex,
}

impl Scrubber {
    /// With the operator's own patterns beside the built-in ones.
    ///
    /// # Errors
    /// When one of them is no pattern.
    pub fn new(custom: &[String]) -> Result<Self, BadPattern> {
        // The operator's own first: what they find may hold what a built-in one would take out of its middle.
        let own = custom.iter().map(|pattern| kinds::custom(pattern));
        let mut patterns: Vec<Pattern> = own.collect::<Result<_, _>>()?;
        patterns.extend(kinds::built_in()?);
        Ok(Self {
            patterns,
            placeholder: Regex::new("<([a-z_]{2,12})_([0-9]{1,9})>")?,
        })
    }

    /// One text by itself.
    pub fn text(&self, text: &str) -> String {
        let cleaned = self.begin(text).clean(text);
        cleaned.unwrap_or_else(|| text.to_owned())
    }

    /// Texts that belong together, of which this is all that was written so far.
    fn begin<'s>(&'s self, written: &str) -> Session<'s> {
        let mut next: BTreeMap<Kind, u64> = BTreeMap::new();
        for found in self.placeholder.captures_iter(written) {
            let (_, [name, number]) = found.extract();
            let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
            if let Some((kind, number)) = kind.zip(number.parse().ok()) {
                let next = next.entry(kind).or_default();
                *next = (*next).max(number);
            }
        }
        Session {
            scrubber: self,
            next,
            known: BTreeMap::new(),
            counts: BTreeMap::new(),
        }
    }
}

/// The texts of one record.
struct Session<'s> {
    scrubber: &'s Scrubber,
    next: BTreeMap<Kind, u64>,
    known: BTreeMap<(Kind, String), u64>,
    counts: BTreeMap<Kind, u64>,
}

impl Session<'_> {
    /// The placeholder of a value.
    fn hide(&mut self, kind: Kind, value: &str) -> String {
        *self.counts.entry(kind).or_default() += 1;
        let number = match self.known.get(&(kind, value.to_owned())) {
            Some(number) => *number,
            None => {
                let next = self.next.entry(kind).or_default();
                *next += 1;
                self.known.insert((kind, value.to_owned()), *next);
                *next
            }
        };
        format!("<{}_{number}>", kind.name())
    }

    /// The text without what must not be in it; none: there was nothing.
    fn clean(&mut self, text: &str) -> Option<String> {
        let scrubber = self.scrubber;
        let letters = Letters::of(text);
        let mut cleaned: Option<String> = None;
        // A placeholder brings no letters that another pattern looks for.
        for pattern in scrubber.patterns.iter().filter(|pattern| (pattern.may_be_in)(&letters)) {
            if let Some(next) = self.replace(pattern, cleaned.as_deref().unwrap_or(text)) {
                cleaned = Some(next);
            }
        }
        cleaned
    }

    fn replace(&mut self, pattern: &Pattern, text: &str) -> Option<String> {
        if !pattern.regex.is_match(text) {
            return None;
        }
        let mut out = String::new();
        let mut taken = 0;
        for found in pattern.regex.captures_iter(text) {
            let Some(it) = found.name("it").or_else(|| found.get(0)) else {
                continue;
            };
            let Some(length) = (pattern.is_real)(&found, text) else {
                continue;
            };
            let end = it.start() + length;
            let value = text.get(it.start()..end).unwrap_or_default();
            if it.start() < taken || value.is_empty() || self.scrubber.placeholder.is_match(value) {
                continue;
            }
            out.push_str(text.get(taken..it.start()).unwrap_or_default());
            out.push_str(&self.hide(pattern.kind, value));
            taken = end;
        }
        if taken == 0 {
            return None;
        }
        out.push_str(text.get(taken..).unwrap_or_default());
        Some(out)
    }

    fn is_placeholder(&self, text: &str) -> bool {
        let found = self.scrubber.placeholder.find(text);
        found.is_some_and(|found| found.len() == text.len())
    }
}
