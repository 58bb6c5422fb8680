//! CPU and memory by process, and the figures of a cell.

use super::driver::Measured;
use crate::dev_file::DevFile;
use crate::processes::{self, Usage};
use serde::Serialize;
use std::collections::BTreeMap;

/// Processes to account for: name to process id.
pub type Roots = BTreeMap<String, u32>;

/// Every process of `dev.json`; replicas of a service count together with it.
pub fn roots(dev: &DevFile) -> Roots {
    dev.services
        .iter()
        .filter_map(|service| Some((service.name.clone(), service.pid?)))
        .collect()
}

/// CPU seconds of each process tree now.
pub fn cpu(roots: &Roots) -> BTreeMap<String, f64> {
    roots
        .iter()
        .map(|(name, pid)| (name.clone(), processes::cpu_seconds(*pid)))
        .collect()
}

/// CPU and memory of each process tree now.
pub fn usage(roots: &Roots) -> BTreeMap<String, Usage> {
    roots
        .iter()
        .map(|(name, pid)| (name.clone(), processes::usage(*pid)))
        .collect()
}

/// One line of `bench.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// `orchestrator`, `restate`, or one of our further cells.
    pub name: String,
    /// Tasks kept going.
    pub in_flight: usize,
    /// Completed inside the window.
    pub tasks: usize,
    /// Rate inside the window.
    pub tasks_per_second: f64,
    /// From POST sent to completed event received.
    pub p50_ms: f64,
    /// The same.
    pub p99_ms: f64,
    /// User and system time of services, NATS and Postgres; the load generator's is not in it.
    pub cpu_seconds_per_1000: f64,
    /// Resident memory with shared pages split among their users, at the end of the window.
    pub resident_mb: f64,
    /// By process, for the printed table.
    #[serde(skip)]
    pub processes: BTreeMap<String, Share>,
}

/// What one process had in a cell.
#[derive(Clone, Copy, Debug, Default)]
pub struct Share {
    /// CPU seconds per 1,000 tasks.
    pub cpu_per_1000: f64,
    /// MiB, shared pages split.
    pub resident_mb: f64,
}

/// The figures of a cell, from CPU at both edges of its window and memory at its end.
pub fn run(
    name: &str,
    in_flight: usize,
    measured: &Measured,
    edges: &[BTreeMap<String, f64>],
    end: &BTreeMap<String, Usage>,
) -> Run {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let thousands = (measured.tasks.max(1)) as f64 / 1000.0;
    let at = |edge: Option<&BTreeMap<String, f64>>, name: &str| {
        edge.and_then(|edge| edge.get(name).copied()).unwrap_or_default()
    };
    let processes: BTreeMap<String, Share> = end
        .iter()
        .map(|(name, usage)| {
            let cpu = at(edges.last(), name) - at(edges.first(), name);
            (
                name.clone(),
                Share {
                    cpu_per_1000: cpu / thousands,
                    resident_mb: usage.proportional_mb,
                },
            )
        })
        .collect();
    Run {
        name: name.to_owned(),
        in_flight,
        tasks: measured.tasks,
        tasks_per_second: rounded(measured.rate(), 1),
        p50_ms: rounded(measured.quantile_ms(0.5), 2),
        p99_ms: rounded(measured.quantile_ms(0.99), 2),
        cpu_seconds_per_1000: rounded(processes.values().map(|share| share.cpu_per_1000).sum(), 3),
        resident_mb: rounded(processes.values().map(|share| share.resident_mb).sum(), 1),
        processes,
    }
}

fn rounded(value: f64, digits: i32) -> f64 {
    let factor = 10_f64.powi(digits);
    (value * factor).round() / factor
}
