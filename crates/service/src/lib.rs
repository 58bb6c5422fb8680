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
pub use run::run;
