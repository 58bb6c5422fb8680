//! Arguments filled by a tool's input schema: every property by its name, else by its description.

use super::literal::literal;
use super::values::value_in;
use crate::brief::Brief;
use crate::catalog::ToolCard;
use crate::port::Context;
use serde_json::{Map, Value, json};

/// What a step can be given.
pub struct Supply<'a> {
    pub context: &'a Context,
    pub brief: &'a Brief,
    /// What people said about earlier plans.
    pub guidance: &'a [String],
    /// The channel the step is for, or empty.
    pub channel: &'a str,
    /// What this step looks at, for tools that take it.
    pub focus: &'a str,
    /// Steps whose output can be taken: what it is, and which step and tool make it.
    pub sources: Vec<(Given, String, &'a ToolCard)>,
    /// Outputs of tools the request asked for, by tool.
    pub findings: Vec<(String, String)>,
    /// Arguments that are not given, because they were refused before.
    pub withheld: Vec<String>,
}

/// What an earlier step's output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    Research,
    Audience,
    Keywords,
    Outline,
    Text,
}

/// What a property wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    Request,
    Topic,
    Tone,
    Audience,
    Format,
    Channel,
    Words,
    MaxWords,
    Sections,
    MustInclude,
    Avoid,
    CallToAction,
    Metrics,
    Guidance,
    Focus,
    Output(Given),
    Findings,
    Nothing,
}

const NAMES: &[(Want, &[&str])] = &[
    (
        Want::Request,
        &[
            "request",
            "prompt",
            "instruction",
            "task",
            "brief",
            "question",
            "goal",
            "user_request",
        ],
    ),
    (
        Want::Topic,
        &[
            "topic",
            "subject",
            "theme",
            "q",
            "query",
            "search_query",
            "keyword",
            "search",
        ],
    ),
    (Want::Tone, &["tone", "style", "voice", "tone_of_voice"]),
    (Want::Audience, &["audience", "target_audience", "readers", "target"]),
    (Want::Format, &["format", "content_type", "kind", "type"]),
    (Want::Channel, &["channel", "platform", "network", "medium"]),
    (
        Want::Words,
        &["length_words", "word_count", "words", "length", "target_words"],
    ),
    (Want::MaxWords, &["max_words"]),
    (Want::Sections, &["sections"]),
    (
        Want::MustInclude,
        &["must_include", "must_mention", "required_phrases", "include"],
    ),
    (Want::Avoid, &["avoid", "exclude", "banned_words"]),
    (Want::CallToAction, &["call_to_action", "cta"]),
    (Want::Metrics, &["business_metrics", "metrics", "figures", "kpis"]),
    (Want::Guidance, &["guidance", "instructions"]),
    (Want::Focus, &["focus"]),
    (Want::Output(Given::Outline), &["outline", "structure"]),
    (
        Want::Output(Given::Research),
        &["research", "notes", "findings", "background", "context", "material"],
    ),
    (
        Want::Output(Given::Audience),
        &[
            "audience_notes",
            "audience_research",
            "audience_analysis",
            "metrics_analysis",
        ],
    ),
    (Want::Output(Given::Keywords), &["keywords", "seo_keywords", "tags"]),
    (
        Want::Output(Given::Text),
        &[
            "text", "content", "draft", "article", "body", "document", "markdown", "message",
        ],
    ),
    (Want::Findings, &["inputs", "materials", "attachments"]),
    (Want::Nothing, &["feedback", "facts", "title", "sources", "sentences"]),
];

/// The arguments of `tool`, or the required property nothing fits.
pub fn fill(tool: &ToolCard, supply: &Supply<'_>) -> Result<Map<String, Value>, String> {
    let mut arguments = Map::new();
    let none = Map::new();
    let properties = tool
        .input_schema
        .get("properties")
        .and_then(Value::as_object)
        .unwrap_or(&none);
    let required: Vec<&str> = tool
        .input_schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    for (name, schema) in properties {
        let needed = required.contains(&name.as_str());
        if supply.withheld.contains(name) && !needed {
            continue;
        }
        let value = value(tool, name, schema, needed, supply).and_then(|value| fitted(value, schema));
        match value {
            Some(value) => {
                arguments.insert(name.clone(), value);
            }
            None if needed && name != "feedback" => return Err(name.clone()),
            None => {}
        }
    }
    match required
        .iter()
        .find(|name| !arguments.contains_key(**name) && **name != "feedback")
    {
        Some(missing) => Err((*missing).to_owned()),
        None => Ok(arguments),
    }
}

fn value(tool: &ToolCard, name: &str, schema: &Value, needed: bool, supply: &Supply<'_>) -> Option<Value> {
    let named = want(&name.to_lowercase().replace('-', "_"));
    if let Some(found) = named.and_then(|want| wanted(want, schema, needed, supply)) {
        return Some(found);
    }
    // Tools from elsewhere get what the request says by the property's name.
    let foreign = tool.source != "builtin" || named.is_none();
    let said = foreign
        .then(|| value_in(&supply.context.request, name, schema))
        .flatten();
    said.or_else(|| {
        let described = named
            .is_none()
            .then(|| schema.get("description").and_then(Value::as_str))
            .flatten()?;
        let first = described
            .split([' ', '.', ',', ':'])
            .map(str::to_lowercase)
            .find_map(|word| want(&word))?;
        needed.then(|| wanted(first, schema, needed, supply)).flatten()
    })
    .or_else(|| needed.then(|| schema.get("default").cloned()).flatten())
    .or_else(|| needed.then(|| schema.get("const").cloned()).flatten())
}

fn want(name: &str) -> Option<Want> {
    NAMES
        .iter()
        .find(|(_, names)| names.contains(&name))
        .map(|(want, _)| *want)
}

fn wanted(want: Want, schema: &Value, needed: bool, supply: &Supply<'_>) -> Option<Value> {
    let brief = supply.brief;
    let text = |text: &str| (!text.is_empty()).then(|| json!(literal(text)));
    let list = |items: &[String]| {
        (!items.is_empty()).then(|| json!(items.iter().map(|item| literal(item)).collect::<Vec<_>>()))
    };
    match want {
        Want::Request => Some(json!("{{request}}")),
        Want::Topic => text(&brief.topic.text).or_else(|| needed.then(|| json!("{{request}}"))),
        Want::Tone => text(&brief.tone_labels().join(", ")).or_else(|| needed.then(|| json!("neutral"))),
        Want::Audience => {
            text(brief.audience.as_deref().unwrap_or("")).or_else(|| needed.then(|| json!("general readers")))
        }
        Want::Format => Some(json!(brief.label.as_str())),
        Want::Channel => text(supply.channel),
        Want::Words => (brief.length_wanted() || needed).then(|| json!(brief.target_words())),
        Want::MaxWords => brief.max_words().map(|n| json!(n)),
        Want::Sections => list(&brief.sections),
        Want::MustInclude => list(&brief.must_include),
        Want::Avoid => list(&brief.avoid),
        Want::CallToAction => text(brief.call_to_action.as_deref().unwrap_or("")),
        Want::Metrics => (!supply.context.business_metrics.is_empty()).then(|| json!(supply.context.business_metrics)),
        Want::Guidance => list(supply.guidance),
        Want::Focus => text(supply.focus),
        Want::Output(given) => supply
            .output(given, schema)
            .or_else(|| (given == Given::Text && needed).then(|| json!("{{request}}"))),
        Want::Findings => {
            let named = supply
                .findings
                .iter()
                .map(|(tool, key)| (tool.clone(), json!({"$step": key, "pointer": ""})));
            let named: Map<String, Value> = named.collect();
            (!named.is_empty()).then_some(Value::Object(named))
        }
        Want::Nothing => None,
    }
}

impl Supply<'_> {
    /// A reference to the output that was asked for, to the part of it that has the wanted type.
    fn output(&self, given: Given, schema: &Value) -> Option<Value> {
        let (_, key, maker) = self.sources.iter().rev().find(|(kind, ..)| *kind == given)?;
        let made = |member: &str| maker.output_schema.pointer(&format!("/properties/{member}")).is_some();
        let takes = |kind: &str| match schema.get("type") {
            Some(Value::String(one)) => one == kind,
            Some(Value::Array(several)) => several.iter().any(|one| one == kind),
            _ => true,
        };
        let pointer = match given {
            Given::Keywords if takes("array") && made("keywords") => "/keywords",
            Given::Outline if takes("array") && !takes("object") && made("sections") => "/sections",
            _ if takes("object") && given != Given::Text => "",
            _ if made("text") => "/text",
            _ => "",
        };
        Some(json!({"$step": key, "pointer": pointer}))
    }
}

/// The value in the type the schema wants; references and templates are known only later.
fn fitted(value: Value, schema: &Value) -> Option<Value> {
    let kinds: Vec<&str> = match schema.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return Some(value),
    };
    let fits = |value: &Value| kinds.iter().any(|kind| is_kind(value, kind));
    let is_open = value.get("$step").is_some();
    let fitted = if is_open || fits(&value) {
        value
    } else {
        match value {
            Value::Array(items) if kinds.contains(&"string") => {
                json!(items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "))
            }
            Value::String(text) if kinds.contains(&"array") => json!([text]),
            Value::Number(number) if kinds.contains(&"string") => json!(number.to_string()),
            _ => return None,
        }
    };
    let choices = schema.get("enum").and_then(Value::as_array);
    match choices {
        Some(choices) if !is_open => choices.iter().find(|choice| same(choice, &fitted)).cloned(),
        _ => Some(fitted),
    }
}

fn same(choice: &Value, value: &Value) -> bool {
    let folded = |value: &Value| value.as_str().map(|text| text.to_lowercase().replace(['_', '-'], " "));
    choice == value || folded(choice).is_some_and(|text| folded(value).as_ref() == Some(&text))
}

fn is_kind(value: &Value, kind: &str) -> bool {
    match value {
        Value::Null => kind == "null",
        Value::Bool(_) => kind == "boolean",
        Value::Number(number) => kind == "number" || (kind == "integer" && (number.is_i64() || number.is_u64())),
        Value::String(_) => kind == "string",
        Value::Array(_) => kind == "array",
        Value::Object(_) => kind == "object",
    }
}
