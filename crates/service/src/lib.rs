//! What every binary does: configuration, telemetry, health, shutdown, clock and ids.

pub mod config;
