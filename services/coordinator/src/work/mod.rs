//! Work items: what a queued job needs to be run by somebody who has no database.

pub mod account;
pub mod body;
pub mod compose;
pub mod item;
pub mod pace;
