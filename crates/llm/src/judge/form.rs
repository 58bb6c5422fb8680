//! What a text of its kind, on its channel, is expected to look like.

use crate::brief::Brief;
use crate::brief::kind::Shape;
use crate::write::{character_limit, is_social};

/// Expectations of form.
#[derive(Clone, Debug)]
pub struct Form {
    pub shape: Shape,
    /// Words below which it is too short.
    pub least: usize,
    pub most: Option<usize>,
    pub max_chars: Option<usize>,
    /// Sections with headings are expected.
    pub headed: bool,
}

impl Form {
    /// Of a text for `channel`, or for nobody in particular where that is empty.
    pub fn of(brief: &Brief, channel: &str) -> Self {
        if is_social(channel) {
            let limit = character_limit(channel);
            let short = limit.is_some_and(|limit| limit <= 300);
            return Self {
                shape: Shape::Post,
                least: if short { 8 } else { 35 },
                most: Some(if short { 60 } else { 320 }),
                max_chars: limit,
                headed: false,
            };
        }
        let shape = brief.kind.shape;
        let least = brief.least_words();
        let prose = matches!(
            shape,
            Shape::Article | Shape::Study | Shape::Steps | Shape::Faq | Shape::Comparison
        );
        Self {
            shape,
            least,
            most: brief.max_words(),
            max_chars: brief.max_chars(),
            headed: prose && least >= 150,
        }
    }
}
