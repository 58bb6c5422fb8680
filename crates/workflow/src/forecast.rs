//! What a planner expects of its plan.

use serde::Serialize;

/// The numbers that are told with a plan. Nothing is decided by them; null is not known.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Forecast {
    /// Overall score, 0-1.
    pub quality: Option<f64>,
    /// USD of one run of every step.
    pub cost_usd: Option<f64>,
    /// Seconds along the critical path.
    pub duration_seconds: Option<f64>,
}
