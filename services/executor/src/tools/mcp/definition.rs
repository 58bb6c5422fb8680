//! Tools as a server defines them, made into tools of ours, or refused.

use crate::tools::registry::{effect_class, retry};
use rmcp::model::Tool;
use serde_json::{Map, Value, json};
use service::config::McpServerConfig;
use workflow::schema::{self, Unfit};
use workflow::tool::{ToolSource, ToolSpecification};

/// Bytes of one definition.
const MAX_DEFINITION: usize = 64 << 10;
/// Bytes of the definitions of one server: they are announced together with those of others.
const MAX_DEFINITIONS: usize = 1 << 20;
/// Tools of one server: more are no help to anybody, and would leave no room for those of others.
const MAX_TOOLS: usize = 256;
/// Characters of a tool's name.
const MAX_NAME: usize = 128;

/// Why a tool is left out. Its stable code is `schema_rejected`.
#[derive(Debug, thiserror::Error)]
pub enum Rejected {
    /// It cannot be a part of an id.
    #[error("its name is no id")]
    Name,
    /// Too long.
    #[error("its definition is longer than {MAX_DEFINITION} bytes")]
    TooLong,
    /// The server has too much to say.
    #[error("the definitions of this server are longer than {MAX_DEFINITIONS} bytes together")]
    TooMuch,
    /// The server has too many.
    #[error("this server has more than {MAX_TOOLS} tools; choose with `enabled_tools`")]
    TooMany,
    /// Of the arguments.
    #[error("its input schema: {0}")]
    Input(Unfit),
    /// Of the structured output.
    #[error("its output schema: {0}")]
    Output(Unfit),
}

/// One tool, ready to be announced.
pub struct Definition {
    /// As the server knows it.
    pub name: String,
    /// As we announce it.
    pub spec: ToolSpecification,
    /// Of the structured part of its output.
    pub output: Option<Value>,
}

/// The tools of a list that can be served; what cannot is logged and left out.
pub fn definitions(server: &McpServerConfig, tools: Vec<Tool>, pool: &str) -> Vec<Definition> {
    let (mut left, mut room) = (MAX_DEFINITIONS, MAX_TOOLS);
    let mut usable = |tool: &Tool| {
        if room == 0 {
            return Err(Rejected::TooMany);
        }
        let definition = definition(server, tool, pool)?;
        let size = json!(definition.spec).to_string().len();
        left = left.checked_sub(size).ok_or(Rejected::TooMuch)?;
        room -= 1;
        Ok(definition)
    };
    let served = tools.iter().filter(|tool| server.serves(&tool.name));
    let usable = served.filter_map(|tool| {
        let log = |reason: &Rejected| {
            let name = super::trouble::words(&tool.name);
            tracing::warn!(
                server = server.name,
                tool = name,
                code = "schema_rejected",
                "a tool is left out: {reason}"
            );
        };
        usable(tool).inspect_err(log).ok()
    });
    usable.collect()
}

/// # Errors
/// What is wrong with it.
pub fn definition(server: &McpServerConfig, tool: &Tool, pool: &str) -> Result<Definition, Rejected> {
    let name = tool.name.as_ref();
    if !is_name(name) {
        return Err(Rejected::Name);
    }
    let input = legible(Value::Object(tool.input_schema.as_ref().clone()));
    let output = tool
        .output_schema
        .as_ref()
        .map(|schema| legible(Value::Object(schema.as_ref().clone())));
    let description = visible(tool.description.as_deref().unwrap_or_default());
    let size = input.to_string().len() + output.as_ref().map_or(0, |o| o.to_string().len()) + description.len();
    if size > MAX_DEFINITION {
        return Err(Rejected::TooLong);
    }
    schema::check(&input).map_err(Rejected::Input)?;
    output.iter().try_for_each(schema::check).map_err(Rejected::Output)?;
    let own = server.tools.get(name).cloned().unwrap_or_default();
    let title = tool
        .title
        .as_deref()
        .map(visible)
        .filter(|title| !title.trim().is_empty());
    let spec = ToolSpecification {
        tool_id: format!("{}.{name}", server.name),
        name: title.map_or_else(
            || format!("{} {name}", server.name),
            |title| title.chars().take(200).collect(),
        ),
        description,
        category: own.category.unwrap_or_else(|| "mcp".to_owned()),
        input_schema: input,
        output_schema: super::result::output_schema(output.as_ref()),
        estimated_cost: own.estimated_cost,
        estimated_duration: own.estimated_duration,
        requires_approval: own.requires_approval,
        source: ToolSource::Mcp,
        // The operator's word: what a server says of its tools are hints.
        effects: effect_class(server.effects_of(name)),
        retry: retry(&server.retry),
        timeout_seconds: server.timeout_of(name),
        pool: pool.to_owned(),
        binding_hash: None,
        foreign: true,
    };
    Ok(Definition {
        name: name.to_owned(),
        spec,
        output,
    })
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        && name.bytes().any(|b| b != b'.')
}

/// Without characters that nobody sees and a model reads all the same.
fn visible(text: &str) -> String {
    let hidden = |c: char| {
        (c.is_control() && !matches!(c, '\n' | '\t'))
            || matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
                | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
    };
    text.chars().filter(|c| !hidden(*c)).collect()
}

/// A schema whose descriptions and titles hide nothing.
fn legible(schema: Value) -> Value {
    let member = |(name, member): (String, Value)| {
        let member = match member {
            Value::String(text) if name == "description" || name == "title" => Value::String(visible(&text)),
            other => legible(other),
        };
        (name, member)
    };
    match schema {
        Value::Object(members) => members.into_iter().map(member).collect(),
        Value::Array(elements) => elements.into_iter().map(legible).collect(),
        other => other,
    }
}

/// An object as the parts of a list of tools: each is read alone, so that one that is none does not cost the others. Those
/// that can be called as tasks of the protocol alone are left out: nobody here calls tools so.
pub fn tools_of(list: &Map<String, Value>) -> Option<Vec<Tool>> {
    let tools = list.get("tools")?.as_array()?;
    let callable = |tool: &&Value| {
        let support = tool.pointer("/execution/taskSupport");
        support.is_none_or(|support| support != "required")
    };
    let read = |tool: &Value| serde_json::from_value(tool.clone()).ok();
    Some(tools.iter().filter(callable).filter_map(read).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use workflow::vocabulary::EffectClass;

    fn server() -> McpServerConfig {
        serde_json::from_value(json!({"name": "s", "command": ["x"], "enabled_tools": [],
            "tools": {"reads": {"effects": "read_only", "category": "research"}}}))
        .unwrap()
    }

    fn tool(name: &str, schema: Value) -> Tool {
        serde_json::from_value(
            json!({"name": name, "description": "Does\u{200b} \u{e0041}it", "inputSchema": schema,
            "annotations": {"readOnlyHint": true, "idempotentHint": true}}),
        )
        .unwrap()
    }

    #[test]
    fn tools_that_are_called_as_tasks_alone_are_left_out() {
        let tool = |name: &str, support: &str| json!({"name": name, "inputSchema": {"type": "object"}, "execution": {"taskSupport": support}});
        let list =
            json!({"tools": [tool("a", "required"), tool("b", "optional"), {"no": "tool"}, tool("c", "forbidden")]});
        let read = tools_of(list.as_object().unwrap()).unwrap();
        let names: Vec<&str> = read.iter().map(|tool| tool.name.as_ref()).collect();
        assert_eq!(names, ["b", "c"]);
    }

    #[test]
    fn effects_are_the_operators_word_and_hints_count_for_nothing() {
        let of = |name: &str| {
            definition(&server(), &tool(name, json!({"type": "object"})), "p")
                .unwrap()
                .spec
        };
        assert_eq!(of("writes").effects, EffectClass::Once);
        let reads = of("reads");
        assert_eq!(reads.effects, EffectClass::ReadOnly);
        assert_eq!(
            (reads.tool_id.as_str(), reads.category.as_str()),
            ("s.reads", "research")
        );
        assert_eq!(reads.description, "Does it", "nothing hidden is shown to a model");
    }

    #[test]
    fn nothing_hidden_is_in_the_descriptions_of_a_schema() {
        let hides = |text: &str| {
            json!({"type": "object", "title": text, "properties": {
                "description": {"type": "string", "description": text}, "a": {"anyOf": [{"title": text}]}}})
        };
        let mut tool = tool("t", hides("do\u{200b} \u{e0041}it"));
        tool.output_schema = tool.input_schema.clone().into();
        let made = definition(&server(), &tool, "p").unwrap();
        assert_eq!(made.spec.input_schema, hides("do it"));
        assert_eq!(made.output, Some(hides("do it")));
    }

    #[test]
    fn a_server_with_too_many_tools_keeps_the_first() {
        let tools = (0..1_000).map(|n| tool(&format!("t{n}"), json!({}))).collect();
        let kept = definitions(&server(), tools, "p");
        assert_eq!((kept.len(), kept.last().map(|d| d.name.as_str())), (256, Some("t255")));
    }

    #[test]
    fn what_cannot_be_a_tool_is_left_out_and_the_others_stay() {
        let long = json!({"type": "object", "description": "x".repeat(1 << 20)});
        let tools = vec![
            tool("good", json!({"type": "object"})),
            tool("has space", json!({"type": "object"})),
            tool("a/b", json!({"type": "object"})),
            tool("..", json!({"type": "object"})),
            tool("far", json!({"properties": {"a": {"$ref": "https://evil.example/s"}}})),
            tool("long", long),
            tool("also.good", json!({"type": "object"})),
        ];
        let names: Vec<String> = definitions(&server(), tools, "p").into_iter().map(|d| d.name).collect();
        assert_eq!(names, ["good", "also.good"]);
    }

    #[test]
    fn a_server_with_too_much_to_say_keeps_what_fits() {
        let big = json!({"type": "object", "description": "x".repeat(60_000)});
        let tools = (0..100).map(|n| tool(&format!("t{n}"), big.clone())).collect();
        let kept = definitions(&server(), tools, "p");
        let size: usize = kept.iter().map(|d| json!(d.spec).to_string().len()).sum();
        assert!(
            (1..=17).contains(&kept.len()) && size <= MAX_DEFINITIONS,
            "{} {size}",
            kept.len()
        );
    }
}
