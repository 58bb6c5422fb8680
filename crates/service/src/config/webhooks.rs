use super::checks::{Checks, is_subject_token};
use super::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Every event there is or will be, as subscribers know them.
pub const EVENTS: &[(&str, &[&str])] = &[
    (
        "task",
        &[
            "submitted",
            "planned",
            "executing",
            "assessed",
            "refining",
            "formatted",
            "awaiting_approval",
            "needs_attention",
            "paused",
            "resumed",
            "publishing",
            "completed",
            "rejected",
            "failed",
            "cancelled",
        ],
    ),
    ("step", &["queued", "started", "succeeded", "failed", "skipped"]),
    ("gate", &["opened", "decided", "expired"]),
    ("tool", &["discovered", "changed", "suspended"]),
    (
        "model",
        &[
            "registered",
            "validated",
            "canary",
            "promoted",
            "rolled_back",
            "inconclusive",
            "failed",
        ],
    ),
    ("pattern", &["activated", "demoted", "retired"]),
];

/// A receiver that is told of events, each posted as it is on the events stream, signed as Standard Webhooks has it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// What logs and metrics call it. Under another name it is another webhook, told of what happens from then on.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// Where events are posted. Its host is thereby allowed, loopback and private ones too. After an answer of 410 nothing
    /// is posted there any more; another URL begins anew.
    #[schemars(extend("format" = "http-url"))]
    pub url: String,
    /// Signing secrets (`whsec_…`): one, or while it is replaced the new and the old one, and each signs.
    #[schemars(length(min = 1, max = 2))]
    pub secrets: Vec<Secret>,
    /// Which events: `gate.opened`, all of an entity (`gate.*`), or all (`*`).
    #[serde(default = "waiting_gates")]
    #[schemars(length(min = 1, max = 64))]
    pub events: Vec<String>,
    /// Seconds the receiver has for its answer.
    #[serde(default = "default_timeout")]
    #[schemars(range(min = 0.1, max = 120.0))]
    pub timeout_seconds: f64,
    /// Seconds after which an event that the receiver did not take is given up.
    #[serde(default = "default_give_up_after")]
    #[schemars(range(min = 1.0, max = 2_592_000.0))]
    pub give_up_after_seconds: f64,
}

fn waiting_gates() -> Vec<String> {
    vec!["gate.opened".to_owned()]
}

const fn default_timeout() -> f64 {
    15.0
}

const fn default_give_up_after() -> f64 {
    3.0 * 86_400.0
}

impl WebhookConfig {
    /// Whether it is told of events of this kind, such as `gate.opened`.
    pub fn wants(&self, event: &str) -> bool {
        self.events.iter().any(|pattern| covers(pattern, event))
    }

    pub(super) fn check_all(webhooks: &[Self], checks: &mut Checks) {
        for webhook in webhooks {
            let at = format!("webhooks[{}]", webhook.name);
            if !is_subject_token(&webhook.name) {
                checks.add(
                    &format!("{at}.name"),
                    "a name has letters, digits, `-` and `_`",
                    "rename it",
                );
            }
            for pattern in webhook.events.iter().filter(|pattern| !means_something(pattern)) {
                checks.add(
                    &format!("{at}.events"),
                    format!("there is no event `{pattern}`"),
                    "write an event such as `gate.opened`, an entity such as `gate.*`, or `*`",
                );
            }
        }
    }
}

fn covers(pattern: &str, event: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some("") => true,
        Some(prefix) => prefix.ends_with('.') && event.starts_with(prefix),
        None => pattern == event,
    }
}

fn means_something(pattern: &str) -> bool {
    let mut all = EVENTS
        .iter()
        .flat_map(|(entity, events)| events.iter().map(move |event| format!("{entity}.{event}")));
    all.any(|event| covers(pattern, &event))
}

#[cfg(test)]
mod tests {
    use super::{covers, means_something};

    #[test]
    fn a_pattern_is_an_event_an_entity_or_everything() {
        for (pattern, event, expected) in [
            ("gate.opened", "gate.opened", true),
            ("gate.opened", "gate.decided", false),
            ("gate.*", "gate.decided", true),
            ("gate.*", "task.completed", false),
            ("*", "step.started", true),
            ("ga*", "gate.opened", false),
        ] {
            assert_eq!(covers(pattern, event), expected, "{pattern} {event}");
        }
        for nothing in [
            "",
            "gate",
            "gate.",
            "gate.open",
            "*.opened",
            "gates.*",
            "ga*",
            "GATE.OPENED",
        ] {
            assert!(!means_something(nothing), "{nothing}");
        }
    }
}
