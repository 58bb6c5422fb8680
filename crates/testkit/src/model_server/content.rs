//! What a model that works well would say: an instance of the schema it was given.

use serde_json::{Map, Value, json};

/// Stands in every text the server writes, so that a judge has something to quote.
pub const SENTENCE: &str = "Shops that answer questions with AI sell more to returning customers.";

const INSTRUCTION: &str = "JSON Schema. No prose, no code fences.\n\n";

pub(super) fn of(asked: &Value) -> String {
    schema_of(asked).map_or_else(article, |schema| instance(&schema, "").to_string())
}

/// Wherever either protocol has it; in the prompt, it stands at the end of an instruction.
fn schema_of(asked: &Value) -> Option<Value> {
    let places = [
        "/response_format/json_schema/schema",
        "/response_format/schema",
        "/output_config/format/schema",
    ];
    let told = places.iter().find_map(|place| asked.pointer(place)).cloned();
    told.or_else(|| {
        let messages = asked["messages"].as_array().into_iter().flatten();
        let texts = messages.map(|message| &message["content"]).chain([&asked["system"]]);
        let mut schemas = texts.filter_map(|text| text.as_str()?.split_once(INSTRUCTION));
        let (_, rest) = schemas.next()?;
        serde_json::Deserializer::from_str(rest).into_iter().next()?.ok()
    })
}

fn instance(schema: &Value, name: &str) -> Value {
    if let Some(choice) = schema["enum"].as_array().and_then(|choices| choices.last()) {
        return choice.clone();
    }
    match (name, schema["type"].as_str()) {
        ("steps", Some("array")) if schema.pointer("/items/properties/tool_id").is_some() => steps(&schema["items"]),
        ("evidence", Some("array")) => json!([SENTENCE]),
        ("preferences" | "verify" | "steps_to_blame" | "patterns", Some("array")) => json!([]),
        (_, Some("object")) => {
            let members = schema["properties"].as_object().into_iter().flatten();
            let members = members.map(|(name, schema)| (name.clone(), instance(schema, name)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        (_, Some("array")) => json!([instance(&schema["items"], name)]),
        (_, Some("integer" | "number")) => schema["minimum"].as_i64().unwrap_or(5).into(),
        (_, Some("boolean")) => json!(true),
        ("text" | "content" | "body", _) => json!(article()),
        ("title", _) => json!("AI trends for shops"),
        ("feedback", _) => json!(""),
        (_, Some("string")) => json!("AI trends for shops, in a friendly tone"),
        _ => json!({}),
    }
}

/// One step for each channel, with the writer.
fn steps(step: &Value) -> Value {
    let choices = |name: &str| {
        let found = step
            .pointer(&format!("/properties/{name}/enum"))
            .and_then(Value::as_array);
        found.cloned().unwrap_or_default()
    };
    let tools = choices("tool_id");
    let tool = tools.iter().find(|tool| *tool == "writer_agent").or(tools.first());
    let mut channels = choices("channel");
    if channels.len() > 1 {
        channels.retain(|channel| channel != "");
    }
    let steps = channels.iter().enumerate().map(|(n, channel)| {
        json!({
            "key": format!("write_{n}"), "title": "Write", "tool_id": tool, "channel": channel,
            "tool_input": {"topic": "AI trends"}, "depends_on": [], "verify": [], "reason": "It is asked for.",
        })
    });
    steps.collect()
}

fn article() -> String {
    format!(
        "# AI trends for shops\n\nThese AI trends matter for your shop this year. {SENTENCE}\n\n## Answers at once\n\n\
         An assistant on the product page answers common questions in seconds. You keep the tone of your shop, and your \
         team has time for the hard cases.\n\n## Better pictures and texts\n\nAI writes the first draft of a product \
         text. You check it, change what does not sound like you, and publish it the same day.\n\n## What to do next\n\n\
         Begin with one AI trend, measure it for a month, and keep what helps your customers."
    )
}
