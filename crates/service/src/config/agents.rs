use super::apis::ApiConfig;
use super::checks::Checks;
use super::effects::Effects;
use super::mcp_servers::McpServerConfig;
use super::retry::RetryConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A tool of the operator's own: a prompt with schemas, run by the model of role `writer`. The shipped agents are
/// such documents too.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentConfig {
    /// Letters, digits, `_` and `-`; a shipped agent of that id is replaced.
    #[schemars(length(min = 1, max = 128))]
    pub tool_id: String,
    /// For people. Absent: the id.
    #[serde(default)]
    pub name: Option<String>,
    /// What it does; the planner matches requests against it.
    #[schemars(length(min = 1))]
    pub description: String,
    /// research, writing, editing …
    #[serde(default = "default_category")]
    pub category: String,
    /// Instructions; `{{name}}` takes the value of an argument, of `request`, `preferences`, `business_metrics` or
    /// `feedback`. What is not named so is shown to the model below the prompt.
    #[schemars(length(min = 1))]
    pub prompt: String,
    /// JSON Schema of the arguments.
    #[serde(default = "any_object")]
    pub input_schema: Value,
    /// JSON Schema of the output.
    #[serde(default = "any_value")]
    pub output_schema: Value,
    /// Size of the model.
    #[serde(default)]
    pub tier: Tier,
    /// USD a call; absent: unknown. Where the model is free it is 0.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub estimated_cost: Option<f64>,
    /// Seconds a call; absent: unknown.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 86400.0))]
    pub estimated_duration: Option<f64>,
    /// Tools it may call by itself while it works, by id: API endpoints and tools of MCP servers with
    /// effects read_only, and `null`.
    #[serde(default)]
    #[schemars(length(max = 32))]
    pub tools: Vec<String>,
    /// Most calls of tools in one run.
    #[serde(default = "default_tool_calls")]
    #[schemars(range(max = 100))]
    pub max_tool_calls: u32,
    /// A human is asked before each call.
    #[serde(default)]
    pub requires_approval: bool,
    /// When failed attempts are repeated.
    #[serde(default)]
    pub retry: RetryConfig,
    /// Seconds one attempt may take.
    #[serde(default = "default_timeout")]
    #[schemars(range(min = 0.1, max = 86400.0))]
    pub timeout_seconds: f64,
}

/// Size of the model that runs an agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Tier {
    // No docs on the variants: with them the schema is a `oneOf`, whose errors do not name the choices.
    Small,
    #[default]
    Standard,
    Large,
}

fn default_category() -> String {
    "writing".to_owned()
}

pub(super) fn any_object() -> Value {
    json!({ "type": "object" })
}

pub(super) const fn any_value() -> Value {
    Value::Bool(true)
}

const fn default_timeout() -> f64 {
    180.0
}

const fn default_tool_calls() -> u32 {
    8
}

impl AgentConfig {
    /// Reads a document of its own, such as a shipped one.
    ///
    /// # Errors
    /// It is none.
    pub fn from_toml(document: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(document)
    }

    /// The name for people.
    pub fn display_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.tool_id)
    }

    pub(super) fn check_all(agents: &[Self], apis: &[ApiConfig], servers: &[McpServerConfig], checks: &mut Checks) {
        for agent in agents {
            let at = format!("agents[{}]", agent.tool_id);
            if !agent
                .tool_id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
            {
                checks.add(
                    &format!("{at}.tool_id"),
                    "not an id",
                    "use letters, digits, `_` and `-`",
                );
            }
            check_schema(&format!("{at}.input_schema"), &agent.input_schema, checks);
            check_schema(&format!("{at}.output_schema"), &agent.output_schema, checks);
            for tool in &agent.tools {
                agent.check_tool(tool, apis, servers, checks);
            }
        }
    }
}

impl AgentConfig {
    /// What has effects outside is a step, with its own licence and its own row in the ledger.
    fn check_tool(&self, tool: &str, apis: &[ApiConfig], servers: &[McpServerConfig], checks: &mut Checks) {
        let key = format!("agents[{}].tools", self.tool_id);
        let Some((effects, requires_approval)) = known(tool, apis, servers) else {
            if tool != "null" {
                let fix = "name an endpoint as `api.endpoint`, or a tool as `server.tool`";
                checks.add(&key, format!("there is no tool `{tool}`"), fix);
            }
            return;
        };
        if requires_approval {
            checks.add(
                &key,
                format!("`{tool}` asks a human before each call, whom an agent cannot wait for"),
                "make it a step of the plan",
            );
        }
        if effects != Effects::ReadOnly {
            checks.add(
                &key,
                format!("`{tool}` has effects outside"),
                "make it a step of the plan, or say effects = \"read_only\" where it is configured",
            );
        }
    }
}

/// What the configuration says of a tool: its effects, and whether it needs a human's word. Which tools a server or a
/// document has is not known before it is asked.
fn known(tool: &str, apis: &[ApiConfig], servers: &[McpServerConfig]) -> Option<(Effects, bool)> {
    let (source, name) = tool.split_once('.')?;
    if let Some(api) = apis.iter().find(|api| api.name == source) {
        let endpoint = api.endpoints.iter().find(|endpoint| endpoint.name == name);
        // What a document has is known where it is read; whether it only reads is checked when it is called.
        let documented = api.openapi.is_some().then_some((Effects::ReadOnly, false));
        return endpoint
            .map(|endpoint| (endpoint.effects(), endpoint.requires_approval))
            .or(documented);
    }
    let server = servers.iter().find(|server| server.name == source)?;
    let approval = server.tools.get(name).is_some_and(|own| own.requires_approval);
    Some((server.effects_of(name), approval))
}

pub(super) fn check_schema(key: &str, schema: &Value, checks: &mut Checks) {
    if let Err(error) = jsonschema::validator_for(schema) {
        checks.add(key, format!("not a JSON Schema: {error}"), "correct the schema");
    }
}
