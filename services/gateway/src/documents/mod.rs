//! Request documents: shape and ranges, every fault told at once.
//!
//! What needs knowledge of tools, channels or policy is the coordinator's to judge.

pub mod approve;
pub mod arguments;
pub mod business_metrics;
pub mod export;
mod faults;
pub mod feedback;
mod fields;
pub mod fork;
mod names;
mod plan;
mod preferences;
pub mod process;
pub mod retry;
pub mod review;
pub mod stated;
pub mod tool;

pub use names::is_hidden;
