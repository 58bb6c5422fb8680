//! Where live events come from: a plain subscription to the subjects of the events stream.

use async_nats::HeaderMap;
use bus::{Bus, Token};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt};
use serde::Deserialize;
use std::borrow::Cow;
use uuid::Uuid;
use workflow::vocabulary::EventKind;

/// Header that names the task.
const SUBJECT: &str = "ce-subject";

/// An event as it came.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its task.
    pub task: Uuid,
    /// Structured CloudEvent.
    pub payload: Bytes,
}

/// There is no subscription at present.
#[derive(thiserror::Error, Debug)]
#[error("cannot subscribe to events: {0}")]
pub struct FeedError(pub String);

/// A source of live events; may lose, repeat and reorder.
pub trait Feed: Send + Sync + 'static {
    /// Every event of every task from now on. The stream ends when the source goes away.
    fn subscribe(&self) -> BoxFuture<'_, Result<BoxStream<'static, Message>, FeedError>>;

    /// Events can arrive at present.
    fn is_connected(&self) -> bool;
}

/// Events from NATS.
pub struct NatsFeed {
    bus: Bus,
    tenant: Token,
}

impl NatsFeed {
    /// Events of one tenant.
    pub fn new(bus: Bus, tenant: Token) -> Self {
        Self { bus, tenant }
    }
}

impl Feed for NatsFeed {
    fn subscribe(&self) -> BoxFuture<'_, Result<BoxStream<'static, Message>, FeedError>> {
        Box::pin(async move {
            let mut subscriptions = Vec::with_capacity(EventKind::ALL.len());
            for kind in EventKind::ALL
                .iter()
                .filter(|kind| !matches!(kind.entity(), "tool" | "pattern"))
            {
                let subject = self.bus.names().event_subject(*kind, &self.tenant);
                let subscription = self.bus.client().subscribe(subject).await;
                subscriptions.push(subscription.map_err(|error| FeedError(error.to_string()))?);
            }
            let messages = stream::select_all(subscriptions).filter_map(|message| async move {
                let task = task_of(message.headers.as_ref(), &message.payload)?;
                Some(Message {
                    task,
                    payload: message.payload,
                })
            });
            Ok(messages.boxed())
        })
    }

    fn is_connected(&self) -> bool {
        self.bus.is_connected()
    }
}

/// By header, else by the event itself.
fn task_of(headers: Option<&HeaderMap>, payload: &[u8]) -> Option<Uuid> {
    #[derive(Deserialize)]
    struct Subject<'a> {
        #[serde(borrow)]
        subject: Cow<'a, str>,
    }
    match headers.and_then(|headers| headers.get(SUBJECT)) {
        Some(subject) => Uuid::try_parse(subject.as_str()).ok(),
        None => {
            let event: Subject = serde_json::from_slice(payload).ok()?;
            Uuid::try_parse(&event.subject).ok()
        }
    }
}

/// No live events at all: every watch reads from the coordinator.
pub struct NoFeed;

impl Feed for NoFeed {
    fn subscribe(&self) -> BoxFuture<'_, Result<BoxStream<'static, Message>, FeedError>> {
        Box::pin(std::future::ready(Ok(stream::pending().boxed())))
    }

    fn is_connected(&self) -> bool {
        false
    }
}
