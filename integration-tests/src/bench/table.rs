//! Figures for people.

use super::figures::Run;
use std::collections::BTreeSet;

/// One line a cell.
pub fn summary(runs: &[Run]) -> String {
    let mut lines = vec![format!(
        "{:<24} {:>9} {:>8} {:>10} {:>9} {:>9} {:>12} {:>9}",
        "run", "in flight", "tasks", "tasks/s", "p50 ms", "p99 ms", "CPU-s/1,000", "MB"
    )];
    lines.extend(runs.iter().map(|run| {
        format!(
            "{:<24} {:>9} {:>8} {:>10.1} {:>9.2} {:>9.2} {:>12.3} {:>9.1}",
            run.name,
            run.in_flight,
            run.tasks,
            run.tasks_per_second,
            run.p50_ms,
            run.p99_ms,
            run.cpu_seconds_per_1000,
            run.resident_mb
        )
    }));
    lines.join("\n")
}

/// CPU-seconds per 1,000 tasks and resident MB of each process, one column a cell.
pub fn by_process(runs: &[Run]) -> String {
    let names: BTreeSet<&str> = runs
        .iter()
        .flat_map(|run| run.processes.keys().map(String::as_str))
        .collect();
    let heads: Vec<String> = runs
        .iter()
        .map(|run| format!("{:>18}", format!("{} @{}", shortened(&run.name), run.in_flight)))
        .collect();
    let mut lines = vec![format!("{:<16} {}", "CPU-s/1,000 | MB", heads.join(" "))];
    for name in names {
        let cells = runs.iter().map(|run| match run.processes.get(name) {
            Some(share) => format!(
                "{:>18}",
                format!("{:.3} | {:.1}", share.cpu_per_1000, share.resident_mb)
            ),
            None => format!("{:>18}", ""),
        });
        lines.push(format!("{name:<16} {}", cells.collect::<Vec<_>>().join(" ")));
    }
    lines.join("\n")
}

fn shortened(name: &str) -> &str {
    name.strip_prefix("orchestrator-").unwrap_or(name)
}
