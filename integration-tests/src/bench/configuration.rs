//! The system under load: nothing but our own machinery takes time.

use crate::plans;
use serde_json::{Value, json};

/// Null model for every role, null channel, approval by itself. A plan may fan out as wide as it is long.
pub const CONFIG: &str = r#"
[llm.roles]
planner = "null"
writer = "null"
judge = "null"

[[channels]]
name = "null"
kind = "null"

[policy]
auto_approve = true
auto_approve_min_quality = 0.0
channels = ["null"]
max_steps = 200
max_fan_out = 198
"#;

/// The workload: planned by the null model into five steps, one, three side by side, one.
pub fn request() -> Value {
    json!({
        "request": "Write a short report on what our shop sold this week, friendly tone, for the team channel",
        "auto_approve": true,
        "preferences": {"channels": ["null"]},
    })
}

/// Two hundred steps: one, 198 side by side, one.
pub fn two_hundred_steps() -> Value {
    plans::unattended("Two hundred steps that do nothing", plans::layers(198, 1), &["null"])
}
