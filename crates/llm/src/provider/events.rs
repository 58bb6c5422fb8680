//! A stream of server-sent events, put together to a whole answer.

use super::{Assembler, Fault, FaultKind, text};
use eventsource_stream::{EventStreamError, Eventsource};
use futures::TryStreamExt;
use outbound::{OutboundError, Streaming};
use serde_json::Value;

/// Reads to the end of the answer; what comes after it is not waited for.
pub(super) async fn assemble(answer: Streaming, mut assembler: Box<dyn Assembler>) -> Result<Value, Fault> {
    let pieces = futures::stream::try_unfold(answer, |mut answer| async move {
        Ok::<_, OutboundError>(answer.chunk().await?.map(|piece| (piece, answer)))
    });
    let mut events = std::pin::pin!(pieces.eventsource());
    while let Some(event) = events.try_next().await.map_err(fault)? {
        let data = event.data.trim();
        if data == "[DONE]" {
            break;
        }
        if data.is_empty() {
            continue;
        }
        let data: Value =
            serde_json::from_str(data).map_err(|error| Fault::broken(&format!("an event is no JSON: {error}")))?;
        if let Some(error) = data.get("error").filter(|error| !error.is_null()) {
            return Err(told(error));
        }
        if assembler.event(&data)? {
            break;
        }
    }
    assembler
        .whole()
        .ok_or_else(|| Fault::broken("the stream ended before the answer did"))
}

fn fault(error: EventStreamError<OutboundError>) -> Fault {
    match error {
        EventStreamError::Transport(error) => Fault::of_outbound(&error),
        EventStreamError::Utf8(_) => Fault::broken("the stream is no UTF-8"),
        EventStreamError::Parser(_) => Fault::broken("the stream holds no events"),
    }
}

/// An error told within the stream, after a status that promised success.
fn told(error: &Value) -> Fault {
    let words = error.as_str().unwrap_or_else(|| text(error, "message"));
    let kind = match (error.get("code").and_then(Value::as_u64), text(error, "type")) {
        (Some(429), _) | (_, "rate_limit_error" | "rate_limit_exceeded") => FaultKind::RateLimited,
        (Some(400 | 401 | 402 | 403 | 404 | 413 | 422), _)
        | (_, "invalid_request_error" | "authentication_error" | "permission_error" | "not_found_error") => {
            FaultKind::Rejected
        }
        _ => FaultKind::Failing,
    };
    Fault::new(kind, words)
}
