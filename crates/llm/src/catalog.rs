//! Tools, as planning sees them, and the shipped agents: files of `agents/`, the same document as `[[agents]]`
//! of a configuration.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// A tool, as far as planning needs it. Reads from a tool specification's JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCard {
    /// Identity.
    pub tool_id: String,
    /// For people.
    pub name: String,
    /// What it does, for people and planners.
    pub description: String,
    /// research, writing, channel …
    pub category: String,
    /// JSON Schema of the arguments.
    pub input_schema: Value,
    /// JSON Schema of the output.
    pub output_schema: Value,
    /// builtin | mcp | api
    #[serde(default = "builtin")]
    pub source: String,
    /// read_only | keyed | queryable | once
    #[serde(default = "read_only")]
    pub effects: String,
}

fn builtin() -> String {
    "builtin".to_owned()
}

fn read_only() -> String {
    "read_only".to_owned()
}

const AGENT_FILES: [&str; 9] = [
    include_str!("../agents/research.toml"),
    include_str!("../agents/outline.toml"),
    include_str!("../agents/writer.toml"),
    include_str!("../agents/editor.toml"),
    include_str!("../agents/fact_check.toml"),
    include_str!("../agents/social.toml"),
    include_str!("../agents/seo.toml"),
    include_str!("../agents/summary.toml"),
    include_str!("../agents/translator.toml"),
];

/// What of an agent's file is looked at here.
#[derive(Deserialize)]
struct AgentFile {
    prompt: String,
    #[serde(flatten)]
    card: ToolCard,
}

/// A file that cannot be read is left out, which a test would tell.
static AGENTS: LazyLock<Vec<AgentFile>> = LazyLock::new(|| {
    AGENT_FILES
        .iter()
        .filter_map(|file| toml::from_str(file).ok())
        .collect()
});

/// The shipped agents, as TOML documents.
pub fn agent_files() -> &'static [&'static str] {
    &AGENT_FILES
}

/// The shipped agents, as planners see them.
pub fn agent_tools() -> Vec<ToolCard> {
    AGENTS.iter().map(|agent| agent.card.clone()).collect()
}

/// Most plans need the shipped agent of that id: somebody has to gather, write and edit.
pub fn is_core(tool_id: &str) -> bool {
    const CORE: [&str; 7] = [
        "research_agent",
        "seo_agent",
        "outline_agent",
        "writer_agent",
        "editor_agent",
        "social_agent",
        "summary_agent",
    ];
    CORE.contains(&tool_id)
}

/// The prompt of the shipped agent of that id.
pub fn shipped_prompt(tool_id: &str) -> Option<&'static str> {
    let agent = AGENTS.iter().find(|agent| agent.card.tool_id == tool_id);
    agent.map(|agent| agent.prompt.as_str())
}

/// The tool that returns its arguments; the executor runs it itself.
pub fn null_tool() -> ToolCard {
    ToolCard {
        tool_id: "null".to_owned(),
        name: "Null".to_owned(),
        description: "Returns its arguments unchanged.".to_owned(),
        category: "development".to_owned(),
        input_schema: json!({"type": "object"}),
        output_schema: json!({"type": "object"}),
        source: builtin(),
        effects: read_only(),
    }
}

#[cfg(test)]
mod tests {
    use super::{AGENT_FILES, AGENTS, null_tool};
    use crate::template::render;
    use serde_json::{Map, Value, json};

    #[test]
    fn every_agent_has_schemas_that_compile_takes_feedback_and_gives_text() {
        assert_eq!(AGENTS.len(), AGENT_FILES.len(), "one cannot be read");
        for agent in AGENTS.iter() {
            let card = &agent.card;
            for schema in [&card.input_schema, &card.output_schema] {
                assert!(jsonschema::validator_for(schema).is_ok(), "{}", card.tool_id);
            }
            assert!(
                card.input_schema.pointer("/properties/feedback").is_some(),
                "{}",
                card.tool_id
            );
            let required = card.output_schema["required"].as_array().unwrap();
            assert!(required.contains(&json!("text")) && required.contains(&json!("engine")));
        }
        assert_eq!(null_tool().tool_id, "null");
    }

    /// A value of the first type a schema allows.
    fn example(schema: &Value) -> Value {
        let first = schema["type"]
            .as_array()
            .and_then(|types| types.first())
            .unwrap_or(&schema["type"]);
        match first.as_str() {
            Some("integer") => json!(7),
            Some("array") => json!(["an item"]),
            Some("object") => json!({"a": 1}),
            _ => json!("some text"),
        }
    }

    #[test]
    fn every_prompt_renders_with_least_and_with_all_arguments() {
        for agent in AGENTS.iter() {
            let properties = agent.card.input_schema["properties"].as_object().unwrap();
            let required = agent.card.input_schema["required"].as_array().unwrap();
            let all = properties.iter().map(|(name, schema)| (name.clone(), example(schema)));
            let full: Map<String, Value> = all.collect();
            let least = full.iter().map(|(name, value)| {
                let given = required.contains(&json!(name));
                (name.clone(), if given { value.clone() } else { json!("") })
            });
            let least: Map<String, Value> = least.collect();
            for names in [least, full] {
                let rendered = render(&agent.prompt, &Value::Object(names));
                let text = rendered.unwrap_or_else(|error| panic!("{}: {error}", agent.card.tool_id));
                assert!(text.contains("- `text`:") && !text.contains("\n\n\n"), "{text}");
            }
        }
    }
}
