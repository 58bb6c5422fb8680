use super::facts::Tally;
use super::settings::Limits;
use serde::{Deserialize, Serialize};

/// A bound that holds for the challenger whatever the control does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Too many tasks failed.
    Failures,
    /// Tasks cost too much.
    Cost,
    /// Tasks take too long.
    Latency,
}

/// The first that is exceeded. Failures are a share of all that were assigned, since failing is often faster than
/// succeeding: a share of those that ended would be too high at first.
pub fn exceeded(tally: &Tally, limits: &Limits) -> Option<Limit> {
    let of_ended = |sum: f64| sum / tally.ended.max(1) as f64;
    let above = |mean: f64, limit: Option<f64>| limit.is_some_and(|limit| mean > limit);
    if tally.assigned.max(1) < limits.tasks {
        return None;
    }
    if tally.failed as f64 / tally.assigned.max(1) as f64 > limits.failed {
        return Some(Limit::Failures);
    }
    if tally.ended < limits.tasks {
        return None;
    }
    if above(of_ended(tally.cost_usd), limits.cost_usd) {
        return Some(Limit::Cost);
    }
    above(of_ended(tally.seconds), limits.seconds).then_some(Limit::Latency)
}
