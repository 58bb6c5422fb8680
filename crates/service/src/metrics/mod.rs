//! Counters, gauges and histograms in the text form that Prometheus reads, and by OTLP where that is on.

pub mod gen_ai;
mod histogram;
pub mod names;
mod otlp;
mod registry;

pub use histogram::{Distribution, Histogram};
pub use registry::{Counter, Gauge, Registry};

/// Name and help text of a metric; all stand in [`names`].
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// What scrapers see.
    pub name: &'static str,
    /// What it counts, with its labels and unit.
    pub help: &'static str,
}
