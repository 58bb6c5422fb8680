//! An answer in pieces, put together to what it would be whole.

use crate::provider::{Assembler, Fault, list, text};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// More calls than this in one reply are not made.
const MAX_CALLS: u64 = 128;

/// The pieces of the first choice.
#[derive(Default)]
pub(super) struct Chunks {
    model: String,
    content: String,
    refusal: String,
    calls: BTreeMap<u64, Call>,
    finish_reason: String,
    usage: Value,
}

#[derive(Default)]
struct Call {
    id: String,
    name: String,
    arguments: String,
}

impl Assembler for Chunks {
    fn event(&mut self, data: &Value) -> Result<bool, Fault> {
        if self.model.is_empty() {
            self.model = text(data, "model").to_owned();
        }
        if let Some(usage) = data.get("usage").filter(|usage| usage.is_object()) {
            self.usage = usage.clone();
        }
        let first = |choice: &&Value| choice.get("index").and_then(Value::as_u64).unwrap_or_default() == 0;
        for choice in list(data, "choices").iter().filter(first) {
            self.piece(choice.get("delta").unwrap_or(&Value::Null))?;
            let reason = text(choice, "finish_reason");
            if !reason.is_empty() {
                self.finish_reason = reason.to_owned();
            }
        }
        Ok(false)
    }

    fn whole(self: Box<Self>) -> Option<Value> {
        // Without a reason the connection ended before the model did.
        (!self.finish_reason.is_empty()).then(|| {
            let calls: Vec<Value> = self.calls.into_values().map(Call::whole).collect();
            let message = json!({"content": self.content, "refusal": self.refusal, "tool_calls": calls});
            let choice = json!({"message": message, "finish_reason": self.finish_reason});
            json!({"model": self.model, "choices": [choice], "usage": self.usage})
        })
    }
}

impl Chunks {
    fn piece(&mut self, delta: &Value) -> Result<(), Fault> {
        self.content.push_str(text(delta, "content"));
        self.refusal.push_str(text(delta, "refusal"));
        for (position, piece) in (0..).zip(list(delta, "tool_calls")) {
            let index = piece
                .get("index")
                .and_then(Value::as_u64)
                .unwrap_or_else(|| self.index_of(piece, position));
            if index >= MAX_CALLS {
                return Err(Fault::broken("the answer asks for too many calls"));
            }
            self.calls.entry(index).or_default().piece(piece);
        }
        Ok(())
    }
}

impl Chunks {
    /// Some servers leave the index out: another id begins another call, and what has none belongs to the last.
    fn index_of(&self, piece: &Value, position: u64) -> u64 {
        let id = text(piece, "id");
        let known = self.calls.iter().find(|(_, call)| !id.is_empty() && call.id == id);
        match (known, self.calls.last_key_value()) {
            (Some((index, _)), _) => *index,
            (None, None) => position,
            (None, Some((last, call))) if id.is_empty() || call.id.is_empty() => (*last).max(position),
            (None, Some((last, _))) => last + 1,
        }
    }
}

impl Call {
    fn piece(&mut self, piece: &Value) {
        let function = piece.get("function").unwrap_or(&Value::Null);
        if self.id.is_empty() {
            self.id = text(piece, "id").to_owned();
        }
        if self.name.is_empty() {
            self.name = text(function, "name").to_owned();
        }
        match function.get("arguments") {
            Some(Value::String(text)) => self.arguments.push_str(text),
            Some(Value::Object(whole)) => self.arguments = Value::Object(Map::clone(whole)).to_string(),
            _ => {}
        }
    }

    fn whole(self) -> Value {
        json!({"id": self.id, "function": {"name": self.name, "arguments": self.arguments}})
    }
}
