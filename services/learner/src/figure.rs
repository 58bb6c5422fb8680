//! A measured figure as documents show it.

use crate::interval::Estimate;
use chrono::{DateTime, Utc};
use serde::Serialize;

/// `{value, n, interval, window}`; the value is null where nothing was measured, and null is never 0.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    value: Option<f64>,
    n: u64,
    /// 95 %; null where there is too little to tell.
    interval: Option<[f64; 2]>,
    window: Option<Window>,
}

/// Whose tasks' ends a figure is about. RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Window {
    since: String,
    until: String,
}

impl Figure {
    /// Measured in `window`.
    pub fn new(estimate: Estimate, window: Option<Window>) -> Self {
        Self {
            value: estimate.value,
            n: estimate.n,
            interval: estimate.interval,
            window,
        }
    }
}

impl Window {
    /// From `since` to `until`.
    pub fn new(since: DateTime<Utc>, until: DateTime<Utc>) -> Self {
        let time = |time: DateTime<Utc>| service::clock::rfc3339(time.timestamp_millis());
        Self {
            since: time(since),
            until: time(until),
        }
    }
}
