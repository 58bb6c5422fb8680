//! `POST /tasks/{id}/feedback`.

use super::faults::Faults;
use super::fields::Fields;
use super::names::{MAX_NAME, unfit_name};
use crate::identifiers;
use crate::refusal::Refusal;
use serde::Serialize;
use serde_json::{Map, Value};

const COMMENT_CHARACTERS: usize = 16_384;

/// What somebody says of a task, as the learner reads it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Feedback {
    /// From 1, bad, to 5, good; 1 and 2 take a success back.
    pub rating: Option<i64>,
    /// In words.
    pub comment: Option<String>,
    /// The quality dimension it is about; absent: the whole.
    pub dimension: Option<String>,
    /// The step it is about; absent: the whole.
    pub step_id: Option<String>,
}

/// Reads and checks feedback.
///
/// # Errors
/// 422 with every fault.
pub fn read(body: Map<String, Value>) -> Result<Feedback, Refusal> {
    let mut faults = Faults::default();
    let mut fields = Fields::new(body, "", &mut faults);
    let document = Feedback {
        rating: fields.integer("rating", 1..=5),
        comment: fields
            .text("comment", 0..=COMMENT_CHARACTERS)
            .filter(|text| !text.trim().is_empty()),
        dimension: dimension(&mut fields),
        step_id: step(&mut fields),
    };
    fields.finish();
    if faults.len() == 0 && document.rating.is_none() && document.comment.is_none() {
        faults.value("", "a rating from 1 to 5 or a comment is required");
    }
    faults.check(document)
}

fn dimension(fields: &mut Fields) -> Option<String> {
    let name = fields.text("dimension", 1..=MAX_NAME)?;
    if let Some(why) = unfit_name(&name).filter(|_| !name.is_empty()) {
        fields.fault("dimension", why);
    }
    Some(name)
}

fn step(fields: &mut Fields) -> Option<String> {
    let text = fields.text("step_id", 0..=64)?;
    let id = identifiers::parse(&text);
    if id.is_none() {
        fields.fault("step_id", "must be a UUID");
    }
    id.map(|id| id.to_string())
}
