use super::checks::Checks;
use super::retry::RetryConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A tool of the operator's own: a prompt with schemas, run by the model of role `writer`.
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
    /// Instructions; `{{name}}` takes an argument's value.
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
    60.0
}

impl AgentConfig {
    /// The name for people.
    pub fn display_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.tool_id)
    }

    pub(super) fn check_all(agents: &[Self], checks: &mut Checks) {
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
        }
    }
}

pub(super) fn check_schema(key: &str, schema: &Value, checks: &mut Checks) {
    if let Err(error) = jsonschema::validator_for(schema) {
        checks.add(key, format!("not a JSON Schema: {error}"), "correct the schema");
    }
}
