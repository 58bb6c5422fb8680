//! Messages as the trace of a task shows them, where recording content is switched on.

use crate::chat::{Message, ToolCall};
use crate::provider::Completion;
use serde_json::{Value, json};

pub(crate) fn messages(messages: &[Message]) -> Value {
    messages.iter().map(message).collect()
}

pub(crate) fn completion(completion: &Completion) -> Value {
    let call = |call: &crate::provider::AskedCall| {
        let arguments = call.arguments.clone().map_or(Value::Null, Value::Object);
        json!({"id": call.id, "tool_id": call.tool_id, "arguments": arguments})
    };
    let calls: Vec<Value> = completion.calls.iter().map(call).collect();
    json!({"text": completion.text, "tool_calls": calls})
}

fn message(message: &Message) -> Value {
    match message {
        Message::System(text) => json!({"role": "system", "content": text}),
        Message::User(text) => json!({"role": "user", "content": text}),
        Message::Assistant { text, calls } => {
            let call = |call: &ToolCall| json!({"id": call.id, "tool_id": call.tool_id, "arguments": call.arguments});
            let calls: Vec<Value> = calls.iter().map(call).collect();
            json!({"role": "assistant", "content": text, "tool_calls": calls})
        }
        Message::Tool {
            call_id,
            content,
            failed,
        } => {
            json!({"role": "tool", "call_id": call_id, "content": content, "failed": failed})
        }
    }
}
