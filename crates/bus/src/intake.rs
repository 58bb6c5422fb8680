//! Reading a durable consumer: pulled by free room, healed by itself.
//!
//! One subscription lives as long as the connection. Pull requests go out as room becomes free, so an
//! idle reader sends one in 30 s and a busy one a request per half of its room. Nothing here polls.

mod delivery;
mod session;

pub use delivery::{Delivery, ack_all};

use crate::connection::Bus;
use crate::topology::{self, ConsumerSpec, TopologyError};
use session::{Session, SessionEnd};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::sleep;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A stream of deliveries; at most `capacity` of them exist at once.
pub struct Intake {
    deliveries: mpsc::UnboundedReceiver<Vec<Delivery>>,
    taken: VecDeque<Delivery>,
    fault: watch::Receiver<Option<TopologyError>>,
    /// Never shut; kept because a feeder ends when its gate is gone.
    _gate: watch::Sender<bool>,
    task: AbortHandle,
}

impl Intake {
    /// Opens a reader in the background. Missing streams and consumers are made, now and later.
    pub fn open(bus: &Bus, spec: ConsumerSpec, capacity: usize) -> Self {
        // Bounded by the room: a delivery exists only with a permit.
        let (sink, deliveries) = mpsc::unbounded_channel();
        let (fault_sender, fault) = watch::channel(None);
        let (open, gate) = watch::channel(true);
        let feeder = Feeder {
            bus: bus.clone(),
            spec,
            room: Arc::new(Semaphore::new(capacity)),
            capacity,
            gate,
            fault: fault_sender,
        };
        let task = tokio::spawn(feeder.run(move |batch| sink.send(batch).is_ok())).abort_handle();
        Self {
            deliveries,
            taken: VecDeque::new(),
            fault,
            _gate: open,
            task,
        }
    }

    /// Waits for a delivery, then adds what is there to `batch`, at most `max`; tells how many.
    ///
    /// Safe to drop while waiting.
    pub async fn next_batch(&mut self, batch: &mut Vec<Delivery>, max: usize) -> usize {
        if self.taken.is_empty() {
            match self.deliveries.recv().await {
                Some(first) => self.taken.extend(first),
                // The feeder never ends by itself.
                None => std::future::pending().await,
            }
        }
        while self.taken.len() < max
            && let Ok(more) = self.deliveries.try_recv()
        {
            self.taken.extend(more);
        }
        let count = self.taken.len().min(max);
        batch.extend(self.taken.drain(..count));
        count
    }

    /// Why nothing can be read until an operator acts, if so.
    pub fn fault(&self) -> Option<TopologyError> {
        self.fault.borrow().clone()
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads one consumer and hands on what comes.
pub(crate) struct Feeder {
    pub bus: Bus,
    pub spec: ConsumerSpec,
    /// A permit for each delivery that exists or is asked for.
    pub room: Arc<Semaphore>,
    /// Permits in all.
    pub capacity: usize,
    /// While it is false nothing is fetched, and what comes late is handed back.
    pub gate: watch::Receiver<bool>,
    /// A difference in the topology that only an operator can resolve.
    pub fault: watch::Sender<Option<TopologyError>>,
}

impl Feeder {
    /// Runs until `sink` takes no more.
    pub async fn run(mut self, sink: impl Fn(Vec<Delivery>) -> bool + Send) {
        let mut pause = FIRST_PAUSE;
        loop {
            if self.gate.wait_for(|open| *open).await.is_err() {
                return;
            }
            self.bus.connected().await;
            match self.session(&sink).await {
                Ok(SessionEnd::Finished) => return,
                Ok(SessionEnd::Shut | SessionEnd::Reconnected) => {
                    pause = FIRST_PAUSE;
                    continue;
                }
                Ok(SessionEnd::Lost { lived }) => {
                    if lived > LONGEST_PAUSE {
                        pause = FIRST_PAUSE;
                    }
                    tracing::info!(consumer = self.spec.name(), "consumer lost, making it again");
                }
                Err(error) => {
                    tracing::warn!(consumer = self.spec.name(), "cannot read: {error}");
                    let fault = Some(error).filter(|error| !error.is_retryable());
                    self.fault.send_if_modified(|now| {
                        let changed = *now != fault;
                        now.clone_from(&fault);
                        changed
                    });
                }
            }
            sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    async fn session(&mut self, sink: &(impl Fn(Vec<Delivery>) -> bool + Send)) -> Result<SessionEnd, TopologyError> {
        let generation = self.bus.generation();
        let consumer = topology::ensure_consumer(&self.bus, &self.spec).await?;
        self.fault.send_if_modified(|fault| fault.take().is_some());
        let Some(session) = Session::open(self, consumer, generation).await else {
            return Ok(SessionEnd::Lost { lived: Duration::ZERO });
        };
        Ok(session.run(&mut self.gate, sink).await)
    }
}
