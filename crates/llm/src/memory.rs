//! What was learned from earlier tasks, as a planner is told it.

use serde_json::{Map, Value};

/// What the learner offers for a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// The best first.
    pub patterns: Vec<KnownPattern>,
    /// Remembered preferences; what the request says itself goes before.
    pub preferences: Map<String, Value>,
    /// What goes with how earlier tasks went, a sentence each; associations, no causes.
    pub associations: Vec<String>,
}

/// A way of working that went well before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KnownPattern {
    /// UUID.
    pub pattern_id: String,
    /// What it was good for, in words.
    pub intent: String,
    /// A plan document whose own values are slots `{"$slot": "name"}`.
    pub plan: Value,
    /// Tasks that it rests on.
    pub evidence: u64,
    /// Of the tasks that used it, the share that succeeded, 0-1; none: not used again yet.
    pub success_rate: Option<f64>,
    /// Mean overall quality, 0-1.
    pub quality: Option<f64>,
    /// What people noted on it, and issues known; may be empty.
    pub note: String,
}

/// What became of a pattern that was offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternUse {
    /// UUID.
    pub pattern_id: String,
    /// Taken or not.
    pub decision: PatternDecision,
    /// Why.
    pub reason: String,
}

/// Whether a plan follows a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternDecision {
    /// As it is, with values of its own.
    Adopted,
    /// In part.
    Adapted,
    /// Not at all.
    Refused,
}

impl PatternDecision {
    /// As messages and documents say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Adopted => "adopted",
            Self::Adapted => "adapted",
            Self::Refused => "refused",
        }
    }

    /// The plan rests on the pattern.
    pub fn is_used(self) -> bool {
        self != Self::Refused
    }
}
