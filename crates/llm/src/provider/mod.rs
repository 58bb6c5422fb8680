//! What a model provider is asked and answers, whatever protocol it speaks.

pub(crate) mod anthropic;
mod endpoint;
mod events;
mod fault;
pub(crate) mod openai;
mod retry_after;
mod schema;
mod tokens;
mod tool_names;

pub(crate) use endpoint::{Endpoint, Reach, words_of};
pub(crate) use fault::{Fault, FaultKind};
pub(crate) use retry_after::retry_after;
pub(crate) use tokens::Tokens;

use crate::catalog::ToolCard;
use crate::chat::Message;
use outbound::HeaderMap;
use serde_json::{Map, Value};

/// One call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exchange<'a> {
    /// What it is for.
    pub(crate) name: &'a str,
    /// The model.
    pub(crate) model: &'a str,
    /// The conversation so far.
    pub(crate) messages: &'a [Message],
    /// JSON Schema of the reply.
    pub(crate) schema: Option<&'a Value>,
    /// How the schema is asked for.
    pub(crate) form: Form,
    /// What the model may call.
    pub(crate) tools: &'a [ToolCard],
    /// Most tokens of the reply.
    pub(crate) max_output_tokens: Option<u32>,
    /// The server wants the name of that bound it does not usually want.
    pub(crate) bound_renamed: bool,
}

/// How a reply in JSON is asked for. Servers differ in what they take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// As the protocol says it today.
    Native,
    /// As the servers of llama.cpp say it: JSON, with the schema beside.
    SchemaBeside,
    /// JSON, the schema in the prompt.
    Json,
    /// A tool the model must call, whose arguments are the reply.
    Tool,
    /// The prompt alone.
    Prompt,
}

/// What a model said.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Completion {
    /// Its words; the reply's JSON where a schema was given.
    pub(crate) text: String,
    /// What it wants called.
    pub(crate) calls: Vec<AskedCall>,
    /// How it ended.
    pub(crate) ending: Ending,
    /// What it cost; none: not told, or not to be believed.
    pub(crate) tokens: Option<Tokens>,
    /// The model that answered; may be empty.
    pub(crate) model: String,
}

/// A call the model asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AskedCall {
    /// The provider's.
    pub(crate) id: String,
    /// The tool.
    pub(crate) tool_id: String,
    /// Why they cannot be read, otherwise.
    pub(crate) arguments: Result<Map<String, Value>, String>,
}

/// How a completion ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// By itself.
    Done,
    /// Cut off at the bound on tokens.
    CutOff,
    /// The model, or a filter before it, does not want to; in its words.
    Refused(String),
}

/// A protocol: how a call is written and read. Knows no connection.
pub(crate) trait Protocol: Send + Sync {
    /// Below the base URL.
    fn path(&self, base: &str) -> &'static str;

    /// The credential's headers, and what the protocol always wants.
    fn headers(&self, key: Option<&str>) -> Result<HeaderMap, InvalidKey>;

    /// Ways to ask for JSON, the best first; the last is always taken.
    fn forms(&self) -> &'static [Form];

    /// The request's body.
    fn request(&self, exchange: &Exchange<'_>) -> Value;

    /// Reads an answer that came whole.
    fn completion(&self, exchange: &Exchange<'_>, answer: &Value) -> Result<Completion, Fault>;

    /// Puts a streamed answer together to what it would be whole.
    fn assembler(&self) -> Box<dyn Assembler>;
}

/// Gathers the events of one stream.
pub(crate) trait Assembler: Send {
    /// The next event's data. True: it was the last.
    fn event(&mut self, data: &Value) -> Result<bool, Fault>;

    /// The answer as it would be whole; none: the stream ended before the answer did.
    fn whole(self: Box<Self>) -> Option<Value>;
}

/// The key cannot stand in a header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the API key holds characters no header can carry")]
pub struct InvalidKey;

/// Tells the model what its reply must look like, where the protocol cannot.
pub(crate) fn instruction(schema: &Value) -> String {
    format!(
        "Reply with exactly one JSON value that satisfies the following JSON Schema. No prose, no code fences.\n\n{schema}"
    )
}

fn header(text: &str) -> Result<outbound::HeaderValue, InvalidKey> {
    let mut value = outbound::HeaderValue::from_str(text).map_err(|_| InvalidKey)?;
    value.set_sensitive(true);
    Ok(value)
}

/// As a name in a request: letters, digits, `_` and `-`, at most 64.
fn token(name: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let token: String = name.chars().map(|c| if safe(c) { c } else { '_' }).take(64).collect();
    if token.is_empty() { "reply".to_owned() } else { token }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}
