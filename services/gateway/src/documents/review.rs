//! `PATCH /learning-patterns/{pattern_id}`.

use super::faults::Faults;
use super::fields::Fields;
use crate::refusal::Refusal;
use serde::Serialize;
use serde_json::{Map, Value};

const NOTE_CHARACTERS: usize = 2_000;
const STATES: [&str; 4] = ["trial", "active", "demoted", "retired"];

/// What people decide about a pattern, as the learner reads it; absent members stay as they are.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Review {
    /// `trial` or `active`: offered, by people's word. `demoted` or `retired`: not offered.
    pub state: Option<String>,
    /// Always offered, never demoted.
    pub pinned: Option<bool>,
    /// In words, for people and planners. Empty: taken away.
    pub note: Option<String>,
}

/// Reads and checks a review.
///
/// # Errors
/// 422 with every fault.
pub fn read(body: Map<String, Value>) -> Result<Review, Refusal> {
    let mut faults = Faults::default();
    let mut fields = Fields::new(body, "", &mut faults);
    let review = Review {
        state: fields.text("state", 1..=20),
        pinned: fields.flag("pinned"),
        note: fields.text("note", 0..=NOTE_CHARACTERS),
    };
    if review.state.as_deref().is_some_and(|state| !STATES.contains(&state)) {
        fields.fault("state", format!("must be one of {}", STATES.join(", ")));
    }
    fields.finish();
    if faults.len() == 0 && review == Review::default() {
        faults.value("", "a state, pinned or a note is required");
    }
    faults.check(review)
}
