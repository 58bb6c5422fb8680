//! What the coordinator counts.

use service::metrics::{Counter, Registry, names};
use std::time::Duration;

/// Handles on the coordinator's counters.
#[derive(Clone, Debug)]
pub struct Metrics {
    applied: Counter,
    batches: Counter,
    conflicts: Counter,
    quarantined: Counter,
    busy_micros: Counter,
    swept: Counter,
}

impl Metrics {
    pub fn new(registry: &Registry) -> Self {
        Self {
            applied: registry.counter(names::INPUTS, &[("outcome", "applied")]),
            conflicts: registry.counter(names::INPUTS, &[("outcome", "conflict")]),
            batches: registry.counter(names::BATCHES, &[]),
            quarantined: registry.counter(names::QUARANTINED, &[]),
            busy_micros: registry.counter(names::WRITER_BUSY, &[]),
            swept: registry.counter(names::SWEPT, &[]),
        }
    }

    /// A commit wrote this many tasks.
    pub fn committed(&self, tasks: usize) {
        self.batches.inc();
        self.applied.add(tasks as u64);
    }

    /// A batch was written, which took so long.
    pub fn batch_seconds(&self, took: Duration) {
        self.busy_micros
            .add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// A version guard failed: another replica was first.
    pub fn conflict(&self) {
        self.conflicts.inc();
    }

    pub fn quarantined(&self) {
        self.quarantined.inc();
    }

    pub fn swept(&self, tasks: usize) {
        self.swept.add(tasks as u64);
    }
}
