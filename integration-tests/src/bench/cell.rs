//! One cell: a target at one concurrency, measured.

use super::driver::{Target, drive};
use super::figures::{Roots, Run, cpu, run, usage};
use anyhow::{Context as _, Result};
use std::time::Duration;

/// How long cells take.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Before the window.
    pub warm_up: Duration,
    /// Measured.
    pub window: Duration,
    /// Repetitions of each cell; the median by rate is reported.
    pub rounds: usize,
}

/// Measures one cell; returns its figures and how many tasks it ran in all.
///
/// # Errors
/// A task failed or got lost.
pub async fn measure(name: &str, target: &Target, roots: &Roots, in_flight: usize, pace: Pace) -> Result<(Run, usize)> {
    let mut edges = Vec::new();
    let measured = drive(target, in_flight, pace.warm_up, pace.window, || edges.push(cpu(roots)))
        .await
        .with_context(|| format!("{name} at {in_flight} in flight"))?;
    let figures = run(name, in_flight, &measured, &edges, &usage(roots));
    Ok((figures, measured.stored))
}

/// The middle one by rate.
pub fn median(mut runs: Vec<Run>) -> Option<Run> {
    runs.sort_by(|a, b| a.tasks_per_second.total_cmp(&b.tasks_per_second));
    let middle = runs.len() / 2;
    runs.into_iter().nth(middle)
}
