//! Many messages of one stream with one acknowledgement: the fast ingest of NATS 2.14 (its ADR-50).
//!
//! Each message of a burst is stored as it comes, under its own id. The server counts them and gives
//! the burst up at the first gap, so its one answer tells whether all are stored. The reply subject of
//! message `n` is `<inbox>.<burst>.<flow>.fail.<n>.<operation>.$FI`.

use super::{Outgoing, PublishError};
use crate::connection::Bus;
use async_nats::Message;
use futures::StreamExt;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// Messages of one burst at most; also how many the server is asked to take between two words of its own.
pub const MAX_BURST: usize = 500;
/// The stream was created without `allow_batched`.
const NOT_ALLOWED: u64 = 10205;

/// What a server says about a burst.
#[derive(Deserialize)]
struct Word {
    /// `ack`, `gap` or `err`: something on the way. Absent: the end.
    #[serde(rename = "type")]
    on_the_way: Option<String>,
    /// At the end: of the last message, in the stream.
    seq: Option<u64>,
    /// At the end: messages stored, or known already.
    count: Option<u64>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    err_code: u64,
    description: String,
}

type End = Result<(u64, u64), String>;
type Waiting = Mutex<HashMap<u64, oneshot::Sender<End>>>;

struct Inner {
    inbox: String,
    number: AtomicU64,
    waiting: Waiting,
    refused: AtomicBool,
}

/// The bursts of one publisher; it listens for their answers as long as it lives.
pub struct Bursts {
    inner: Arc<Inner>,
    bus: Bus,
    listener: tokio::task::AbortHandle,
}

/// A burst on its way.
pub struct PendingBurst {
    inner: Arc<Inner>,
    number: u64,
    count: u64,
    end: oneshot::Receiver<End>,
}

impl Bursts {
    /// Begins to listen.
    ///
    /// # Errors
    /// There is no connection.
    pub async fn open(bus: &Bus, deadline: Instant) -> Result<Self, PublishError> {
        if !bus.is_connected() {
            return Err(PublishError::Disconnected);
        }
        let inbox = bus.client().new_inbox();
        let answers = timeout_at(deadline, bus.client().subscribe(format!("{inbox}.>"))).await;
        let answers = answers.map_err(|_elapsed| PublishError::TimedOut)?;
        let mut answers = answers.map_err(|_closed| PublishError::Disconnected)?;
        let inner = Arc::new(Inner {
            inbox,
            number: AtomicU64::new(0),
            waiting: Waiting::default(),
            refused: AtomicBool::new(false),
        });
        let hears = Arc::clone(&inner);
        let listener = tokio::spawn(async move {
            while let Some(answer) = answers.next().await {
                hears.hear(&answer);
            }
        });
        Ok(Self {
            inner,
            bus: bus.clone(),
            listener: listener.abort_handle(),
        })
    }

    /// The server knows bursts, and the stream has not refused them.
    pub fn are_welcome(&self) -> bool {
        self.bus.takes_bursts() && !self.inner.refused.load(Ordering::Relaxed)
    }

    /// Sends 1-[`MAX_BURST`] messages for one stream, in order.
    ///
    /// # Errors
    /// See [`PublishError`]; some of the messages may have been sent and stored.
    pub async fn publish(&self, messages: Vec<Outgoing>, deadline: Instant) -> Result<PendingBurst, PublishError> {
        messages.iter().try_for_each(|message| self.bus.may_send(message))?;
        let number = self.inner.number.fetch_add(1, Ordering::Relaxed);
        let (sender, end) = oneshot::channel();
        self.inner.waiting().insert(number, sender);
        let count = messages.len();
        let pending = PendingBurst {
            inner: Arc::clone(&self.inner),
            number,
            count: u64::try_from(count).unwrap_or(u64::MAX),
            end,
        };
        // The burst's name is one element and must be unique on the stream; an inbox is.
        let unique = self.inner.inbox.replace('.', "-");
        let reply = format!("{}.{unique}-{number}.{MAX_BURST}.fail", self.inner.inbox);
        for (place, message) in (1..=count).zip(messages) {
            let operation = match place {
                _ if place == count => 2,
                1 => 0,
                _ => 1,
            };
            let reply = format!("{reply}.{place}.{operation}.$FI");
            let headers = message.header_map();
            let sent =
                self.bus
                    .client()
                    .publish_with_reply_and_headers(message.subject, reply, headers, message.payload);
            match timeout_at(deadline, sent).await {
                Err(_elapsed) => return Err(PublishError::TimedOut),
                Ok(Err(error)) => {
                    return Err(PublishError::Refused {
                        reason: error.to_string(),
                    });
                }
                Ok(Ok(())) => {}
            }
        }
        Ok(pending)
    }
}

impl Drop for Bursts {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl PendingBurst {
    /// The stream sequence of the last message that was new, once all are stored or known already.
    ///
    /// # Errors
    /// See [`PublishError`]; some of the messages may be stored.
    pub async fn stored(mut self, deadline: Instant) -> Result<u64, PublishError> {
        let end = timeout_at(deadline, &mut self.end).await;
        match end.map_err(|_elapsed| PublishError::TimedOut)? {
            // All were known already; where they are is not told.
            Ok(Ok((0, _))) => Err(PublishError::Refused {
                reason: "all messages were stored before".to_owned(),
            }),
            Ok(Ok((last, count))) if count == self.count => Ok(last),
            Ok(Ok((_, count))) => Err(PublishError::Refused {
                reason: format!("{count} of {} messages are stored", self.count),
            }),
            Ok(Err(reason)) => Err(PublishError::Refused { reason }),
            Err(_gone) => Err(PublishError::TimedOut),
        }
    }
}

impl Drop for PendingBurst {
    fn drop(&mut self) {
        self.inner.waiting().remove(&self.number);
    }
}

impl Inner {
    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<End>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, answer: &Message) {
        let name = answer
            .subject
            .strip_prefix(&self.inbox)
            .and_then(|rest| rest.split('.').nth(1));
        let number = name.and_then(|name| name.rsplit('-').next()?.parse().ok());
        let Some(number) = number else { return };
        if let Some(end) = self.read(&answer.payload)
            && let Some(waiter) = self.waiting().remove(&number)
        {
            // Whoever waited may have given up.
            drop(waiter.send(end));
        }
    }

    /// Only an end ends a burst: after a gap or an error on the way the server gives it up by itself.
    fn read(&self, payload: &[u8]) -> Option<End> {
        let word: Word = match serde_json::from_slice(payload) {
            Ok(word) => word,
            Err(error) => return Some(Err(format!("the answer cannot be read: {error}"))),
        };
        if let Some(refusal) = word.error {
            if refusal.err_code == NOT_ALLOWED {
                self.refused.store(true, Ordering::Relaxed);
            }
            return Some(Err(refusal.description));
        }
        match (word.on_the_way, word.seq, word.count) {
            (Some(_), _, _) => None,
            (None, Some(last), Some(count)) => Some(Ok((last, count))),
            // A burst of one message is acknowledged like any message.
            (None, Some(last), None) => Some(Ok((last, 1))),
            (None, None, _) => Some(Err("no stream takes these messages".to_owned())),
        }
    }
}
