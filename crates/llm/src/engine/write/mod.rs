//! A run of an agent: its prompt, a bounded loop of tool calls, the result.

mod material;
mod result;
mod tool_call;

pub use material::task;

use super::patience;
use super::prompt::AGENT;
use super::trail::Trail;
use crate::call::{Answer, EngineError, Failed};
use crate::chat::{Chat, ChatAsk, Message, Reply, ToolCall};
use crate::port::WriteAsk;
use serde_json::Value;

pub async fn write(chat: &dyn Chat, engine: &str, ask: &WriteAsk<'_>) -> Result<Answer<Value>, Failed> {
    let schema = result::asked_schema(&ask.agent.card.output_schema);
    let cards = match ask.agent.max_tool_calls {
        0 => Vec::new(),
        _ => ask.tools.cards(),
    };
    let mut messages = AGENT.opening(&material::context(ask, schema.is_some(), !cards.is_empty())?)?;
    let prompt = version(ask);
    let mut trail = Trail::default();
    let mut left = ask.agent.max_tool_calls;
    // Every turn but the last spends a call.
    loop {
        let offered = if left > 0 { cards.as_slice() } else { &[] };
        let asked = ChatAsk {
            name: &ask.agent.card.tool_id,
            prompt: &prompt,
            tier: ask.agent.tier,
            messages: &messages,
            schema: schema.as_ref(),
            tools: offered,
            max_output_tokens: None,
        };
        let begun = left < ask.agent.max_tool_calls;
        let reply = loop {
            match trail.take(chat.chat(asked).await) {
                Err(EngineError::Away { retry_after, .. }) if begun && patience::waited(retry_after).await => {}
                reply => break reply,
            }
        };
        let (text, calls) = match reply {
            Ok(Reply::ToolCalls { text, calls }) if !offered.is_empty() && !calls.is_empty() => (text, calls),
            other => {
                let written = other.and_then(|reply| result::read(reply, schema.as_ref()));
                let made_by = trail.model().unwrap_or(engine).to_owned();
                let output = written.map(|value| result::output(value, &ask.agent.card.output_schema, &made_by));
                return trail.end(output);
            }
        };
        let answers = answers(ask, &calls, &mut left, &mut trail).await;
        messages.push(Message::Assistant { text, calls });
        messages.extend(answers);
    }
}

/// One message for each call, those beyond the bound included: providers want every call answered.
async fn answers(ask: &WriteAsk<'_>, calls: &[ToolCall], left: &mut u32, trail: &mut Trail) -> Vec<Message> {
    let mut answers = Vec::with_capacity(calls.len());
    for call in calls {
        let answer = if *left > 0 {
            *left -= 1;
            tool_call::made(ask.tools, call, trail).await
        } else {
            Err("no more calls are allowed; give the result now".to_owned())
        };
        let failed = answer.is_err();
        answers.push(Message::Tool {
            call_id: call.id.clone(),
            content: answer.unwrap_or_else(|reason| reason),
            failed,
        });
    }
    answers
}

/// An agent's prompt is data of its own; its version is what it says.
fn version(ask: &WriteAsk<'_>) -> String {
    let hash = blake3::hash(ask.agent.prompt.as_bytes()).to_hex();
    let short: String = hash.chars().take(8).collect();
    format!("{}@{short}", ask.agent.card.tool_id)
}

/// What a model says that was given a choice it does not have.
fn unusable(what: &str) -> EngineError {
    EngineError::BadOutput(what.to_owned())
}
