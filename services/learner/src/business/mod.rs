//! Business metrics: points that people report, and what may be said of them beside the tasks that were done.
//!
//! What is said has a level of evidence, and only the words of that level ([`level`]). Which level holds is decided by
//! [`compare`] and [`memory`], pure; the strongest comparison that is possible decides, whatever it comes to.

mod analysis;
mod compare;
mod finding;
mod level;
mod memory;
mod point;
mod query;
mod report;
mod requested;
mod settle;
mod together;
mod window;

#[cfg(test)]
mod simulation;

pub use analysis::analyse;
pub use point::Point;
pub use query::Query;
pub use report::take;
pub use requested::{Request, Requested, requested};
pub use settle::Settling;
pub use together::Association;
