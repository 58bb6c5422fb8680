//! A watch as Server-Sent Events.

use crate::live::{Event, Watch};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use http::{HeaderValue, header};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// A comment this often keeps proxies from closing a quiet stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How soon a client comes again after a cut.
const RETRY: Duration = Duration::from_secs(1);

/// `id` is the sequence, `event` the CloudEvent's type, `data` the CloudEvent. Ends after the last
/// event; a client that was cut off goes on with `Last-Event-ID`.
pub fn respond(watch: Watch) -> Response {
    let hello = futures::stream::iter([sse::Event::default().retry(RETRY)]);
    let events = watch.into_stream().map(|event| frame(&event));
    let frames = hello.chain(events).map(Ok::<_, Infallible>);
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE).text("keep-alive");
    let mut response = Sse::new(frames).keep_alive(keep_alive).into_response();
    // Told to reverse proxies that would collect the stream before passing it on.
    response
        .headers_mut()
        .insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn frame(event: &Arc<Event>) -> sse::Event {
    // axum panics on line breaks in these two fields.
    let kind: String = event.kind.chars().filter(|c| !c.is_control()).collect();
    sse::Event::default()
        .id(event.sequence.to_string())
        .event(kind)
        .data(&event.json)
}
