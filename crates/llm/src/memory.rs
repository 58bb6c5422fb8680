//! What was learned from earlier tasks, as a planner is told it.

use serde_json::Value;

/// What the learner offers for a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// The best first.
    pub patterns: Vec<KnownPattern>,
    /// Remembered preferences; what the request says itself goes before.
    pub preferences: Vec<KnownPreference>,
    /// What goes with how earlier tasks went, a sentence each; associations, no causes.
    pub associations: Vec<String>,
    /// What goes wrong with tools that the plan may use, what is in most tasks first.
    pub issues: Vec<KnownIssue>,
}

/// What went wrong in earlier tasks, and what would put it right. Condition and hint are other people's and models' words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownIssue {
    /// UUID.
    pub issue_id: String,
    /// `acceptance_check_failed` and the like.
    pub code: String,
    /// The tool it happens with.
    pub tool_id: String,
    /// A check, a dimension, a code of errors or a channel; may be empty.
    pub condition: String,
    /// What would be better.
    pub hint: String,
    /// The issue was gone when a step ran again with it.
    pub repaired: bool,
    /// Tasks that had it, of those that it could be seen in.
    pub tasks: u64,
    /// Those that it could be seen in.
    pub of: u64,
}

impl KnownIssue {
    /// On one line: `writer_agent: quality_below_threshold (tone), in 12 of 40 tasks; put right by: "…"`.
    pub fn in_words(&self) -> String {
        let condition = if self.condition.is_empty() {
            String::new()
        } else {
            format!(" ({})", self.condition)
        };
        let by = if self.repaired {
            "put right by"
        } else {
            "what was said of it"
        };
        format!(
            "{}: {}{condition}, in {} of {} tasks; {by}: {:?}",
            self.tool_id, self.code, self.tasks, self.of, self.hint
        )
    }
}

/// What the user is known to prefer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KnownPreference {
    /// `tone` and the like; `linkedin.emoji` is about one channel's text.
    pub name: String,
    /// What is preferred.
    pub value: Value,
    /// `explicit`, somebody said so; else what it was learned from: edit, rating or behaviour.
    pub source: String,
    /// Whose it is: user, team or tenant.
    pub scope: String,
    /// 0-1; 1: somebody said so.
    pub strength: f64,
}

impl KnownPreference {
    /// For people: `tone "formal" (stated by the user)`.
    pub fn in_words(&self) -> String {
        let whose = match self.scope.as_str() {
            "user" => "the user",
            "team" => "the team",
            _ => "everybody here",
        };
        let how = match self.source.as_str() {
            "explicit" => format!("stated by {whose}"),
            "edit" => format!("learned from edits of {whose}"),
            "rating" => format!("learned from what {whose} approved and rated"),
            _ => format!("learned from what {whose} asked for"),
        };
        format!("{} {} ({how})", self.name, self.value)
    }
}

/// A way of working that went well before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KnownPattern {
    /// UUID.
    pub pattern_id: String,
    /// It is a part of plans: steps to have among others.
    pub fragment: bool,
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
    /// How much more often tasks that were offered it went well than tasks it was withheld from; none: too little is known.
    pub uplift: Option<Uplift>,
    /// What people noted on it, and issues known; may be empty.
    pub note: String,
}

/// A difference of the shares of tasks that went well, -1 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Uplift {
    pub value: f64,
    /// 95 %.
    pub interval: [f64; 2],
    /// Tasks compared.
    pub n: u64,
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
