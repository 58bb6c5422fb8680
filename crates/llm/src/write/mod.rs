//! The built-in agents: text processing over what was given, without inventing anything.

mod assignment;
mod budget;
mod compose;
mod edit;
mod fact_check;
mod filling;
mod mending;
mod outline;
mod pick;
mod research;
mod sayings;
mod section;
mod seo;
mod social;
mod summary;
mod title;
mod voice;

use crate::call::EngineError;
use crate::catalog::shipped_prompt;
use crate::engine::task;
use crate::offline::NAME;
use crate::port::{Agent, WriteAsk};
use crate::text::markdown::{plain, prose};
use crate::text::phrases::shorten;
use crate::text::sentences::sentences;
use crate::text::tokens::word_count;
use assignment::Assignment;
use serde_json::{Map, Value, json};
use std::borrow::Cow;

pub use social::{character_limit, is_social};

/// Agents that text processing can run.
const BUILT_IN: [&str; 8] = [
    "research_agent",
    "outline_agent",
    "writer_agent",
    "editor_agent",
    "social_agent",
    "seo_agent",
    "summary_agent",
    "fact_check_agent",
];

/// Runs one agent.
pub fn write(ask: &WriteAsk<'_>) -> Result<Value, EngineError> {
    let arguments = instructed(ask)?;
    let assignment = Assignment::new(&WriteAsk {
        arguments: &arguments,
        ..*ask
    });
    let tool_id = ask.agent.card.tool_id.as_str();
    let output = match does(ask.agent).ok_or_else(|| EngineError::UnknownAgent(tool_id.to_owned()))? {
        "research_agent" => research::run(&assignment),
        "outline_agent" => outline::run(&assignment),
        "writer_agent" => draft(&assignment),
        "editor_agent" => edit::run(&assignment)?,
        "social_agent" => social::run(&assignment),
        "seo_agent" => seo::run(&assignment),
        "summary_agent" => summary::run(&assignment),
        "fact_check_agent" => fact_check::run(&assignment),
        other => return Err(EngineError::UnknownAgent(other.to_owned())),
    };
    let mut output = output;
    output.insert("engine".to_owned(), json!(NAME));
    Ok(Value::Object(output))
}

/// An operator's own prompt speaks like an argument; a shipped one tells a model what is built in here.
fn instructed<'a>(ask: &WriteAsk<'a>) -> Result<Cow<'a, Map<String, Value>>, EngineError> {
    let prompt = ask.agent.prompt.as_str();
    if prompt.is_empty() || shipped_prompt(&ask.agent.card.tool_id) == Some(prompt) {
        return Ok(Cow::Borrowed(ask.arguments));
    }
    let mut arguments = ask.arguments.clone();
    if !arguments.contains_key("instructions") {
        arguments.insert("instructions".to_owned(), Value::String(task(ask)?));
    }
    Ok(Cow::Owned(arguments))
}

/// The built-in agent that does the work of `agent`: itself, or the one of its category.
pub fn does(agent: &Agent) -> Option<&'static str> {
    let own = BUILT_IN.iter().find(|id| **id == agent.card.tool_id);
    own.copied().or(match agent.card.category.as_str() {
        "research" => Some("research_agent"),
        "outline" | "planning" => Some("outline_agent"),
        "editing" => Some("editor_agent"),
        "social" => Some("social_agent"),
        "seo" => Some("seo_agent"),
        "summary" => Some("summary_agent"),
        "fact_check" => Some("fact_check_agent"),
        // Text processing knows no other language.
        "translation" => None,
        _ => Some("writer_agent"),
    })
}

/// A whole text of the kind asked for.
fn draft(assignment: &Assignment<'_>) -> Map<String, Value> {
    use crate::brief::kind::Shape;
    let brief = &assignment.brief;
    match brief.kind.shape {
        Shape::Summary if !assignment.source_text().is_empty() => return summary::run(assignment),
        Shape::Post => return social::run(assignment),
        Shape::Outline => return outline::run(assignment),
        _ => {}
    }
    let outline = outline::given_or_made(assignment);
    let text = compose::compose(assignment, &outline);
    document(&outline.title, &text)
}

/// The output of agents that make a whole text.
fn document(title: &str, text: &str) -> Map<String, Value> {
    let first = prose(text)
        .into_iter()
        .flat_map(|paragraph| sentences(&plain(&paragraph)))
        .nth(1);
    let output = json!({
        "title": title,
        "text": text,
        "word_count": word_count(text),
        "summary": shorten(&first.unwrap_or_else(|| title.to_owned()), 240),
    });
    members(output)
}

/// The members of an object value.
fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        other => Map::from_iter([("text".to_owned(), other)]),
    }
}
