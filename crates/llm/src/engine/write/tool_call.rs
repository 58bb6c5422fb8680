//! A tool called by an agent.

use super::result::bounded;
use crate::call::{Call, CallKind, Usage};
use crate::chat::ToolCall;
use crate::port::ToolBox;
use serde_json::Value;
use tokio::time::Instant;

/// Characters of an output that a model is shown; a longer one is cut, and says so.
const SHOWN_CHARS: usize = 16_000;
const REASON_CHARS: usize = 1_000;

/// Calls it; the text is for the model.
///
/// # Errors
/// Why there is no output, for the model too.
pub async fn made(tools: &dyn ToolBox, call: &ToolCall, trail: &mut super::Trail) -> Result<String, String> {
    let began = Instant::now();
    let known = tools.cards().iter().any(|card| card.tool_id == call.tool_id);
    let answer = if known {
        tools.call(&call.tool_id, call.arguments.clone()).await
    } else {
        Err(format!("there is no tool {:?}", call.tool_id))
    };
    let (answer, usage) = match answer {
        Ok(output) => (Ok(output.value), output.usage),
        // Whether the receiver charges for what failed, nobody knows.
        Err(reason) if known => (Err(reason), Usage::default()),
        Err(reason) => (Err(reason), Usage::free("")),
    };
    let answer = answer.map_err(|reason| cut(&reason, REASON_CHARS));
    trail.note(Call {
        kind: CallKind::Tool,
        name: call.tool_id.chars().take(200).collect(),
        duration: began.elapsed(),
        usage,
        error: match &answer {
            Ok(_) => String::new(),
            Err(_) if known => "tool_failed".to_owned(),
            Err(_) => "tool_unknown".to_owned(),
        },
        detail: answer.as_ref().err().cloned().unwrap_or_default(),
        input: Some(bounded(Value::Object(call.arguments.clone()))),
        output: answer.as_ref().ok().cloned().map(bounded),
        ..Call::default()
    });
    answer.map(|output| cut(&output.to_string(), SHOWN_CHARS))
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!(
            "{} … (cut after {most} characters)",
            text.get(..end).unwrap_or_default()
        ),
        None => text.to_owned(),
    }
}
