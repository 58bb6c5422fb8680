//! Quality issues to avoid: what goes wrong where, what would put it right, and whether saying so stops it.
//!
//! Each ended task is read once for what went wrong in it. What is seen often enough is told to plannings, but for one in
//! ten by lot, so that those told can be compared with those that were not. A hint that does not help is not told any more.

mod advice;
mod code;
mod complaints;
mod document;
mod hint;
mod sightings;
#[cfg(test)]
mod simulation;
pub mod standing;
#[cfg(test)]
mod tests;
mod told;

pub use code::Code;
pub use document::documents;
pub use hint::{cleaned, shortened};
pub use sightings::{Kind, Reading, read};
pub use told::known;

use uuid::Uuid;
use workflow::hash::Fingerprint;

/// Characters of a tool's name, and of a condition.
pub const MOST_NAME_CHARS: usize = 200;

/// Of an issue's hint: the same for the same words, whoever says them in which task. It is kept no longer than the words.
pub fn hint_key(issue: Uuid, hint: &str) -> Uuid {
    let parts = [b"hint".as_slice(), issue.as_bytes(), hint.as_bytes()];
    Uuid::from_bytes(Fingerprint::of(parts).to_bytes())
}

/// An issue's id: the same for the same issue of a tenant, wherever it is seen first.
pub fn id(tenant: &str, kind: &Kind) -> Uuid {
    let parts = ["issue", tenant, kind.code.as_str(), &kind.tool, &kind.condition];
    Uuid::from_bytes(Fingerprint::of(parts.map(str::as_bytes)).to_bytes())
}
