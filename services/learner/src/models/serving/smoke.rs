//! The first question to a model: JSON by a schema, asked in the way that workers ask.

use llm::{Answer, Chat, ChatAsk, Chosen, EngineError, Message, ModelRef, Reply, Tier};
use serde_json::json;
use std::sync::Arc;

const QUESTION: &str = "Say that you are ready: answer with JSON in which `ready` is true.";

/// Asks it.
#[derive(Clone)]
pub struct Smoke(pub Arc<dyn Chat>);

/// Why the answer is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// Nobody answers just now.
    Away(String),
    /// The answer is not what was asked for.
    Wrong(String),
}

impl Smoke {
    /// The name that the answer bears.
    ///
    /// # Errors
    /// When there is none that could be used.
    pub async fn ask(&self, provider: &str, model: &str) -> Result<String, NoAnswer> {
        let chosen = Chosen {
            model: ModelRef {
                provider: provider.to_owned(),
                model: model.to_owned(),
            },
            // It is learnt.
            answers_as: String::new(),
        };
        let schema = json!({
            "type": "object", "properties": {"ready": {"type": "boolean"}},
            "required": ["ready"], "additionalProperties": false,
        });
        let messages = [Message::User(QUESTION.to_owned())];
        let ask = ChatAsk {
            name: "smoke_test",
            prompt: "smoke_test@1",
            tier: Tier::Standard,
            messages: &messages,
            schema: Some(&schema),
            tools: &[],
            max_output_tokens: None,
        };
        match llm::asking(vec![chosen], None, self.0.chat(ask)).await {
            Ok(Answer {
                value: Reply::Json(_),
                usage,
                ..
            }) => Ok(usage.model),
            Ok(_) => Err(NoAnswer::Wrong("the answer is no JSON".to_owned())),
            Err(failed) => Err(match failed.error {
                EngineError::Away { .. } | EngineError::OutOfTime(_) => NoAnswer::Away(failed.error.to_string()),
                other => NoAnswer::Wrong(other.to_string()),
            }),
        }
    }
}
