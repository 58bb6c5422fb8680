//! The body of a frozen request.
//!
//! What is sent must be what was frozen. A large body is frozen by its hash: the deliverable it is made
//! of is fixed by the job, so it can be made again and compared.

use crate::deliverable::sha256_hex;
use crate::failure::RunFailure;
use serde::{Deserialize, Serialize};

/// Longer bodies do not go through the ledger.
const MAX_INLINE_BYTES: usize = 256 << 10;

/// A body, or its hash.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrozenContent {
    /// As it is sent.
    Body(String),
    /// Lower-case hex SHA-256 of what is sent.
    BodySha256(String),
}

impl FrozenContent {
    pub fn freeze(body: &str) -> Self {
        if body.len() <= MAX_INLINE_BYTES {
            Self::Body(body.to_owned())
        } else {
            Self::BodySha256(sha256_hex(body))
        }
    }

    /// The body to send; `make` makes it again.
    ///
    /// # Errors
    /// `effect_request` when what would be made now is not what was frozen.
    pub fn thaw(self, make: impl FnOnce() -> String) -> Result<String, RunFailure> {
        match self {
            Self::Body(body) => Ok(body),
            Self::BodySha256(hash) => {
                let body = make();
                if sha256_hex(&body) == hash {
                    Ok(body)
                } else {
                    let message = "this executor makes other bytes of the deliverable than were frozen";
                    Err(RunFailure::permanent("effect_request", message))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_body_is_frozen_by_hash_and_compared() {
        let large = "x".repeat(MAX_INLINE_BYTES + 1);
        let frozen = FrozenContent::freeze(&large);
        assert!(matches!(frozen, FrozenContent::BodySha256(_)));
        assert_eq!(frozen.clone().thaw(|| large.clone()), Ok(large));
        assert_eq!(frozen.thaw(|| "other".to_owned()).unwrap_err().code, "effect_request");
        assert_eq!(FrozenContent::freeze("a").thaw(|| "b".to_owned()).as_deref(), Ok("a"));
    }
}
