use super::checks::{Checks, is_subject_token};
use super::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// The NATS server with JetStream.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NatsConfig {
    /// `nats://host:port` or `tls://host:port`; several separated by commas. `user:password@` may stand before the host.
    #[serde(serialize_with = "without_credentials")]
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

// By hand: the address may carry a password.
impl fmt::Debug for NatsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            url,
            user,
            password,
            prefix,
        } = self;
        f.debug_struct("NatsConfig")
            .field("url", &redacted(url))
            .field("user", user)
            .field("password", password)
            .field("prefix", prefix)
            .finish()
    }
}

fn without_credentials<S: Serializer>(urls: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&redacted(urls))
}

fn redacted(urls: &str) -> String {
    let one = |url: &str| match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            let (before, after) = (
                url.get(..scheme + 3).unwrap_or_default(),
                url.get(at..).unwrap_or_default(),
            );
            format!("{before}***{after}")
        }
        _ => url.to_owned(),
    };
    urls.split(',').map(one).collect::<Vec<_>>().join(",")
}
