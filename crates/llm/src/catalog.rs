//! Definitions of the built-in agents and of the tool `null`, as data.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

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

impl ToolCard {
    fn new(
        tool_id: &str,
        name: &str,
        category: &str,
        description: &str,
        input_schema: Value,
        output_schema: Value,
    ) -> Self {
        Self {
            tool_id: tool_id.to_owned(),
            name: name.to_owned(),
            description: description.to_owned(),
            category: category.to_owned(),
            input_schema,
            output_schema,
            source: builtin(),
            effects: read_only(),
        }
    }
}

/// The tool that returns its arguments; the executor runs it itself.
pub fn null_tool() -> ToolCard {
    let any_object = json!({"type": "object"});
    ToolCard::new(
        "null",
        "Null",
        "development",
        "Returns its arguments unchanged.",
        any_object.clone(),
        any_object,
    )
}

/// The seven built-in agents.
pub fn agent_tools() -> Vec<ToolCard> {
    vec![
        ToolCard::new(
            "research_agent",
            "Research agent",
            "research",
            "Collects background for a topic before writing: the facts and figures given, the sources named, the audience's view and the open questions. Invents nothing.",
            input(
                &["topic"],
                &[
                    ("focus", text("What to look at: topic, audience or metrics")),
                    ("sources", material("Texts or addresses to work from")),
                ],
            ),
            output(&[
                ("topic", string()),
                ("points", strings()),
                ("questions", strings()),
                ("sources", strings()),
            ]),
        ),
        ToolCard::new(
            "outline_agent",
            "Outline agent",
            "planning",
            "Makes an outline from a topic and research: title, section headings and the points of each section.",
            input(
                &["topic"],
                &[
                    ("research", material("Findings to build on")),
                    ("keywords", list("Search keywords to consider")),
                ],
            ),
            output(&[
                ("title", string()),
                ("sections", json!({"type": "array", "items": {"type": "object"}})),
            ]),
        ),
        ToolCard::new(
            "writer_agent",
            "Writer agent",
            "writing",
            "Writes a complete draft text from an outline and research: blog post, article, newsletter, email, press release, description, tutorial, FAQ, report and similar.",
            input(
                &["topic"],
                &[
                    ("outline", material("Sections to follow")),
                    ("research", material("Findings to use")),
                    ("audience_notes", material("What is known of readers and figures")),
                    ("keywords", list("Search keywords to use")),
                    ("inputs", material("Outputs of other tools to quote, by name")),
                ],
            ),
            output(&[
                ("title", string()),
                ("word_count", json!({"type": "integer"})),
                ("summary", string()),
            ]),
        ),
        ToolCard::new(
            "editor_agent",
            "Editor agent",
            "editing",
            "Edits, proofreads and repairs a draft text: finishes it, removes repetition, adds what is missing, adjusts length, headings and tone for a long-form channel.",
            input(
                &["text"],
                &[
                    ("text", text("The draft")),
                    ("channel", text("The channel the text is for")),
                ],
            ),
            output(&[
                ("title", string()),
                ("word_count", json!({"type": "integer"})),
                ("summary", string()),
            ]),
        ),
        ToolCard::new(
            "social_agent",
            "Social agent",
            "social",
            "Adapts a text to a social media channel such as LinkedIn, X, Facebook or Instagram: a short post with hook, key points and hashtags.",
            input(
                &["channel"],
                &[
                    ("text", text("The text to adapt")),
                    ("channel", text("The channel the post is for")),
                    ("keywords", list("Words for hashtags")),
                ],
            ),
            output(&[("channel", string()), ("hashtags", strings())]),
        ),
        ToolCard::new(
            "seo_agent",
            "SEO agent",
            "seo",
            "Finds search keywords in a request or text and proposes a page title and a meta description.",
            input(&["topic"], &[("text", text("The text to look at"))]),
            output(&[
                ("keywords", strings()),
                ("title", string()),
                ("meta_description", string()),
            ]),
        ),
        ToolCard::new(
            "summary_agent",
            "Summary agent",
            "summary",
            "Summarizes a given text by its most telling sentences.",
            input(
                &[],
                &[
                    ("text", text("The text to summarize")),
                    (
                        "sentences",
                        json!({"type": "integer", "minimum": 1, "maximum": 40, "description": "Number of sentences"}),
                    ),
                ],
            ),
            output(&[("sentences", json!({"type": "integer"}))]),
        ),
    ]
}

/// What every agent takes, and what this one takes besides.
fn input(required: &[&str], own: &[(&str, Value)]) -> Value {
    let mut properties = Map::new();
    let shared = [
        ("request", text("The user's own words; absent: the task's request")),
        ("topic", text("What it is about")),
        ("audience", text("Who reads it")),
        ("tone", text("Tone of voice")),
        ("format", text("Kind of content, such as blog post or email")),
        (
            "length_words",
            json!({"type": "integer", "minimum": 1, "maximum": 100_000, "description": "Words to aim at"}),
        ),
        (
            "max_words",
            json!({"type": "integer", "minimum": 1, "maximum": 100_000, "description": "Most words"}),
        ),
        ("sections", list("Sections to have")),
        ("must_include", list("Phrases to be there word for word")),
        ("avoid", list("Words that must not be there")),
        ("call_to_action", text("What readers shall do")),
        ("facts", list("Statements to use")),
        (
            "business_metrics",
            json!({"type": "object", "additionalProperties": {"type": "number"}, "description": "Figures by name"}),
        ),
        ("guidance", list("Further instructions from people")),
        (
            "feedback",
            json!({"type": ["string", "array"], "items": {"type": "string"}, "description": "What was wrong with earlier rounds"}),
        ),
    ];
    for (name, schema) in shared
        .into_iter()
        .chain(own.iter().map(|(name, schema)| (*name, schema.clone())))
    {
        properties.insert(name.to_owned(), schema);
    }
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn output(own: &[(&str, Value)]) -> Value {
    let mut properties = Map::new();
    properties.insert("text".to_owned(), json!({"type": "string", "description": "Markdown"}));
    properties.insert("engine".to_owned(), string());
    for (name, schema) in own {
        properties.insert((*name).to_owned(), schema.clone());
    }
    json!({"type": "object", "properties": properties, "required": ["text", "engine"]})
}

fn string() -> Value {
    json!({"type": "string"})
}

fn strings() -> Value {
    json!({"type": "array", "items": {"type": "string"}})
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

fn list(description: &str) -> Value {
    json!({"type": "array", "items": {"type": "string"}, "description": description})
}

/// Text, a list of texts, or a whole output.
fn material(description: &str) -> Value {
    json!({"type": ["string", "array", "object"], "description": description})
}

#[cfg(test)]
mod tests {
    use super::{agent_tools, null_tool};

    #[test]
    fn every_definition_is_a_valid_schema_and_takes_feedback() {
        let agents = agent_tools();
        assert_eq!(agents.len(), 7);
        for tool in &agents {
            assert!(
                jsonschema::validator_for(&tool.input_schema).is_ok(),
                "{}",
                tool.tool_id
            );
            assert!(
                jsonschema::validator_for(&tool.output_schema).is_ok(),
                "{}",
                tool.tool_id
            );
            assert!(tool.input_schema.pointer("/properties/feedback").is_some());
        }
        assert_eq!(null_tool().tool_id, "null");
    }
}
