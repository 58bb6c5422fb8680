//! What users, teams and tenants prefer.
//!
//! Statements are kept and never changed; what holds at a time is decided from them each time it is asked. People's own
//! words go before their edits, edits before ratings, ratings before what they ask for again and again; a user's
//! preference goes before their team's, a team's before the tenant's.

mod answers;
mod belief;
mod document;
mod features;
mod holding;
mod outcome;
mod taught;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

pub use answers::Preferences;
pub use holding::{Held, Viewpoint};
pub use outcome::Outcome;
pub use taught::{Taught, taught};

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

/// Whose preference it is. The nearest goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// One person's.
    User,
    /// Of those whom the configuration lists.
    Team,
    /// Everybody's.
    Tenant,
}

impl Scope {
    /// As documents and rows say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Team => "team",
            Self::Tenant => "tenant",
        }
    }

    /// Reads what [`Self::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::User, Self::Team, Self::Tenant]
            .into_iter()
            .find(|scope| scope.as_str() == text)
    }
}

/// What a statement rests on. The strongest goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Somebody said so.
    Explicit,
    /// Somebody changed a draft so.
    Edit,
    /// Somebody was content with it, or was not.
    Rating,
    /// Somebody asked for it in a request.
    Behaviour,
}

impl Source {
    /// As documents and rows say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Explicit => "explicit",
            Self::Edit => "edit",
            Self::Rating => "rating",
            Self::Behaviour => "behaviour",
        }
    }

    /// Reads what [`Self::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Explicit, Self::Edit, Self::Rating, Self::Behaviour]
            .into_iter()
            .find(|source| source.as_str() == text)
    }
}

/// One thing that was said or shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// In the order in which they were made, where all else is the same.
    pub id: Uuid,
    pub scope: Scope,
    /// The user or the team; empty: the tenant.
    pub subject: String,
    pub key: String,
    /// None: taken back.
    pub value: Option<Value>,
    pub source: Source,
    /// It speaks against the value.
    pub against: bool,
    pub weight: f64,
    /// From when on it counts.
    pub valid_at: DateTime<Utc>,
    /// Since when it is known here.
    pub recorded_at: DateTime<Utc>,
    /// The task that shows it.
    pub task: Option<Uuid>,
}
