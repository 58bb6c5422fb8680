//! Counters and gauges in the text form that Prometheus reads.

pub mod names;
mod registry;

pub use registry::{Counter, Gauge, Registry};

/// Name and help text of a metric; all stand in [`names`].
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// What scrapers see.
    pub name: &'static str,
    /// What it counts, with its labels and unit.
    pub help: &'static str,
}
