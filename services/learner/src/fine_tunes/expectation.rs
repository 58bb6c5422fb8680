//! What a job is expected to cost, and what it did.

use super::tune::{Examples, Wanted};

/// Bytes of a token, about: what models make of plain text. More tokens come of what is no English.
const TOKEN_BYTES: u64 = 4;
const MILLION: f64 = 1_000_000.0;

/// Tokens of going through the examples once, about.
pub fn tokens_once(examples: &Examples) -> u64 {
    examples.train.bytes.div_ceil(TOKEN_BYTES)
}

/// USD, about; none: the price is not known, or how often the examples are gone through.
pub fn usd(examples: &Examples, wanted: &Wanted) -> Option<f64> {
    let epochs = u64::from(wanted.hyperparameters.n_epochs?);
    cost(examples, tokens_once(examples).saturating_mul(epochs))
}

/// USD of so many tokens; none: the price is not known.
pub fn cost(examples: &Examples, tokens: u64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a cost, not a count")]
    let millions = tokens as f64 / MILLION;
    Some(millions * examples.usd_per_million_tokens?)
}
