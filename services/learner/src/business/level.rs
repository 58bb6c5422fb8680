//! Levels of evidence, and the words each may use.

use serde::{Serialize, Serializer};

/// How much a statement may claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What was before, and what after.
    Descriptive = 0,
    /// A series beside its own past.
    SingleSeries = 1,
    /// A series beside others that were not touched.
    Controlled = 2,
    /// Groups that chance made.
    Randomised = 3,
}

impl Level {
    #[cfg(test)]
    pub const ALL: [Self; 4] = [
        Self::Descriptive,
        Self::SingleSeries,
        Self::Controlled,
        Self::Randomised,
    ];

    /// What a level may say, and none below it.
    pub const fn says(self) -> &'static str {
        match self {
            Self::Descriptive => "changed from",
            Self::SingleSeries => "changed more than its past suggests",
            Self::Controlled => "is consistent with an effect of",
            Self::Randomised => "caused",
        }
    }

    /// Words that claim as much as this level, so that no lower one may use them.
    #[cfg(test)]
    pub const fn words(self) -> &'static [&'static str] {
        match self {
            Self::Descriptive => &[],
            Self::SingleSeries => &["more than", "less than", "past", "unusual", "suggest", "significant"],
            Self::Controlled => &["consistent with", "effect"],
            Self::Randomised => &[
                "caus",
                "because",
                "due to",
                "led to",
                "result of",
                "thanks to",
                "impact",
                "improv",
                "worsen",
                "drove",
                "lift",
                "boost",
                "hurt",
            ],
        }
    }
}

impl Serialize for Level {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(*self as u8)
    }
}

/// The most that may be said of a task, of the levels its metrics reached; none where nothing can be said of any.
pub fn level_for(reached: impl IntoIterator<Item = Option<Level>>) -> Option<Level> {
    reached.into_iter().flatten().max()
}
