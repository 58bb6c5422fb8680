//! Files that are sound, and those that are not.

mod adapters;
mod claims;
pub mod made;
mod sound;
mod unsound;
