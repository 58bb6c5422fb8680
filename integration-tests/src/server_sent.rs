//! Server-sent events, read as a browser would.

use crate::rest::Rest;
use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use reqwest::Method;
use serde_json::Value;
use std::time::Duration;

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerEvent {
    /// What a client sends back as `Last-Event-ID`.
    pub id: String,
    /// The CloudEvent.
    pub data: Value,
}

/// A live stream of a task's events.
pub struct ServerEvents {
    bytes: BoxStream<'static, reqwest::Result<Bytes>>,
    buffer: String,
}

impl ServerEvents {
    /// Follows a task, after the event `last_event_id` where given.
    ///
    /// # Errors
    /// Refused, or not an event stream.
    pub async fn follow(rest: &Rest, task: &str, last_event_id: Option<&str>) -> Result<Self> {
        let mut request = rest
            .request(Method::GET, &format!("/tasks/{task}/events"))
            .timeout(Duration::from_secs(300))
            .header("accept", "text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.context("no event stream")?;
        let kind = response
            .headers()
            .get("content-type")
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default();
        ensure!(
            response.status().is_success(),
            "event stream refused: {}",
            response.status()
        );
        ensure!(kind.starts_with("text/event-stream"), "events came as {kind:?}");
        Ok(Self {
            bytes: response.bytes_stream().boxed(),
            buffer: String::new(),
        })
    }

    /// The next event; comments and keep-alives are passed over. None at the end of the stream.
    ///
    /// # Errors
    /// The stream broke, stayed silent for `limit`, or sent something else than an event.
    pub async fn next(&mut self, limit: Duration) -> Result<Option<ServerEvent>> {
        loop {
            while let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.buffer = rest;
                if let Some(event) = parse(&block)? {
                    return Ok(Some(event));
                }
            }
            match tokio::time::timeout(limit, self.bytes.next()).await {
                Ok(Some(chunk)) => self
                    .buffer
                    .push_str(&String::from_utf8_lossy(&chunk?).replace("\r\n", "\n")),
                Ok(None) => return Ok(None),
                Err(_) => bail!("no event for {:.0} s", limit.as_secs_f64()),
            }
        }
    }
}

fn parse(block: &str) -> Result<Option<ServerEvent>> {
    let field = |name: &str| -> Vec<&str> {
        let lines = block.lines().filter_map(|line| line.split_once(':'));
        lines
            .filter(|(field, _)| *field == name)
            .map(|(_, value)| value.strip_prefix(' ').unwrap_or(value))
            .collect()
    };
    let data = field("data").join("\n");
    if data.is_empty() {
        return Ok(None);
    }
    let id = field("id").first().map(|id| (*id).to_owned()).unwrap_or_default();
    let data = serde_json::from_str(&data).with_context(|| format!("not an event: {block}"))?;
    Ok(Some(ServerEvent { id, data }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_becomes_an_event_and_a_comment_does_not() {
        let event = parse("id: 7\nevent: task.planned\ndata: {\"a\":1}").unwrap().unwrap();
        assert_eq!((event.id.as_str(), event.data["a"].as_i64()), ("7", Some(1)));
        assert_eq!(parse(": keep-alive").unwrap(), None);
    }
}
