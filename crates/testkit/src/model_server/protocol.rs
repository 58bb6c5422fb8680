//! Answers in the words of either protocol.

use super::{Say, content};
use axum::body::Body;
use axum::http::header;
use axum::response::Response;
use futures::stream;
use serde_json::{Value, json};
use std::time::Duration;

/// Pieces of a streamed text.
const PIECES: usize = 4;

struct Answer {
    text: String,
    cut_off: bool,
    refuses: bool,
    usage: (Value, Value),
    pause: Duration,
    streams: bool,
    ending: Ending,
}

/// How a stream ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Well,
    Broken,
    Never,
}

pub(super) async fn answer(path: &str, asked: &Value, say: Say) -> Response<Body> {
    let mut answer = Answer {
        text: String::new(),
        cut_off: false,
        refuses: false,
        usage: (json!(120), json!(40)),
        pause: Duration::ZERO,
        streams: asked["stream"] == true,
        ending: Ending::Well,
    };
    match &say {
        Say::Silent => std::future::pending().await,
        Say::Fails(status, retry_after) => return failing(*status, *retry_after),
        Say::Raw {
            status,
            content_type,
            body,
        } => return response(*status, content_type, Body::from(body.clone())),
        Say::Words(words) | Say::SlowWords(_, words) => answer.text.clone_from(words),
        Say::Refuses => answer.refuses = true,
        _ => answer.text = content::of(asked),
    }
    match say {
        Say::Whole => answer.streams = false,
        Say::Fenced => answer.text = format!("```json\n{}\n```", answer.text),
        Say::CutOff => {
            let half: String = answer.text.chars().take(answer.text.chars().count() / 2).collect();
            answer.text = half;
            answer.cut_off = true;
        }
        Say::Slowly(pause) | Say::SlowWords(pause, _) => answer.pause = pause,
        Say::WrongUsage => answer.usage = (json!(-5), json!(1_000_000_000_000_u64)),
        Say::NoUsage => answer.usage = (Value::Null, Value::Null),
        Say::HangsUp => answer.ending = Ending::Broken,
        Say::Stalls => answer.ending = Ending::Never,
        _ => {}
    }
    if path.ends_with("/messages") {
        anthropic(asked, &answer)
    } else {
        openai(asked, &answer)
    }
}

fn openai(asked: &Value, answer: &Answer) -> Response<Body> {
    let usage = json!({"prompt_tokens": answer.usage.0, "completion_tokens": answer.usage.1});
    let refusal = answer.refuses.then_some("I cannot help with that.");
    let reason = if answer.cut_off { "length" } else { "stop" };
    if !answer.streams {
        let message = json!({"role": "assistant", "content": answer.text, "refusal": refusal});
        let choice = json!({"index": 0, "message": message, "finish_reason": reason});
        return whole(&json!({"model": asked["model"], "choices": [choice], "usage": usage}));
    }
    let chunk = |delta: Value, reason: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": reason});
        json!({"object": "chat.completion.chunk", "model": asked["model"], "choices": [choice]}).to_string()
    };
    let mut events = vec![chunk(json!({"role": "assistant", "content": ""}), Value::Null)];
    events.extend(pieces(&answer.text).map(|piece| chunk(json!({"content": piece}), Value::Null)));
    if let Some(refusal) = refusal {
        events.push(chunk(json!({"refusal": refusal}), Value::Null));
    }
    if answer.ending == Ending::Well {
        events.push(chunk(json!({}), json!(reason)));
        events.push(json!({"model": asked["model"], "choices": [], "usage": usage}).to_string());
        events.push("[DONE]".to_owned());
    }
    streamed(events, answer)
}

fn anthropic(asked: &Value, answer: &Answer) -> Response<Body> {
    let usage = json!({"input_tokens": answer.usage.0, "output_tokens": answer.usage.1});
    let reason = match (answer.refuses, answer.cut_off) {
        (true, _) => "refusal",
        (_, true) => "max_tokens",
        _ => "end_turn",
    };
    if !answer.streams {
        let content = json!([{"type": "text", "text": answer.text}]);
        return whole(&json!({"model": asked["model"], "content": content, "stop_reason": reason, "usage": usage}));
    }
    let start = json!({"type": "message_start", "message": {"model": asked["model"], "content": [], "usage": usage}});
    let block = json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}});
    let mut events = vec![start, json!({"type": "ping"}), block];
    events.extend(pieces(&answer.text).map(
        |piece| json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}),
    ));
    if answer.ending == Ending::Well {
        let end = json!({"stop_reason": reason, "stop_sequence": null});
        let used = json!({"output_tokens": answer.usage.1});
        events.push(json!({"type": "content_block_stop", "index": 0}));
        events.push(json!({"type": "message_delta", "delta": end, "usage": used}));
        events.push(json!({"type": "message_stop"}));
    }
    streamed(events.iter().map(Value::to_string).collect(), answer)
}

fn pieces(text: &str) -> impl Iterator<Item = String> + use<> {
    let characters: Vec<char> = text.chars().collect();
    let size = characters.len().div_ceil(PIECES).max(1);
    let pieces: Vec<String> = characters.chunks(size).map(|piece| piece.iter().collect()).collect();
    pieces.into_iter()
}

fn streamed(events: Vec<String>, answer: &Answer) -> Response<Body> {
    let (pause, ending) = (answer.pause, answer.ending);
    let events = stream::unfold(events.into_iter(), move |mut events| async move {
        tokio::time::sleep(pause).await;
        let next: Result<String, std::io::Error> = match (events.next(), ending) {
            (Some(event), _) => Ok(format!("data: {event}\n\n")),
            (None, Ending::Well) => return None,
            (None, Ending::Broken) => Err(std::io::Error::other("told to hang up")),
            (None, Ending::Never) => std::future::pending().await,
        };
        Some((next, events))
    });
    response(200, "text/event-stream", Body::from_stream(events))
}

fn whole(answer: &Value) -> Response<Body> {
    response(200, "application/json", Body::from(answer.to_string()))
}

fn failing(status: u16, retry_after: Option<&str>) -> Response<Body> {
    let error = json!({"error": {"message": "told to fail", "type": "scripted"}});
    let mut answer = response(status, "application/json", Body::from(error.to_string()));
    if let Some(value) = retry_after.and_then(|text| text.parse().ok()) {
        answer.headers_mut().insert(header::RETRY_AFTER, value);
    }
    answer
}

fn response(status: u16, content_type: &str, body: Body) -> Response<Body> {
    let mut answer = Response::new(body);
    if let Ok(status) = axum::http::StatusCode::from_u16(status) {
        *answer.status_mut() = status;
    }
    if let Ok(kind) = content_type.parse() {
        answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    answer
}
