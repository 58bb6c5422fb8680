//! An answer in pieces, put together to what it would be whole.

use crate::provider::{Assembler, Fault, text};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// More blocks than this are not read.
const MAX_BLOCKS: u64 = 256;

/// The blocks of one message.
#[derive(Default)]
pub(super) struct Blocks {
    model: String,
    blocks: BTreeMap<u64, Block>,
    stop_reason: String,
    usage: Map<String, Value>,
    ended: bool,
}

#[derive(Default)]
struct Block {
    start: Map<String, Value>,
    text: String,
    json: String,
}

impl Assembler for Blocks {
    fn event(&mut self, data: &Value) -> Result<bool, Fault> {
        match text(data, "type") {
            "message_start" => {
                let message = data.get("message").unwrap_or(&Value::Null);
                self.model = text(message, "model").to_owned();
                self.used(message);
            }
            "content_block_start" => {
                let start = data.get("content_block").and_then(Value::as_object).cloned();
                self.block(data)?.start = start.unwrap_or_default();
            }
            "content_block_delta" => {
                let delta = data.get("delta").unwrap_or(&Value::Null);
                let block = self.block(data)?;
                block.text.push_str(text(delta, "text"));
                block.json.push_str(text(delta, "partial_json"));
            }
            "message_delta" => {
                let delta = data.get("delta").unwrap_or(&Value::Null);
                self.stop_reason = text(delta, "stop_reason").to_owned();
                self.used(data);
            }
            "message_stop" => self.ended = true,
            _ => {}
        }
        Ok(self.ended)
    }

    fn whole(self: Box<Self>) -> Option<Value> {
        self.ended.then(|| {
            let content: Vec<Value> = self.blocks.into_values().map(Block::whole).collect();
            json!({
                "model": self.model,
                "content": content,
                "stop_reason": self.stop_reason,
                "usage": self.usage,
            })
        })
    }
}

impl Blocks {
    fn block(&mut self, data: &Value) -> Result<&mut Block, Fault> {
        let index = data.get("index").and_then(Value::as_u64).unwrap_or_default();
        if index >= MAX_BLOCKS {
            return Err(Fault::broken("the answer has too many blocks"));
        }
        Ok(self.blocks.entry(index).or_default())
    }

    /// Counts are cumulative: what is told later holds.
    fn used(&mut self, data: &Value) {
        for (key, count) in data.get("usage").and_then(Value::as_object).into_iter().flatten() {
            if !count.is_null() {
                self.usage.insert(key.clone(), count.clone());
            }
        }
    }
}

impl Block {
    fn whole(self) -> Value {
        let mut block = self.start;
        if !self.text.is_empty() {
            let start = block.get("text").and_then(Value::as_str).unwrap_or_default().to_owned();
            block.insert("text".to_owned(), (start + &self.text).into());
        }
        if !self.json.is_empty() {
            let input = serde_json::from_str(&self.json).unwrap_or(Value::String(self.json));
            block.insert("input".to_owned(), input);
        }
        Value::Object(block)
    }
}
