use super::agents::AgentConfig;
use super::apis::{ApiConfig, default_key_ttl};
use super::auth::AuthConfig;
use super::checks::Checks;
use super::effects::Effects;
use super::headers::{self, Headers};
use super::retry::RetryConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A server of the Model Context Protocol whose tools are tools here: `<server>.<tool>`. It is started with `command`, or
/// reached at `url`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct McpServerConfig {
    /// First part of the tools' ids.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// Program and arguments, run as they stand, without a shell. The program sees PATH, HOME, LANG, TMPDIR and `env`.
    #[serde(default)]
    pub command: Vec<String>,
    /// Environment of `command`. A value may be `{ env = "NAME" }` or `{ file = "path" }`.
    #[serde(default, serialize_with = "headers::redacted")]
    pub env: Headers,
    /// Streamable HTTP endpoint. Its host is thereby allowed, loopback and private ones too.
    #[serde(default)]
    #[schemars(extend("format" = "http-url"))]
    pub url: Option<String>,
    /// Sent with every call of `url`. A value may be `{ env = "NAME" }` or `{ file = "path" }`.
    #[serde(default, serialize_with = "headers::redacted")]
    pub headers: Headers,
    /// How calls of `url` authenticate, as for APIs: `{ kind = "bearer", token }`, `{ kind = "header", name, value }`,
    /// `{ kind = "basic", user, password }` or `{ kind = "oauth_client_credentials", token_url, client_id,
    /// client_secret, client_auth, scopes, audience }`.
    #[serde(default)]
    pub auth: Option<AuthConfig>,
    /// What repeating a call of its tools does outside. What the server says of itself does not count.
    #[serde(default = "default_effects")]
    pub effects: Effects,
    /// Seconds the server remembers a key, which it finds under `_meta`; for `keyed`.
    #[serde(default = "default_key_ttl")]
    #[schemars(range(min = 1.0, max = 31_536_000.0))]
    pub key_ttl_seconds: f64,
    /// Names of the tools to serve, as the server knows them. Empty: all.
    #[serde(default)]
    pub enabled_tools: Vec<String>,
    /// Seconds one call may take.
    #[serde(default = "default_timeout")]
    #[schemars(range(min = 0.1, max = 86400.0))]
    pub timeout_seconds: f64,
    /// Calls at the same time; others wait.
    #[serde(default = "default_concurrency")]
    #[schemars(range(min = 1, max = 256))]
    pub max_concurrency: u32,
    /// Bytes of one message of the server beyond which the call fails.
    #[serde(default = "default_response_bytes")]
    #[schemars(range(min = 1024, max = 33_554_432))]
    pub max_response_bytes: u64,
    /// When failed attempts are repeated.
    #[serde(default)]
    pub retry: RetryConfig,
    /// What is different for single tools, by their name at the server: effects, requires_approval, timeout_seconds,
    /// category, estimated_cost, estimated_duration.
    #[serde(default)]
    pub tools: BTreeMap<String, McpToolConfig>,
}

/// What the operator says of one tool of a server.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct McpToolConfig {
    /// What repeating a call does outside. Absent: the server's.
    pub effects: Option<Effects>,
    /// A human is asked before each call.
    pub requires_approval: bool,
    /// Seconds one call may take. Absent: the server's.
    #[schemars(range(min = 0.1, max = 86400.0))]
    pub timeout_seconds: Option<f64>,
    /// For lists and searches. Absent: `mcp`.
    #[schemars(length(min = 1, max = 64))]
    pub category: Option<String>,
    /// USD a call. Absent: unknown.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub estimated_cost: Option<f64>,
    /// Seconds a call. Absent: unknown.
    #[schemars(range(min = 0.0, max = 86400.0))]
    pub estimated_duration: Option<f64>,
}

/// Where a server is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum McpEndpoint<'a> {
    /// A program of this machine: its name and arguments.
    Command(&'a str, &'a [String]),
    /// Streamable HTTP.
    Url(&'a str),
}

const fn default_effects() -> Effects {
    Effects::Once
}

const fn default_timeout() -> f64 {
    60.0
}

const fn default_concurrency() -> u32 {
    4
}

const fn default_response_bytes() -> u64 {
    8 << 20
}

impl McpServerConfig {
    /// Where it is; none: the configuration was not checked.
    pub fn endpoint(&self) -> Option<McpEndpoint<'_>> {
        match (self.command.split_first(), &self.url) {
            (Some((program, arguments)), None) => Some(McpEndpoint::Command(program, arguments)),
            (None, Some(url)) => Some(McpEndpoint::Url(url)),
            _ => None,
        }
    }

    /// What repeating a call of the tool does outside: the operator's word alone.
    pub fn effects_of(&self, tool: &str) -> Effects {
        self.tools.get(tool).and_then(|own| own.effects).unwrap_or(self.effects)
    }

    /// Seconds one call of the tool may take.
    pub fn timeout_of(&self, tool: &str) -> f64 {
        let own = self.tools.get(tool).and_then(|own| own.timeout_seconds);
        own.unwrap_or(self.timeout_seconds)
    }

    /// The longest of them all, in seconds.
    pub fn longest_timeout(&self) -> f64 {
        let own = self.tools.values().filter_map(|own| own.timeout_seconds);
        own.fold(self.timeout_seconds, f64::max)
    }

    /// The tool is to be served.
    pub fn serves(&self, tool: &str) -> bool {
        self.enabled_tools.is_empty() || self.enabled_tools.iter().any(|name| name == tool)
    }

    pub(super) fn check_all(servers: &[Self], apis: &[ApiConfig], agents: &[AgentConfig], checks: &mut Checks) {
        for server in servers {
            let at = format!("mcp_servers[{}]", server.name);
            server.check(&at, checks);
            let taken = apis.iter().any(|api| api.name == server.name)
                || agents.iter().any(|agent| agent.tool_id == server.name);
            if taken {
                checks.add(
                    &format!("{at}.name"),
                    "an API or an agent has this name",
                    "rename one of the two",
                );
            }
        }
    }

    fn check(&self, at: &str, checks: &mut Checks) {
        if !super::checks::is_subject_token(&self.name) {
            checks.add(
                &format!("{at}.name"),
                "not a name",
                "use letters, digits, `_` and `-`, at most 64",
            );
        }
        if self.endpoint().is_none() {
            let reason = "a server has either a command or a url";
            checks.add(
                &format!("{at}.command"),
                reason,
                "write command = [\"program\", …] or url = \"https://…\"",
            );
        }
        if self.command.first().is_some_and(String::is_empty) {
            checks.add(&format!("{at}.command"), "the program has no name", "name the program");
        }
        self.check_foreign(at, checks);
        headers::check(&format!("{at}.headers"), &self.headers, checks);
        if let Some(auth) = &self.auth {
            auth.check(&format!("{at}.auth"), checks);
        }
        for name in self
            .env
            .keys()
            .filter(|name| name.is_empty() || name.contains(['=', '\0']))
        {
            checks.add(&format!("{at}.env.{name}"), "not the name of a variable", "rename it");
        }
        let own = self
            .tools
            .iter()
            .map(|(name, tool)| (format!("{at}.tools.{name}.effects"), tool.effects));
        let server = (format!("{at}.effects"), Some(self.effects));
        for (key, _) in own
            .chain([server])
            .filter(|(_, effects)| *effects == Some(Effects::Queryable))
        {
            checks.add(
                &key,
                "this build cannot look up what a tool of a server did",
                "use `keyed` where the server de-duplicates by key, else `once`",
            );
        }
    }

    fn check_foreign(&self, at: &str, checks: &mut Checks) {
        let with_url = self.url.is_some();
        let keys = [
            ("env", !self.env.is_empty() && with_url, "command"),
            ("headers", !self.headers.is_empty() && !with_url, "url"),
            ("auth", self.auth.is_some() && !with_url, "url"),
        ];
        for (key, _, kind) in keys.iter().filter(|(_, foreign, _)| *foreign) {
            let reason = format!("only a server with a {kind} has it");
            checks.add(&format!("{at}.{key}"), reason, "remove it");
        }
    }
}
