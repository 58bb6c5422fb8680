//! A task's events as they happen, through cuts of the connection.

mod frame;

use crate::http::checked;
use crate::tasks::segment;
use crate::{Client, ClientError};
use bytes::Bytes;
use frame::{Frame, Frames};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::time::Duration;

/// Cuts in a row, without an event between them, before the stream gives up.
const MAX_CUTS: u32 = 30;
const RETRY: Duration = Duration::from_secs(1);

/// One event of a task.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Per task from 1, without gap.
    pub sequence: u64,
    /// CloudEvent type.
    pub kind: String,
    /// The CloudEvent.
    pub event: Value,
}

impl Event {
    /// The short name, such as `task.completed`.
    pub fn name(&self) -> &str {
        let name = self.kind.strip_prefix("io.orchestrator.").unwrap_or(&self.kind);
        name.rsplit_once(".v").map_or(name, |(name, _version)| name)
    }

    /// The last event a task can have.
    pub fn is_last(&self) -> bool {
        matches!(
            self.name(),
            "task.completed" | "task.rejected" | "task.failed" | "task.cancelled"
        )
    }
}

/// Every event of a task once, in order, until the last.
pub struct EventStream {
    client: Client,
    path: String,
    last: u64,
    frames: Frames,
    bytes: Option<BoxStream<'static, Result<Bytes, reqwest::Error>>>,
    cuts: u32,
    ended: bool,
}

impl Client {
    /// Watches a task from behind sequence `after` on.
    pub fn watch(&self, task_id: &str, after: u64) -> EventStream {
        EventStream {
            client: self.clone(),
            path: format!("/tasks/{}/events", segment(task_id)),
            last: after,
            frames: Frames::default(),
            bytes: None,
            cuts: 0,
            ended: false,
        }
    }
}

impl EventStream {
    /// The next event; none after the last one. A broken connection is taken up again where it was.
    ///
    /// # Errors
    /// What the gateway refuses, or that it stays away for long.
    pub async fn next(&mut self) -> Result<Option<Event>, ClientError> {
        while !self.ended {
            if let Some(frame) = self.frames.next()? {
                if let Some(event) = self.accept(frame)? {
                    return Ok(Some(event));
                }
                continue;
            }
            if let Err(error) = self.advance().await {
                self.bytes = None;
                self.cuts += 1;
                if !error.is_retryable() || self.cuts > MAX_CUTS {
                    return Err(error);
                }
                tokio::time::sleep(RETRY).await;
            }
        }
        Ok(None)
    }

    /// As a stream that ends after the last event or the first error.
    pub fn into_stream(self) -> impl Stream<Item = Result<Event, ClientError>> + Send {
        futures::stream::unfold(Some(self), |watch| async move {
            let mut watch = watch?;
            match watch.next().await {
                Ok(event) => event.map(|event| (Ok(event), Some(watch))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    /// Connects, or reads a piece.
    async fn advance(&mut self) -> Result<(), ClientError> {
        let Some(bytes) = self.bytes.as_mut() else {
            return self.connect().await;
        };
        match bytes.next().await {
            Some(piece) => self.frames.push(&piece?),
            // The gateway closed before the last event: it drains, another one takes over.
            None => {
                self.bytes = None;
                tokio::time::sleep(RETRY).await;
            }
        }
        Ok(())
    }

    async fn connect(&mut self) -> Result<(), ClientError> {
        let request = self.client.request(Method::GET, &self.path);
        let request = request
            .header("accept", "text/event-stream")
            .header("last-event-id", self.last);
        let response = checked(request.send().await?).await?;
        self.frames = Frames::default();
        if response.status() == StatusCode::NO_CONTENT {
            self.ended = true;
        } else {
            self.bytes = Some(response.bytes_stream().boxed());
        }
        Ok(())
    }

    fn accept(&mut self, frame: Frame) -> Result<Option<Event>, ClientError> {
        let Some(sequence) = frame.id.parse().ok().filter(|sequence| *sequence > self.last) else {
            return Ok(None);
        };
        let event = Event {
            sequence,
            kind: frame.event,
            event: serde_json::from_str(&frame.data).map_err(ClientError::Unreadable)?,
        };
        self.last = sequence;
        self.cuts = 0;
        self.ended = event.is_last();
        Ok(Some(event))
    }
}

#[cfg(test)]
mod tests;
