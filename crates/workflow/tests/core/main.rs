//! Tests of the core as a whole, and of the shape that keeps it pure.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod architecture;
mod properties;
mod simulation;
mod tables;
