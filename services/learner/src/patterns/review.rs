//! What people decide about patterns.

use super::Patterns;
use super::standing::State;
use crate::store::StoreError;
use contracts::problem::{FieldError, Problem};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

const MAX_NOTE_CHARS: usize = 2000;

/// What is decided; what is absent stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Review {
    /// Never [`State::Candidate`].
    pub state: Option<State>,
    pub pinned: Option<bool>,
    /// Empty: taken away.
    pub note: Option<String>,
}

/// Why a decision is not noted.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// Of that member of the document.
    #[error("/{member}: {why}")]
    Unfit { member: &'static str, why: &'static str },
    /// The database did not play along.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Review {
    /// Reads `{state?, pinned?, note?}`.
    ///
    /// # Errors
    /// Which member cannot be, and why.
    pub fn parse(text: &str) -> Result<Self, ReviewError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Document {
            state: Option<String>,
            pinned: Option<bool>,
            note: Option<String>,
        }
        let unfit = |member, why| ReviewError::Unfit { member, why };
        let document: Document =
            serde_json::from_str(text).map_err(|_| unfit("", "a review is {state?, pinned?, note?}"))?;
        let state = match document.state.as_deref().map(State::parse) {
            None => None,
            Some(Some(State::Candidate) | None) => {
                return Err(unfit("state", "can be trial, active, demoted or retired"));
            }
            Some(state) => state,
        };
        if document
            .note
            .as_ref()
            .is_some_and(|note| note.chars().count() > MAX_NOTE_CHARS || note.contains('\0'))
        {
            return Err(unfit("note", "must be at most 2000 characters, without NUL"));
        }
        let review = Self {
            state,
            pinned: document.pinned,
            note: document.note,
        };
        if review == Self::default() {
            return Err(unfit("", "must have a state, pinned or a note"));
        }
        Ok(review)
    }
}

impl Patterns {
    /// Notes what `actor` decides; the pattern as it is then. None: the tenant has no such pattern.
    ///
    /// # Errors
    /// When it cannot be read, or the database does not take it.
    pub async fn review(
        &self,
        tenant: &str,
        actor: &str,
        id: Uuid,
        review: &str,
    ) -> Result<Option<Value>, ReviewError> {
        let review = Review::parse(review)?;
        if !self.store.review(tenant, actor, id, &review).await? {
            return Ok(None);
        }
        Ok(self.one(tenant, id).await?)
    }
}

impl From<ReviewError> for Problem {
    fn from(error: ReviewError) -> Self {
        match error {
            ReviewError::Unfit { member, why } => {
                let pointer = if member.is_empty() {
                    String::new()
                } else {
                    format!("/{member}")
                };
                Self::new(422, "validation", format!("{pointer}: {why}")).with_errors(vec![FieldError {
                    pointer,
                    detail: why.to_owned(),
                }])
            }
            ReviewError::Store(error) => crate::rpc::away(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_review_says_something_and_nothing_that_evidence_decides() {
        let parsed = Review::parse(r#"{"state":"retired","pinned":null,"note":""}"#).unwrap();
        assert_eq!(
            (parsed.state, parsed.pinned, parsed.note.as_deref()),
            (Some(State::Retired), None, Some(""))
        );
        let long = format!("{{\"note\":{:?}}}", "x".repeat(2001));
        let unfit = [
            ("{}", ""),
            ("[]", ""),
            (r#"{"pinned":"yes"}"#, ""),
            (r#"{"states":"active"}"#, ""),
            (r#"{"state":"candidate"}"#, "state"),
            (r#"{"state":"great"}"#, "state"),
            (r#"{"note":"a\u0000b"}"#, "note"),
            (long.as_str(), "note"),
        ];
        for (text, member) in unfit {
            let refused = Review::parse(text);
            assert!(
                matches!(&refused, Err(ReviewError::Unfit { member: found, .. }) if *found == member),
                "{text}: {refused:?}"
            );
        }
    }
}
