use super::checks::{Checks, is_subject_token};
use super::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The NATS server with JetStream.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NatsConfig {
    /// `nats://host:port` or `tls://host:port`; several separated by commas.
    pub url: String,
    /// User name, where the server asks for one.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// First token of every subject and, in capitals, of every stream name.
    pub prefix: String,
}

impl Default for NatsConfig {
    fn default() -> Self {
        Self {
            url: "nats://127.0.0.1:4222".to_owned(),
            user: None,
            password: None,
            prefix: "orchestrator".to_owned(),
        }
    }
}

impl NatsConfig {
    pub(super) fn check(&self, checks: &mut Checks) {
        let known = |url: &str| {
            ["nats://", "tls://", "ws://", "wss://"]
                .iter()
                .any(|scheme| url.starts_with(scheme))
        };
        if !self.url.split(',').all(|url| known(url.trim())) {
            checks.add("nats.url", "not a NATS address", "write nats://host:port");
        }
        if !is_subject_token(&self.prefix) {
            checks.add(
                "nats.prefix",
                "a prefix is a part of a subject",
                "use 1 to 64 letters, digits, `-` and `_`",
            );
        }
        if self.user.is_some() != self.password.is_some() {
            checks.add(
                "nats.user",
                "user and password come together",
                "set both nats.user and nats.password, or neither",
            );
        }
    }
}
