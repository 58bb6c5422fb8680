use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Events for subscribers.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EventsConfig {
    /// `step` tells everything, `task` leaves the events of steps out.
    pub detail: EventDetail,
    /// Days an event stays on the stream.
    #[schemars(range(min = 0.01, max = 3650.0))]
    pub max_age_days: f64,
}

/// How much is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum EventDetail {
    // No docs on the variants: with them the schema is a `oneOf`, whose errors do not name the choices.
    #[default]
    Step,
    Task,
}

impl Default for EventsConfig {
    fn default() -> Self {
        Self {
            detail: EventDetail::Step,
            max_age_days: 7.0,
        }
    }
}
