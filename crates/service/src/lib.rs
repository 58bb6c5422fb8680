//! What every binary does: configuration, telemetry, health, shutdown, clock and ids.

pub mod clock;
pub mod config;
pub mod health;
pub mod ids;
pub mod metrics;
pub mod ready;
pub mod telemetry;

mod context;
mod flags;
mod run;
mod signals;

pub use context::Context;
pub use run::{run, run_checked};

/// Every service allocates and frees many small things of mixed lives, which not every system's
/// allocator is quick at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
