//! A model that says what it is told to, and remembers what it was asked.

use crate::call::{Answer, Call, EngineError, Failed, Usage};
use crate::chat::{Chat, ChatAsk, Message, Reply, ToolCall};
use crate::engine::ModelEngine;
use async_trait::async_trait;
use serde_json::Value;
use std::sync::{Arc, Mutex};

/// Answers in order. Each exchange costs 10 micro-USD.
#[derive(Default)]
pub struct Scripted {
    replies: Mutex<Vec<Result<Reply, EngineError>>>,
    asks: Mutex<Vec<Asked>>,
}

/// One exchange, as it was asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    pub name: String,
    pub prompt: String,
    pub messages: Vec<Message>,
    pub schema: Option<Value>,
    pub tools: Vec<String>,
}

impl Asked {
    /// Every message's text.
    pub fn text(&self) -> String {
        let texts = self.messages.iter().map(|message| match message {
            Message::System(text) | Message::User(text) | Message::Assistant { text, .. } => text.as_str(),
            Message::Tool { content, .. } => content.as_str(),
        });
        texts.collect::<Vec<_>>().join("\n")
    }
}

impl Scripted {
    pub fn new(replies: impl IntoIterator<Item = Result<Reply, EngineError>>) -> Arc<Self> {
        Arc::new(Self {
            replies: Mutex::new(replies.into_iter().collect()),
            asks: Mutex::default(),
        })
    }

    pub fn json(replies: impl IntoIterator<Item = Value>) -> Arc<Self> {
        Self::new(replies.into_iter().map(|value| Ok(Reply::Json(value))))
    }

    pub fn engine(self: &Arc<Self>) -> ModelEngine {
        ModelEngine::new("scripted", Arc::clone(self) as Arc<dyn Chat>)
    }

    pub fn asks(&self) -> Vec<Asked> {
        self.asks.lock().unwrap().clone()
    }
}

#[async_trait]
impl Chat for Scripted {
    async fn chat(&self, ask: ChatAsk<'_>) -> Result<Answer<Reply>, Failed> {
        self.asks.lock().unwrap().push(Asked {
            name: ask.name.to_owned(),
            prompt: ask.prompt.to_owned(),
            messages: ask.messages.to_vec(),
            schema: ask.schema.cloned(),
            tools: ask.tools.iter().map(|tool| tool.tool_id.clone()).collect(),
        });
        let reply = self.replies.lock().unwrap().remove(0);
        let usage = Usage {
            usd_micros: Some(10),
            input_tokens: 100,
            output_tokens: 20,
            calls: 1,
            model: "model-1".to_owned(),
            ..Usage::default()
        };
        let calls = vec![Call {
            name: ask.name.to_owned(),
            prompt: ask.prompt.to_owned(),
            model: "model-1".to_owned(),
            ..Call::default()
        }];
        match reply {
            // What the port promises: JSON that satisfies the schema.
            Ok(reply) => {
                if let (Reply::Json(value), Some(schema)) = (&reply, ask.schema) {
                    let validator = jsonschema::validator_for(schema).unwrap();
                    let faults: Vec<String> = validator.iter_errors(value).map(|error| error.to_string()).collect();
                    assert_eq!(faults, Vec::<String>::new(), "{value}");
                }
                Ok(Answer {
                    value: reply,
                    usage,
                    calls,
                })
            }
            Err(error) => Err(Failed { error, usage, calls }),
        }
    }
}

pub fn tool_calls(calls: &[(&str, Value)]) -> Reply {
    let call = |(index, (tool_id, arguments)): (usize, &(&str, Value))| ToolCall {
        id: format!("call-{index}"),
        tool_id: (*tool_id).to_owned(),
        arguments: arguments.as_object().unwrap().clone(),
    };
    Reply::ToolCalls {
        text: String::new(),
        calls: calls.iter().enumerate().map(call).collect(),
    }
}
