//! Calls of tools of servers.

use super::connection::{Connection, Heard};
use super::definition::Definition;
use super::elicitation;
use super::input::{self, Wanted};
use super::result::{self, Ended};
use super::server::{Pin, Server};
use super::trouble::{Acted, Trouble};
use crate::effects::{Intent, Licensed, Question, Sender, Sent, Stop, perform};
use crate::failure::RunFailure;
use crate::tools::{Call, Offer, Output, Tool};
use async_trait::async_trait;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CallToolResult, ClientRequest, InputRequiredResult, RequestMetaObject,
    ServerResult,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use worker::give_up_at;
use workflow::hash::Fingerprint;
use workflow::vocabulary::EffectClass;

/// Where a server that honours keys finds them.
const KEY: &str = "io.orchestrator/idempotency-key";
/// Outputs of calls with effects are kept in the ledger, whose messages are bounded.
const MAX_RECORDED: usize = 1 << 20;

/// A tool of a server.
pub struct McpTool {
    server: Arc<Server>,
    name: String,
    /// The definition this tool was made from: the server must still have the same.
    version: Fingerprint,
    output: Option<jsonschema::Validator>,
    class: EffectClass,
    timeout: Duration,
    key_ttl: Duration,
}

/// What is asked of the server, whoever asks. Frozen in the ledger before it is sent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct FrozenCall {
    pub tool: String,
    pub arguments: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responses: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_state: Option<String>,
}

/// How a call is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Manner<'a> {
    /// It only reads: it may be taken back and made again.
    Reading,
    /// It has effects.
    Acting,
    /// It has effects, and the server knows them by this key.
    Keyed(&'a str),
}

impl<'a> Manner<'a> {
    /// Of a licensed call.
    pub fn licensed(class: EffectClass, licensed: &'a Licensed) -> Self {
        match class {
            EffectClass::Keyed => Self::Keyed(&licensed.key),
            EffectClass::ReadOnly | EffectClass::Queryable | EffectClass::Once => Self::Acting,
        }
    }
}

/// How the server ended a call.
#[derive(Debug)]
pub enum Answer {
    /// With a result, good or bad.
    Result(CallToolResult),
    /// It wants to know something first.
    Asks(Question),
}

/// The tool as it is served.
pub fn offer(server: &Arc<Server>, definition: Definition) -> Offer {
    let spec = definition.spec;
    // Checked with the definition.
    let output = definition
        .output
        .and_then(|schema| jsonschema::validator_for(&schema).ok());
    let tool = McpTool {
        server: Arc::clone(server),
        name: definition.name,
        version: spec.version_hash(),
        output,
        class: spec.effects,
        timeout: Duration::from_secs_f64(spec.timeout_seconds),
        key_ttl: Duration::from_secs_f64(server.config.key_ttl_seconds),
    };
    Offer {
        spec,
        tool: Arc::new(tool),
    }
}

#[async_trait]
impl Tool for McpTool {
    async fn call(&self, call: Call<'_>) -> Result<Output, Stop> {
        Ok(Output::free(self.output_of(call).await?.to_string()))
    }
}

impl McpTool {
    async fn output_of(&self, call: Call<'_>) -> Result<Value, Stop> {
        let frozen = FrozenCall {
            tool: self.name.clone(),
            arguments: call.arguments,
            responses: call.responses.cloned(),
            request_state: call.request_state.map(str::to_owned),
        };
        let run_ends = give_up_at(call.run.deadline());
        if self.class == EffectClass::ReadOnly {
            return self.read(&frozen, run_ends).await;
        }
        let intent = Intent {
            class: self.class,
            target: format!("{}.{}", self.server.config.name, self.name),
            tool_id: String::new(),
            request_json: json!(frozen).to_string(),
            send_within: self.timeout,
            key_ttl: self.key_ttl,
        };
        Ok(recorded(&perform(call.run, &intent, &Effect(self)).await?)?)
    }

    async fn read(&self, frozen: &FrozenCall, deadline: Instant) -> Result<Value, Stop> {
        let answer = self
            .server
            .call(frozen, Pin::Planned(&self.version), Manner::Reading, deadline)
            .await
            .map_err(Trouble::failure)?;
        let result = match answer {
            Answer::Result(result) => result,
            Answer::Asks(question) => return Err(Stop::Asks(question)),
        };
        match result::read(&result, self.output.as_ref()).map_err(Trouble::failure)? {
            Ended::Output(output) => Ok(output),
            Ended::Failed(why) => Err(RunFailure::transient("tool_error", why).into()),
        }
    }

    /// What the ledger keeps of an answer: `{output}`, or `{unusable: {code, message}}` where it was done all the same.
    fn kept(&self, result: &CallToolResult) -> Sent {
        let unusable =
            |code: &str, message: String| Sent::Confirmed(json!({"unusable": {"code": code, "message": message}}));
        match result::read(result, self.output.as_ref()) {
            // It says nothing of how far the tool had come.
            Ok(Ended::Failed(why)) => Sent::Unclear(RunFailure::permanent("tool_error", why)),
            Ok(Ended::Output(output)) if output.to_string().len() > MAX_RECORDED => unusable(
                "tool_response_too_large",
                format!("it was done, but the output is longer than {MAX_RECORDED} bytes"),
            ),
            Ok(Ended::Output(output)) => Sent::Confirmed(json!({"output": output})),
            Err(trouble) => unusable(trouble.code, format!("it was done, but {}", trouble.message)),
        }
    }
}

/// The output within what the ledger kept.
fn recorded(kept: &Value) -> Result<Value, RunFailure> {
    if let Some(output) = kept.get("output") {
        return Ok(output.clone());
    }
    let text = |pointer: &str, otherwise: &str| {
        let found = kept.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or(otherwise).to_owned()
    };
    let code = text("/unusable/code", "tool_bad_response");
    Err(RunFailure::permanent(
        code,
        text("/unusable/message", "it was done, but nothing is known of its output"),
    ))
}

struct Effect<'a>(&'a McpTool);

#[async_trait]
impl Sender for Effect<'_> {
    async fn send(&self, licensed: &Licensed) -> Sent {
        let Ok(frozen) = serde_json::from_str::<FrozenCall>(&licensed.request_json) else {
            return Sent::NotDone(RunFailure::permanent(
                "effect_request",
                "the frozen request cannot be read",
            ));
        };
        let manner = Manner::licensed(self.0.class, licensed);
        let pin = Pin::Planned(&self.0.version);
        match self.0.server.call(&frozen, pin, manner, licensed.send_before).await {
            Ok(Answer::Result(result)) => self.0.kept(&result),
            Ok(Answer::Asks(question)) => Sent::Asked(question),
            Err(trouble) => trouble.sent(),
        }
    }
}

/// Calls a tool over a connection until it has a result or wants to know something of a human.
///
/// # Errors
/// [`Trouble`].
pub async fn call(
    connection: &Connection,
    frozen: &FrozenCall,
    manner: Manner<'_>,
    deadline: Instant,
) -> Result<Answer, Trouble> {
    let handshake = connection.has_handshake();
    let mut state = frozen.request_state.clone().filter(|_| !handshake);
    for _ in 0..input::MAX_ROUNDS {
        let request = CallToolRequest::new(params(frozen, state.take(), handshake));
        let request = ClientRequest::CallToolRequest(request);
        let answers = (handshake && manner == Manner::Reading)
            .then(|| elicitation::answers(frozen.request_state.as_deref(), frozen.responses.as_ref()));
        let answer = match connection.call(request, meta(manner), answers, deadline).await? {
            Heard::Question(question) => return Ok(Answer::Asks(question)),
            Heard::Answer(answer) => *answer,
        };
        match answer {
            ServerResult::CallToolResult(result) => return Ok(Answer::Result(result)),
            ServerResult::InputRequiredResult(wants) => match wanted(wants)? {
                Wanted::Answers(question) => return Ok(Answer::Asks(question)),
                Wanted::Again(again) => state = Some(again),
            },
            _ => return Err(Trouble::bad_response("the server answered what is no result of a tool")),
        }
    }
    Err(input::rounds_exceeded())
}

/// A server that asks says that it has not acted: what it is told goes out as a call of its own.
fn wanted(wants: InputRequiredResult) -> Result<Wanted, Trouble> {
    input::wanted(wants).map_err(|trouble| Trouble {
        acted: Acted::Refused,
        ..trouble
    })
}

fn params(frozen: &FrozenCall, state: Option<String>, handshake: bool) -> CallToolRequestParams {
    let mut params = CallToolRequestParams::new(frozen.tool.clone()).with_arguments(frozen.arguments.clone());
    // Servers of earlier revisions ask again, and are answered then.
    if let Some(responses) = frozen.responses.as_ref().filter(|_| !handshake) {
        params = params.with_input_responses(input::answers(responses));
    }
    params.request_state = state;
    params
}

fn meta(manner: Manner<'_>) -> Option<RequestMetaObject> {
    let Manner::Keyed(key) = manner else { return None };
    let mut meta = RequestMetaObject::default();
    meta.insert(KEY.to_owned(), json!(key));
    Some(meta)
}
