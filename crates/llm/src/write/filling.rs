//! Slots of a saying filled from a brief.

use crate::brief::Brief;
use crate::brief::kind::Shape;
use crate::text::phrases::capitalised;

/// What sayings are filled with.
#[derive(Clone, Debug)]
pub struct Filling {
    topic: String,
    short: String,
    readers: String,
    kind: String,
}

impl Filling {
    pub fn new(brief: &Brief) -> Self {
        let readers = if brief.kind.shape == Shape::Lines {
            "you"
        } else {
            "readers"
        };
        Self {
            topic: brief.topic.text.clone(),
            short: brief.topic.short.clone(),
            readers: brief.audience.clone().unwrap_or_else(|| readers.to_owned()),
            kind: brief.label.clone(),
        }
    }

    /// The saying with every slot filled; begins with a capital.
    pub fn fill(&self, saying: &str, aspect: &str) -> String {
        let filled = saying
            .replace("{topic}", &self.topic)
            .replace("{short}", &self.short)
            .replace("{readers}", &self.readers)
            .replace("{kind}", &self.kind)
            .replace("{aspect}", aspect);
        capitalised(&filled)
    }
}

#[cfg(test)]
mod tests {
    use super::Filling;
    use crate::brief::Brief;
    use crate::port::Context;

    #[test]
    fn every_slot_is_filled() {
        let brief = Brief::of(&Context {
            request: "Write a memo about parking for staff".to_owned(),
            ..Context::default()
        });
        let filled = Filling::new(&brief).fill("{short}, {topic}: a {kind} for {readers} on {aspect}.", "space");
        assert_eq!(filled, "Parking, parking: a memo for staff on space.");
    }
}
