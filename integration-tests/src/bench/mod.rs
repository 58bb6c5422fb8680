//! The load benchmark: a closed-loop driver, figures from `/proc`, and the rival beside it.

pub mod cell;
pub mod completions;
pub mod configuration;
pub mod connection;
pub mod driver;
pub mod figures;
pub mod growth;
pub mod restate;
pub mod table;
