use super::checks::Checks;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The orchestrator as an MCP server: `/mcp` beside the REST interface.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct McpConfig {
    /// Whether `/mcp` is served.
    pub enabled: bool,
    /// Names under which clients reach it, as `host` or `host:port`; a request with another `Host` gets 403. Behind an ingress: the ingress's.
    pub allowed_hosts: Vec<String>,
    /// Origins of web pages that may use it, as `scheme://host:port` or `scheme://host:*`; a request with another `Origin` than these and `Host` itself gets 403, one without any is no web page's.
    pub allowed_origins: Vec<String>,
    /// How what waits for a person may be decided over it: `elicitation` by forms that the client shows to its user, `tool` by the tool `decide` too, which the client's model calls by itself, `off` not at all.
    pub decisions: Decisions,
}

/// Who may decide over `/mcp`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Decisions {
    // No docs on the variants: with them the schema is a `oneOf`, whose errors do not name the choices.
    #[default]
    Elicitation,
    Tool,
    Off,
}

impl Decisions {
    /// As it is written in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Elicitation => "elicitation",
            Self::Tool => "tool",
            Self::Off => "off",
        }
    }
}

impl Default for McpConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            allowed_hosts: ["127.0.0.1", "localhost", "[::1]"].map(str::to_owned).to_vec(),
            allowed_origins: Vec::new(),
            decisions: Decisions::default(),
        }
    }
}

impl McpConfig {
    pub(super) fn check(&self, checks: &mut Checks) {
        if self.enabled && self.allowed_hosts.is_empty() {
            checks.add(
                "mcp.allowed_hosts",
                "nobody could reach it",
                "name the host that clients use, or set mcp.enabled = false",
            );
        }
        for host in self.allowed_hosts.iter().filter(|host| !is_authority(host)) {
            checks.add(
                "mcp.allowed_hosts",
                format!("{host:?} is not a host"),
                "write \"host\" or \"host:port\", without scheme and path",
            );
        }
        for origin in self.allowed_origins.iter().filter(|origin| !is_origin(origin)) {
            checks.add(
                "mcp.allowed_origins",
                format!("{origin:?} is not an origin with a port"),
                "write \"https://host:443\" or \"http://host:*\"",
            );
        }
    }
}

/// `host` or `host:port`, IPv6 addresses in brackets.
fn is_authority(text: &str) -> bool {
    match split_port(text) {
        (host, Some(port)) => is_host(host) && port.parse::<u16>().is_ok(),
        (host, None) => is_host(host),
    }
}

fn is_origin(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let (host, port) = split_port(rest);
    matches!(scheme, "http" | "https")
        && is_host(host)
        && port.is_some_and(|port| port == "*" || port.parse::<u16>().is_ok())
}

fn split_port(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    }
}

fn is_host(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    match inner {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
        }
    }
}
