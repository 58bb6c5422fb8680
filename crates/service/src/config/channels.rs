use super::apis::{Method, default_key_ttl};
use super::auth::AuthConfig;
use super::checks::Checks;
use super::effects::Effects;
use super::headers::{self, Headers};
use super::mcp_servers::McpServerConfig;
use super::probe::ProbeConfig;
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
    /// headers, `http` calls an API by template, `mcp` calls a tool of a server, `null` drops them.
    pub kind: ChannelKind,
    /// Folder of a `directory`, relative to `service.state_dir`. Absent: `published/<name>`.
    #[serde(default)]
    pub path: Option<PathBuf>,
    /// Receiver of a `webhook`, or of an `http` channel, whose path may be a template over `title`, `content`,
    /// `content_type`, `content_hash`, `slug`, `channel`, `task_id` and `key`. Its host is thereby allowed, loopback and private ones too.
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
    /// Method of an `http` channel.
    #[serde(default = "post")]
    pub method: Method,
    /// Headers of an `http` channel, templates too. A value may be `{ env = "NAME" }` or `{ file = "path" }`.
    #[serde(default, serialize_with = "headers::redacted")]
    pub headers: Headers,
    /// How an `http` channel authenticates; as of an API.
    #[serde(default)]
    pub auth: Option<AuthConfig>,
    /// Body of an `http` channel, a template over the same names as `url`. Absent: all of them as JSON.
    #[serde(default)]
    pub body: Option<Value>,
    /// Answers by which an `http` channel knows that it was done. Empty: every 2xx.
    #[serde(default)]
    pub success: Vec<u16>,
    /// JSON Pointer to where the publication is, within the answer of an `http` channel.
    #[serde(default)]
    pub location_pointer: Option<String>,
    /// Header of the answer of an `http` channel that says where the publication is.
    #[serde(default)]
    pub location_header: Option<String>,
    /// Header in which a `keyed` `http` channel sends its key.
    #[serde(default = "default_idempotency_header")]
    pub idempotency_header: String,
    /// How to find out whether an `http` channel published: `{ url, found = { pointer, equals | exists },
    /// location_pointer }`; for `queryable`.
    #[serde(default)]
    pub probe: Option<ProbeConfig>,
    /// What repeating a publication does. Absent: `once` for `http` and `mcp`, else `keyed`.
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
    Http,
    Null,
}

const fn default_timeout() -> f64 {
    30.0
}

const fn post() -> Method {
    Method::Post
}

fn default_idempotency_header() -> String {
    "idempotency-key".to_owned()
}

impl ChannelConfig {
    /// What repeating a publication does, the default filled in.
    pub fn effects(&self) -> Effects {
        self.effects.unwrap_or(match self.kind {
            ChannelKind::Http | ChannelKind::Mcp => Effects::Once,
            ChannelKind::Directory | ChannelKind::Webhook | ChannelKind::Null => Effects::Keyed,
        })
    }

    /// Folder of a `directory`, relative to `service.state_dir`.
    pub fn directory(&self) -> PathBuf {
        self.path
            .clone()
            .unwrap_or_else(|| PathBuf::from("published").join(&self.name))
    }

    /// Scheme, host and port of `url`, and its path with the query, which is a template of an `http` channel.
    pub fn target(&self) -> (&str, &str) {
        split(self.url())
    }

    /// The same of the probe's URL.
    pub fn probe_path(&self) -> Option<&str> {
        self.probe.as_ref().map(|probe| split(&probe.url).1)
    }

    /// Receiver of a `webhook` or `http` channel; a loaded configuration has one.
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
                checks.add(&format!("{at}.{key}"), format!("only {kind} has it"), "remove it");
            }
        };
        let sends = matches!(self.kind, ChannelKind::Webhook | ChannelKind::Http);
        if self.kind != ChannelKind::Directory {
            foreign(self.path.is_some(), "path", "a directory", checks);
        }
        if self.kind != ChannelKind::Webhook {
            foreign(self.secret.is_some(), "secret", "a webhook", checks);
        }
        if self.kind == ChannelKind::Http {
            self.check_http(&at, checks);
        } else {
            for (key, set) in self.of_http() {
                foreign(set, key, "an http channel", checks);
            }
        }
        if !sends {
            foreign(self.url.is_some(), "url", "a webhook or http channel", checks);
            let may = self.kind == ChannelKind::Mcp;
            foreign(
                self.effects.is_some() && !may,
                "effects",
                "a webhook, http or mcp channel",
                checks,
            );
        } else if self.url.is_none() {
            checks.add(&format!("{at}.url"), "it needs a receiver", "write url = \"https://…\"");
        }
        let http = self.kind == ChannelKind::Http;
        if matches!(self.effects, Some(Effects::ReadOnly)) || (!http && self.effects == Some(Effects::Queryable)) {
            checks.add(
                &format!("{at}.effects"),
                "publishing is `keyed` or `once`; for an http channel `queryable`, too",
                "use `keyed` where the receiver de-duplicates by the key, else `once`",
            );
        }
    }

    /// Keys that an http channel alone has, and whether they are set.
    fn of_http(&self) -> [(&'static str, bool); 9] {
        [
            ("method", self.method != Method::Post),
            ("headers", !self.headers.is_empty()),
            ("auth", self.auth.is_some()),
            ("body", self.body.is_some()),
            ("success", !self.success.is_empty()),
            ("location_pointer", self.location_pointer.is_some()),
            ("location_header", self.location_header.is_some()),
            (
                "idempotency_header",
                self.idempotency_header != default_idempotency_header(),
            ),
            ("probe", self.probe.is_some()),
        ]
    }

    fn check_http(&self, at: &str, checks: &mut Checks) {
        headers::check(&format!("{at}.headers"), &self.headers, checks);
        if let Some(auth) = &self.auth {
            auth.check(&format!("{at}.auth"), checks);
        }
        for (key, name) in [
            ("idempotency_header", Some(&self.idempotency_header)),
            ("location_header", self.location_header.as_ref()),
        ] {
            if name.is_some_and(|name| !headers::is_header_name(name)) {
                let fix = "write letters, digits and `-`";
                checks.add(&format!("{at}.{key}"), "not the name of a header", fix);
            }
        }
        if (self.effects() == Effects::Queryable) != self.probe.is_some() {
            checks.add(
                &format!("{at}.probe"),
                "`queryable` and a probe belong together",
                "set both, or neither",
            );
        }
        let elsewhere = |probe: &ProbeConfig| split(&probe.url).0 != split(self.url()).0;
        if self.probe.as_ref().is_some_and(elsewhere) {
            checks.add(
                &format!("{at}.probe.url"),
                "another server than the channel's url",
                "ask the server that is published to",
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

/// A URL's scheme, host and port, which are no template, and the rest.
fn split(url: &str) -> (&str, &str) {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url.get(host..).and_then(|rest| rest.find(['/', '?', '#']));
    end.and_then(|end| url.split_at_checked(host + end))
        .unwrap_or((url, ""))
}
