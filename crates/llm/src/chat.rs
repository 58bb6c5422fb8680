//! The port to a model: one exchange of a conversation.

use crate::call::{Answer, Failed};
use crate::catalog::ToolCard;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A model behind its role. Whoever implements it retries, falls back and limits; dropping the future
/// gives the call up.
#[async_trait]
pub trait Chat: Send + Sync + 'static {
    /// The next message. With a schema the reply is JSON that satisfies it: checked here, asked for once
    /// more with what was wrong, never mended silently.
    ///
    /// # Errors
    /// Nobody answers, the provider refuses, the answer cannot be used.
    async fn chat(&self, ask: ChatAsk<'_>) -> Result<Answer<Reply>, Failed>;
}

/// One exchange.
#[derive(Clone, Copy, Debug)]
pub struct ChatAsk<'a> {
    /// What it is for, as [`crate::Call::name`] says it.
    pub name: &'a str,
    /// Template and version of the prompt, as `plan@1`.
    pub prompt: &'a str,
    /// Size of the model.
    pub tier: Tier,
    /// The conversation so far.
    pub messages: &'a [Message],
    /// JSON Schema of the reply; none: free text.
    pub schema: Option<&'a Value>,
    /// What the model may call; with any, the reply may be [`Reply::ToolCalls`].
    pub tools: &'a [ToolCard],
    /// Most tokens of the reply; none: the configured bound.
    pub max_output_tokens: Option<u32>,
}

/// A message of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// Standing instructions.
    System(String),
    /// What is asked.
    User(String),
    /// What the model said.
    Assistant {
        /// May be empty beside calls.
        text: String,
        /// Tools it wants called.
        calls: Vec<ToolCall>,
    },
    /// What a tool answered.
    Tool {
        /// [`ToolCall::id`].
        call_id: String,
        /// JSON text of its output, or why there is none.
        content: String,
        /// There is no output.
        failed: bool,
    },
}

/// A tool the model wants called.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    /// The provider's; echoed with the answer.
    pub id: String,
    /// The tool.
    pub tool_id: String,
    /// As the model wrote them; not checked.
    pub arguments: Map<String, Value>,
}

/// What the model said.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Free text; no schema was given.
    Text(String),
    /// Satisfies the schema.
    Json(Value),
    /// Tools to call before it goes on.
    ToolCalls {
        /// What it said beside.
        text: String,
        /// At least one.
        calls: Vec<ToolCall>,
    },
}

/// Size of the model.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// For simple steps.
    Small,
    /// The default.
    #[default]
    Standard,
    /// For what is hard.
    Large,
}
