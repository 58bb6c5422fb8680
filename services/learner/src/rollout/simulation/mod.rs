//! Experiments whose truth is known, looked at after every unit by the functions that decide real ones; beside them what
//! people usually do, which has to fail in the same harness.

mod canary;
mod cheaper;
mod failures;
mod nulls;
mod order;
mod power;
mod world;

use super::*;
use workflow::rollout::Share;
use workflow::time::{Millis, Timestamp};
use world::{Run, World};

/// As delivered, with everybody exposed from the beginning.
fn settings() -> Settings {
    Settings {
        steps: vec![Step {
            exposed: Share::ALL,
            units: 0,
            lasts: Millis(0),
        }],
        ..Settings::default()
    }
}

fn rate(runs: &[Run], of: impl Fn(&Run) -> bool) -> f64 {
    runs.iter().filter(|run| of(run)).count() as f64 / runs.len() as f64
}

/// What `share` may come to in so many runs, three standard deviations allowed.
fn at_most(share: f64, runs: u32) -> f64 {
    share + 3.0 * (share * (1.0 - share) / f64::from(runs)).sqrt()
}

/// Likewise what it has to come to.
fn at_least(share: f64, runs: u32) -> f64 {
    share - 3.0 * (share * (1.0 - share) / f64::from(runs)).sqrt()
}

fn median(values: impl Iterator<Item = usize>) -> usize {
    let mut values: Vec<usize> = values.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}
