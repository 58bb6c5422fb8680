//! The loop itself.

use super::coordinator::Coordinator;
use super::drain::Drain;
use super::held::{Held, JobKey};
use super::job::{Ended, Handler};
use super::pulse::{Pulse, TICK};
use super::results::Results;
use super::{Status, WorkerConfig, WorkerError};
use crate::connection::Bus;
use crate::intake::{Delivery, Feeder};
use crate::topology::{ConsumerSpec, TopologyError};
use contracts::coordinator::RunVerdict;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Notes handled before anything is sent out.
const MAX_NOTES: usize = 256;

/// What tasks tell the loop.
pub(super) enum Note {
    Taken {
        kind: usize,
        deliveries: Vec<Delivery>,
    },
    Ended(JobKey, Box<Ended>),
    /// The answer to a question about items that must not run unasked.
    Asked {
        keys: Vec<JobKey>,
        verdicts: Option<Vec<RunVerdict>>,
    },
    /// The answer to a heartbeat.
    Heartbeaten {
        keys: Vec<JobKey>,
        verdicts: Option<Vec<RunVerdict>>,
    },
    Beaten {
        asked: Instant,
        answered: bool,
    },
    Stored {
        subject: String,
        keys: Vec<JobKey>,
    },
}

/// A room of one kind, shared with the reader that fills it.
pub(super) struct Reader {
    pub(super) room: Arc<Semaphore>,
    fault: watch::Receiver<Option<TopologyError>>,
    pub(super) task: JoinHandle<()>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(super) struct Worker<H> {
    pub(super) bus: Bus,
    pub(super) coordinator: Coordinator,
    pub(super) config: WorkerConfig,
    pub(super) handler: Arc<H>,
    pub(super) notes: mpsc::UnboundedSender<Note>,
    inbox: mpsc::UnboundedReceiver<Note>,
    pub(super) readers: Vec<Reader>,
    /// Whether new items are fetched.
    pub(super) gate: watch::Sender<bool>,
    pub(super) held: Held,
    pub(super) results: Results,
    pub(super) pulse: Pulse,
    pub(super) heartbeat_under_way: bool,
    pub(super) asks: VecDeque<JobKey>,
    pub(super) ask_under_way: bool,
    pub(super) ask_after: Instant,
    /// Items that run only when nothing else does, in order.
    pub(super) alone: VecDeque<u64>,
    pub(super) alone_running: Option<u64>,
    pub(super) acks: Vec<Arc<Delivery>>,
    pub(super) progressed: Instant,
    pub(super) drain: Option<Drain>,
    pub(super) side: TaskTracker,
}

impl<H: Handler> Worker<H> {
    pub(super) fn new(bus: Bus, coordinator: Coordinator, config: WorkerConfig, handler: Arc<H>) -> Self {
        // Bounded by the rooms: every note but the ticks stems from a held item.
        let (notes, inbox) = mpsc::unbounded_channel();
        let now = Instant::now();
        let mut worker = Self {
            bus,
            coordinator,
            config,
            handler,
            notes,
            inbox,
            readers: Vec::new(),
            gate: watch::Sender::new(false),
            held: Held::default(),
            results: Results::default(),
            pulse: Pulse::new(),
            heartbeat_under_way: false,
            asks: VecDeque::new(),
            ask_under_way: false,
            ask_after: now,
            alone: VecDeque::new(),
            alone_running: None,
            acks: Vec::new(),
            progressed: now,
            drain: None,
            side: TaskTracker::new(),
        };
        worker.readers = (0..worker.config.serves.len())
            .filter_map(|kind| worker.reader(kind))
            .collect();
        worker
    }

    fn reader(&self, kind: usize) -> Option<Reader> {
        let serves = self.config.serves.get(kind)?;
        let room = Arc::new(Semaphore::new(serves.slots));
        let (fault_sender, fault) = watch::channel(None);
        let feeder = Feeder {
            bus: self.bus.clone(),
            spec: ConsumerSpec::work(&self.bus, serves.kind, &self.config.pool),
            room: Arc::clone(&room),
            capacity: serves.slots,
            gate: self.gate.subscribe(),
            fault: fault_sender,
        };
        let notes = self.notes.clone();
        let sink = move |deliveries| notes.send(Note::Taken { kind, deliveries }).is_ok();
        let task = tokio::spawn(feeder.run(sink));
        Some(Reader { room, fault, task })
    }

    pub(super) async fn run(mut self, shutdown: CancellationToken) -> Result<(), WorkerError> {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut notes = Vec::with_capacity(MAX_NOTES);
        let mut outcome = Ok(());
        loop {
            tokio::select! {
                _ = self.inbox.recv_many(&mut notes, MAX_NOTES) => {
                    for note in notes.drain(..) {
                        self.handle(note);
                    }
                }
                _ = ticks.tick() => {
                    if let Err(error) = self.tick() {
                        outcome = Err(error);
                        self.begin_drain();
                    }
                }
                () = shutdown.cancelled(), if self.drain.is_none() => self.begin_drain(),
            }
            self.send_out();
            if self.drain.is_some() && self.is_drained() {
                break;
            }
        }
        self.close().await;
        outcome
    }

    fn handle(&mut self, note: Note) {
        match note {
            Note::Taken { kind, deliveries } => {
                for delivery in deliveries {
                    self.take(kind, delivery);
                }
            }
            Note::Ended(key, ended) => self.ended(key, *ended),
            Note::Asked { keys, verdicts } => self.asked(keys, verdicts),
            Note::Heartbeaten { keys, verdicts } => self.heartbeaten(&keys, verdicts),
            Note::Beaten { asked, answered } => self.pulse.beaten(asked, answered),
            Note::Stored { subject, keys } => {
                self.results.stored(&subject);
                for key in keys {
                    self.finish(key);
                }
            }
        }
    }

    /// What is due by time.
    fn tick(&mut self) -> Result<(), WorkerError> {
        let now = Instant::now();
        if self.drain.is_none() && self.pulse.due(now) {
            self.beat(now);
        }
        self.heartbeat(now);
        self.progress(now);
        self.tick_drain(now);
        let fault = self.readers.iter().find_map(|reader| reader.fault.borrow().clone());
        match fault {
            Some(fault) if self.drain.is_none() => Err(WorkerError::Topology(fault)),
            _ => Ok(()),
        }
    }

    /// Sends what has gathered: results, acknowledgements, questions.
    fn send_out(&mut self) {
        for batch in self.results.ready() {
            let (bus, notes) = (self.bus.clone(), self.notes.clone());
            self.side.spawn(async move {
                let (subject, keys) = batch.store(&bus).await;
                drop(notes.send(Note::Stored { subject, keys }));
            });
        }
        if !self.acks.is_empty() {
            let acks = std::mem::take(&mut self.acks);
            self.side.spawn(async move {
                for delivery in acks {
                    delivery.ack().await;
                }
            });
        }
        self.admit_alone();
        self.ask();
        let now = Instant::now();
        let admitting =
            self.pulse.is_fresh(now) && self.drain.is_none() && self.alone.is_empty() && self.alone_running.is_none();
        self.gate
            .send_if_modified(|open| std::mem::replace(open, admitting) != admitting);
        let status = Status {
            admitting: admitting && self.bus.is_connected(),
            busy: (0..self.config.serves.len()).map(|kind| self.held.busy(kind)).sum(),
        };
        self.config
            .status
            .send_if_modified(|last| std::mem::replace(last, status) != status);
    }

    /// The next note, if one is there already.
    pub(super) fn try_note(&mut self) -> Option<Note> {
        self.inbox.try_recv().ok()
    }
}
