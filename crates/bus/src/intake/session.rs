//! One subscription of a reader, from its first pull request to its end.

use super::{Delivery, Feeder};
use crate::connection::{Bus, Connection};
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::consumer::pull::BatchConfig;
use async_nats::{Message, StatusCode, Subject, Subscriber};
use futures::{FutureExt, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, interval, timeout};

/// The server holds a pull request this long.
const EXPIRES: Duration = Duration::from_secs(30);
/// While it holds one, it gives a sign of life this often.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Without a sign of life this long the consumer is taken for lost.
const STALLED: Duration = Duration::from_secs(12);
/// Wait for what is under way when the gate shuts.
const DRAIN: Duration = Duration::from_secs(2);
/// Handed on together at most.
const MAX_BATCH: usize = 256;

/// Why a session ended.
pub(super) enum SessionEnd {
    /// Nobody listens any more.
    Finished,
    /// The gate was shut.
    Shut,
    /// The connection is another one; pull requests did not survive.
    Reconnected,
    /// The consumer is gone, or silent.
    Lost {
        /// Since the session began.
        lived: Duration,
    },
}

/// The consumer does not exist any more, or not here.
struct ConsumerLost;

pub(super) struct Session {
    bus: Bus,
    consumer: PullConsumer,
    inbox: Subject,
    subscriber: Subscriber,
    generation: u64,
    room: Arc<Semaphore>,
    capacity: usize,
    /// Room for what was asked for and has not come.
    asked: OwnedSemaphorePermit,
    began: Instant,
    heard: Instant,
}

impl Session {
    /// Subscribes. `None` when there is no connection any more.
    pub(super) async fn open(feeder: &Feeder, consumer: PullConsumer, generation: u64) -> Option<Self> {
        let inbox = Subject::from(feeder.bus.client().new_inbox());
        let subscriber = feeder.bus.client().subscribe(inbox.clone()).await.ok()?;
        // An empty permit, to which all that is asked for is added.
        let asked = Arc::clone(&feeder.room).try_acquire_many_owned(0).ok()?;
        Some(Self {
            bus: feeder.bus.clone(),
            consumer,
            inbox,
            subscriber,
            generation,
            room: Arc::clone(&feeder.room),
            capacity: feeder.capacity,
            asked,
            began: Instant::now(),
            heard: Instant::now(),
        })
    }

    /// Pulls and hands on until something ends it.
    pub(super) async fn run(
        mut self,
        gate: &mut watch::Receiver<bool>,
        sink: &(impl Fn(Vec<Delivery>) -> bool + Send),
    ) -> SessionEnd {
        let mut connection = self.bus.watch_connection();
        let mut watchdog = interval(HEARTBEAT);
        loop {
            let generation = self.generation;
            tokio::select! {
                message = self.subscriber.next() => {
                    let Some(message) = message else { return self.lost() };
                    match self.take_ready(message, sink) {
                        Ok(()) => {}
                        Err(end) => return end,
                    }
                }
                permit = Arc::clone(&self.room).acquire_owned(), if self.asked.num_permits() * 2 < self.capacity => {
                    let Ok(permit) = permit else { return SessionEnd::Finished };
                    if self.ask(permit).await.is_none() {
                        return self.lost();
                    }
                }
                finished = shut(gate) => {
                    self.give_back().await;
                    return if finished { SessionEnd::Finished } else { SessionEnd::Shut };
                }
                () = replaced(&mut connection, generation) => {
                    // What came before the connection broke is as good as any.
                    return self.hand_on_rest(sink);
                }
                _ = watchdog.tick() => {
                    if self.asked.num_permits() > 0 && self.heard.elapsed() > STALLED {
                        return self.lost();
                    }
                }
            }
        }
    }

    /// Asks for as much as there is room for.
    async fn ask(&mut self, mut permit: OwnedSemaphorePermit) -> Option<()> {
        let more = u32::try_from(self.room.available_permits()).unwrap_or(u32::MAX);
        if let Ok(more) = Arc::clone(&self.room).try_acquire_many_owned(more) {
            permit.merge(more);
        }
        let request = BatchConfig {
            batch: permit.num_permits(),
            expires: Some(EXPIRES),
            idle_heartbeat: HEARTBEAT,
            ..BatchConfig::default()
        };
        self.consumer.request_batch(request, self.inbox.clone()).await.ok()?;
        if self.asked.num_permits() == 0 {
            self.heard = Instant::now();
        }
        self.asked.merge(permit);
        Some(())
    }

    /// Hands on a message and all that are there already.
    fn take_ready(&mut self, first: Message, sink: &(impl Fn(Vec<Delivery>) -> bool + Send)) -> Result<(), SessionEnd> {
        self.heard = Instant::now();
        let mut batch = Vec::new();
        let mut lost = false;
        let mut next = Some(first);
        while let Some(message) = next {
            lost |= self.hear(message, &mut batch).is_err();
            next = if batch.len() < MAX_BATCH {
                self.subscriber.next().now_or_never().flatten()
            } else {
                None
            };
        }
        if !batch.is_empty() && !sink(batch) {
            return Err(SessionEnd::Finished);
        }
        if lost { Err(self.lost()) } else { Ok(()) }
    }

    /// Adds a delivery to the batch, or notes what became of a request.
    fn hear(&mut self, message: Message, batch: &mut Vec<Delivery>) -> Result<(), ConsumerLost> {
        let status = match message.status {
            Some(status) if status != StatusCode::OK => status,
            _ => {
                if let Some(room) = self.take_room() {
                    batch.push(Delivery::new(self.bus.clone(), message, self.generation, room));
                }
                return Ok(());
            }
        };
        if status == StatusCode::IDLE_HEARTBEAT {
            return Ok(());
        }
        // A request that ended tells how much of it was not used; anything else ends the consumer.
        let headers = message.headers.as_ref();
        let unused = headers
            .and_then(|headers| headers.get("Nats-Pending-Messages"))
            .and_then(|count| count.as_str().parse().ok());
        let Some(unused) = unused else {
            tracing::debug!(%status, description = message.description.as_deref(), "pull ended");
            return Err(ConsumerLost);
        };
        let unused = self.asked.num_permits().min(unused);
        drop(self.asked.split(unused));
        Ok(())
    }

    /// The room that was taken when the message was asked for.
    fn take_room(&mut self) -> Option<OwnedSemaphorePermit> {
        // The server never sends more than was asked for; if it did, the message would come again.
        self.asked
            .split(1)
            .or_else(|| Arc::clone(&self.room).try_acquire_owned().ok())
    }

    fn hand_on_rest(mut self, sink: &(impl Fn(Vec<Delivery>) -> bool + Send)) -> SessionEnd {
        while let Some(message) = self.subscriber.next().now_or_never().flatten() {
            if let Err(SessionEnd::Finished) = self.take_ready(message, sink) {
                return SessionEnd::Finished;
            }
        }
        SessionEnd::Reconnected
    }

    /// Ends the subscription and hands back what still came over it.
    async fn give_back(&mut self) {
        if self.subscriber.drain().await.is_err() {
            return;
        }
        let rest = async {
            while let Some(message) = self.subscriber.next().await {
                let mut late = Vec::new();
                if self.hear(message, &mut late).is_err() {
                    break;
                }
                for delivery in late {
                    delivery.nak().await;
                }
            }
        };
        drop(timeout(DRAIN, rest).await);
    }

    fn lost(&self) -> SessionEnd {
        SessionEnd::Lost {
            lived: self.began.elapsed(),
        }
    }
}

/// Waits for the gate to shut; true when it is gone for good.
async fn shut(gate: &mut watch::Receiver<bool>) -> bool {
    gate.wait_for(|open| !*open).await.is_err()
}

/// Waits for another connection than that of `generation`.
async fn replaced(connection: &mut watch::Receiver<Connection>, generation: u64) {
    // The sender lives as long as the client.
    drop(connection.wait_for(|state| state.generation != generation).await);
}
