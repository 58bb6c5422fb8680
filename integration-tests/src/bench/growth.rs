//! Whether speed and memory depend on how many tasks are stored.

use super::figures::Run;

/// What grew from one point of history to a later one.
#[derive(Clone, Debug)]
pub struct Growth {
    /// What is compared, with the concurrency.
    pub what: String,
    /// At the earlier point.
    pub before: f64,
    /// At the later one.
    pub after: f64,
}

/// Latency, CPU and memory of the cells both have in common.
pub fn between(before: &[Run], after: &[Run]) -> Vec<Growth> {
    let pairs = after.iter().filter_map(|late| {
        let early = before.iter().find(|early| early.in_flight == late.in_flight)?;
        Some((early, late))
    });
    pairs.flat_map(|(early, late)| compared(early, late)).collect()
}

fn compared(early: &Run, late: &Run) -> Vec<Growth> {
    let nats = |run: &Run| run.processes.get("nats").map_or(0.0, |share| share.resident_mb);
    let services = |run: &Run| {
        let own = run
            .processes
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "nats" | "postgres"));
        own.map(|(_, share)| share.resident_mb).sum::<f64>()
    };
    let at = late.in_flight;
    let growth = |what: &str, before: f64, after: f64| Growth {
        what: format!("{what} at {at}"),
        before,
        after,
    };
    vec![
        growth("tasks/s", early.tasks_per_second, late.tasks_per_second),
        growth("p50 ms", early.p50_ms, late.p50_ms),
        growth("p99 ms", early.p99_ms, late.p99_ms),
        growth("CPU-s/1,000", early.cpu_seconds_per_1000, late.cpu_seconds_per_1000),
        growth("NATS MB", nats(early), nats(late)),
        growth("services MB", services(early), services(late)),
    ]
}

/// One line a figure.
pub fn table(growths: &[Growth]) -> String {
    let line = |growth: &Growth| {
        let percent = if growth.before > 0.0 {
            (growth.after / growth.before - 1.0) * 100.0
        } else {
            0.0
        };
        format!(
            "{:<22} {:>10.2} {:>10.2} {:>+8.1} %",
            growth.what, growth.before, growth.after, percent
        )
    };
    growths.iter().map(line).collect::<Vec<_>>().join("\n")
}
