use super::apis::default_key_ttl;
use super::checks::Checks;
use super::effects::Effects;
use super::mcp_servers::McpServerConfig;
use super::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::PathBuf;

/// Where approved results go.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelConfig {
    /// What requests and deliverables call it.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// How results get there: `directory` writes one Markdown file a deliverable, `webhook` posts with Standard Webhooks
    /// headers, `mcp` calls a tool of a server, `null` drops them.
    pub kind: ChannelKind,
    /// Folder of a `directory`, relative to `service.state_dir`. Absent: `published/<name>`.
    #[serde(default)]
    pub path: Option<PathBuf>,
    /// Receiver of a `webhook`. Its host is thereby allowed, loopback and private ones too.
    #[serde(default)]
    #[schemars(extend("format" = "http-url"))]
    pub url: Option<String>,
    /// Signing secret of a `webhook` (`whsec_…`). Absent: not signed.
    #[serde(default)]
    pub secret: Option<Secret>,
    /// Server of `mcp`: one of `mcp_servers`.
    #[serde(default)]
    pub server: Option<String>,
    /// Tool of `mcp`, as its server knows it.
    #[serde(default)]
    pub tool: Option<String>,
    /// Arguments of the tool, a template over title, content, content_type, content_hash and channel. Absent: title and
    /// content.
    #[serde(default)]
    pub arguments: Option<Map<String, Value>>,
    /// What repeating a publication does. Absent: `keyed` for a `webhook`, `once` for `mcp`.
    #[serde(default)]
    pub effects: Option<Effects>,
    /// Seconds the receiver remembers a `webhook-id`; for `keyed`.
    #[serde(default = "default_key_ttl")]
    #[schemars(range(min = 1.0, max = 31_536_000.0))]
    pub key_ttl_seconds: f64,
    /// Seconds one publication may take.
    #[serde(default = "default_timeout")]
    #[schemars(range(min = 0.1, max = 3600.0))]
    pub timeout_seconds: f64,
}

/// How results get to a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ChannelKind {
    // No docs on the variants: with them the schema is a `oneOf`, whose errors do not name the choices.
    Directory,
    Webhook,
    Mcp,
    Null,
}

const fn default_timeout() -> f64 {
    30.0
}

impl ChannelConfig {
    /// What repeating a publication does, the default filled in.
    pub fn effects(&self) -> Effects {
        self.effects.unwrap_or(match self.kind {
            ChannelKind::Mcp => Effects::Once,
            ChannelKind::Directory | ChannelKind::Webhook | ChannelKind::Null => Effects::Keyed,
        })
    }

    /// Folder of a `directory`, relative to `service.state_dir`.
    pub fn directory(&self) -> PathBuf {
        self.path
            .clone()
            .unwrap_or_else(|| PathBuf::from("published").join(&self.name))
    }

    /// Receiver of a `webhook`; a loaded configuration has one.
    pub fn url(&self) -> &str {
        self.url.as_deref().unwrap_or_default()
    }

    pub(super) fn check_all(channels: &[Self], servers: &[McpServerConfig], checks: &mut Checks) {
        for channel in channels {
            channel.check(checks);
            channel.check_tool(servers, checks);
        }
    }

    fn check(&self, checks: &mut Checks) {
        let at = format!("channels[{}]", self.name);
        if self.name.contains(['/', '\\', '.', ' ']) || self.name.chars().any(char::is_control) {
            checks.add(&format!("{at}.name"), "a name has no slash, dot or space", "rename it");
        }
        let foreign = |set: bool, key: &str, kind: &str, checks: &mut Checks| {
            if set {
                checks.add(&format!("{at}.{key}"), format!("only a {kind} has it"), "remove it");
            }
        };
        if self.kind != ChannelKind::Directory {
            foreign(self.path.is_some(), "path", "directory", checks);
        }
        if self.kind != ChannelKind::Webhook {
            foreign(self.url.is_some(), "url", "webhook", checks);
            foreign(self.secret.is_some(), "secret", "webhook", checks);
            if self.kind != ChannelKind::Mcp {
                foreign(self.effects.is_some(), "effects", "webhook or mcp", checks);
            }
        } else if self.url.is_none() {
            checks.add(
                &format!("{at}.url"),
                "a webhook needs a receiver",
                "write url = \"https://…\"",
            );
        }
        if matches!(self.effects, Some(Effects::Queryable | Effects::ReadOnly)) {
            checks.add(
                &format!("{at}.effects"),
                "publishing is `keyed` or `once`",
                "use `keyed` where the receiver de-duplicates by webhook-id, else `once`",
            );
        }
    }

    fn check_tool(&self, servers: &[McpServerConfig], checks: &mut Checks) {
        let at = format!("channels[{}]", self.name);
        let is_mcp = self.kind == ChannelKind::Mcp;
        let keys = [
            ("server", self.server.is_some(), is_mcp),
            ("tool", self.tool.is_some(), is_mcp),
            ("arguments", self.arguments.is_some(), false),
        ];
        for (key, set, needed) in keys {
            if set && !is_mcp {
                checks.add(&format!("{at}.{key}"), "only an mcp has it", "remove it");
            } else if needed && !set {
                checks.add(
                    &format!("{at}.{key}"),
                    "required by this kind and not set",
                    format!("set {key}"),
                );
            }
        }
        let unknown = |name: &&String| is_mcp && !servers.iter().any(|server| server.name == **name);
        if let Some(name) = self.server.as_ref().filter(unknown) {
            let reason = format!("there is no server `{name}`");
            checks.add(&format!("{at}.server"), reason, "name one of [[mcp_servers]]");
        }
    }
}
