//! The loop itself.

use super::coordinator::Coordinator;
use super::drain::Drain;
use super::held::{Held, HeldItem, JobKey, JobState};
use super::job::{Ended, Handler};
use super::pulse::{self, LastAsked, Pulse, TICK};
use super::results::Results;
use super::run::{self, Run};
use super::{Status, WorkerConfig, WorkerError, take};
use crate::connection::Bus;
use crate::dead_letter::DeadLetter;
use crate::intake::{Delivery, Feeder};
use crate::topology::{ConsumerSpec, TopologyError};
use contracts::coordinator::{BeatRequest, RunVerdict, RunningJob};
use contracts::work::{JobResult, Released, job_result::Outcome};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// Notes handled before anything is sent out.
const MAX_NOTES: usize = 256;
/// Held items ask the stream for more time this often; it gives 30 s.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);
/// After an unanswered question about items that must not run unasked.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// What tasks tell the loop.
pub(super) enum Note {
    Taken {
        kind: usize,
        deliveries: Vec<Delivery>,
    },
    Ended(JobKey, Ended),
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
    room: Arc<Semaphore>,
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
    handler: Arc<H>,
    pub(super) notes: mpsc::UnboundedSender<Note>,
    inbox: mpsc::UnboundedReceiver<Note>,
    pub(super) readers: Vec<Reader>,
    /// Whether new items are fetched.
    pub(super) gate: watch::Sender<bool>,
    pub(super) held: Held,
    results: Results,
    pulse: Pulse,
    heartbeat_under_way: bool,
    pub(super) asks: VecDeque<JobKey>,
    ask_under_way: bool,
    ask_after: Instant,
    /// Items that run only when nothing else does, in order.
    pub(super) alone: VecDeque<u64>,
    alone_running: Option<u64>,
    acks: Vec<Arc<Delivery>>,
    progressed: Instant,
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
            Note::Ended(key, ended) => self.ended(key, ended),
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

    fn take(&mut self, kind: usize, delivery: Delivery) {
        let Some(serves) = self.config.serves.get(kind) else {
            return;
        };
        if self.drain.is_some() {
            self.side.spawn(async move { delivery.nak().await });
            return;
        }
        let item = match take::read(delivery.payload(), serves.kind, self.bus.names()) {
            Ok(item) => item,
            Err(error) => {
                self.side.spawn(bury(self.bus.clone(), delivery, error.to_string()));
                return;
            }
        };
        if let Some(held) = item
            .jobs
            .first()
            .and_then(|(id, job)| self.held.find(*id, job.dispatch))
        {
            // A second copy of what runs here: only its acknowledgement counts from now on.
            held.delivery = Arc::new(delivery);
            return;
        }
        let alone = item.jobs.iter().any(|(_, job)| job.alone);
        // Delivered before: another worker may run it, or one died of it.
        let suspect = delivery.delivered() > 1 || item.jobs.iter().any(|(_, job)| job.losses > 0);
        let room = self.room_for(kind, item.jobs.len());
        let count = item.jobs.len();
        let item = HeldItem::new(kind, item, delivery, room, self.config.sources.run_id);
        let number = self.held.insert(item);
        if alone {
            self.alone.push_back(number);
            return;
        }
        for index in 0..count {
            let key = JobKey { item: number, index };
            if suspect {
                self.asks.push_back(key);
            } else {
                self.start(key);
            }
        }
    }

    /// Room for the jobs beyond the first, as far as there is some.
    fn room_for(&self, kind: usize, jobs: usize) -> Option<tokio::sync::OwnedSemaphorePermit> {
        let room = &self.readers.get(kind)?.room;
        let wanted = jobs.saturating_sub(1).min(room.available_permits());
        let wanted = u32::try_from(wanted).ok().filter(|wanted| *wanted > 0)?;
        Arc::clone(room).try_acquire_many_owned(wanted).ok()
    }

    fn start(&mut self, key: JobKey) {
        let Some(item) = self.held.item(key.item).map(|item| Arc::clone(&item.context)) else {
            return;
        };
        let Some(held) = self.held.job(key) else {
            return;
        };
        let JobState::Waiting(job) = std::mem::replace(&mut held.state, JobState::Done) else {
            return;
        };
        let span = tracing::info_span!(
            "job",
            task_id = item.task_id,
            job_id = job.job_id,
            kind = item.kind.as_str(),
            traceparent = item.traceparent,
        );
        let cancelled = CancellationToken::new();
        let run = Run {
            item,
            job: *job,
            run_id: held.run_id,
            cancelled: cancelled.clone(),
        };
        let (handler, coordinator, notes) = (Arc::clone(&self.handler), self.coordinator.clone(), self.notes.clone());
        let task = async move {
            let ended = run::run(&*handler, &coordinator, run).await;
            // Nobody listens any more only when the process ends.
            drop(notes.send(Note::Ended(key, ended)));
        };
        held.started_unix_ms = (self.config.sources.unix_ms)();
        held.state = JobState::Running {
            cancelled,
            task: tokio::spawn(task.instrument(span)).abort_handle(),
            unwanted: false,
        };
    }

    fn ended(&mut self, key: JobKey, ended: Ended) {
        let handed_back = self.drain.as_ref().is_some_and(Drain::cancels);
        let Some(JobState::Running { unwanted, .. }) = self.held.job(key).map(|job| &job.state) else {
            return;
        };
        let outcome = match ended.outcome {
            _ if *unwanted => None,
            // The worker, not the coordinator, ended the run.
            None if handed_back => Some(Outcome::Released(Released {})),
            outcome => outcome,
        };
        match outcome {
            Some(outcome) => self.report(key, outcome, ended.usage),
            None => self.finish(key),
        }
    }

    pub(super) fn report(&mut self, key: JobKey, outcome: Outcome, usage: contracts::work::Usage) {
        let finished_unix_ms = (self.config.sources.unix_ms)();
        let Some(item) = self.held.item(key.item).map(|item| Arc::clone(&item.context)) else {
            return;
        };
        let Some(job) = self.held.job(key) else {
            return;
        };
        job.state = JobState::Reporting;
        let result = JobResult {
            task_id: item.task_id.clone(),
            job_id: job.id.to_string(),
            dispatch: job.dispatch,
            run_id: job.run_id.to_string(),
            started_unix_ms: job.started_unix_ms,
            finished_unix_ms,
            usage: Some(usage),
            outcome: Some(outcome),
        };
        self.results.push(&item.result_subject, key, result);
    }

    /// Nothing remains to be done for a job; the last one of an item ends the item.
    fn finish(&mut self, key: JobKey) {
        let Some(job) = self.held.job(key) else {
            return;
        };
        job.state = JobState::Done;
        if self.held.item(key.item).is_some_and(HeldItem::is_done)
            && let Some(item) = self.held.remove(key.item)
        {
            if self.alone_running == Some(key.item) {
                self.alone_running = None;
            }
            self.acks.push(item.delivery);
        }
    }

    fn asked(&mut self, keys: Vec<JobKey>, verdicts: Option<Vec<RunVerdict>>) {
        self.ask_under_way = false;
        let now = Instant::now();
        let Some(verdicts) = verdicts else {
            self.ask_after = now + ASK_AGAIN;
            // While draining, what waits was handed back.
            if self.drain.is_none() {
                self.asks.extend(keys);
            }
            return;
        };
        for (key, verdict) in keys.into_iter().zip(verdicts) {
            let Some(job) = self
                .held
                .job(key)
                .filter(|job| matches!(job.state, JobState::Waiting(_)))
            else {
                continue;
            };
            job.asked = LastAsked::now(now);
            if verdict.cancel {
                tracing::debug!(job_id = verdict.job_id, reason = verdict.reason, "not wanted");
                self.finish(key);
            } else {
                self.start(key);
            }
        }
    }

    fn heartbeaten(&mut self, keys: &[JobKey], verdicts: Option<Vec<RunVerdict>>) {
        self.heartbeat_under_way = false;
        let now = Instant::now();
        for (key, verdict) in keys.iter().zip(verdicts.into_iter().flatten()) {
            let Some(job) = self.held.job(*key) else {
                continue;
            };
            job.asked = LastAsked::now(now);
            if let JobState::Running {
                cancelled, unwanted, ..
            } = &mut job.state
                && verdict.cancel
            {
                tracing::info!(job_id = verdict.job_id, reason = verdict.reason, "run cancelled");
                *unwanted = true;
                cancelled.cancel();
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
        if now >= self.progressed + PROGRESS_EVERY {
            self.progressed = now;
            self.progress(now);
        }
        self.tick_drain(now);
        let fault = self.readers.iter().find_map(|reader| reader.fault.borrow().clone());
        match fault {
            Some(fault) if self.drain.is_none() => Err(WorkerError::Topology(fault)),
            _ => Ok(()),
        }
    }

    fn beat(&self, now: Instant) {
        let beats = self.beats(|slots, busy| (slots, slots.saturating_sub(busy)));
        let (coordinator, notes) = (self.coordinator.clone(), self.notes.clone());
        self.side.spawn(async move {
            let answered = pulse::beat(coordinator, beats).await;
            drop(notes.send(Note::Beaten { asked: now, answered }));
        });
    }

    /// A beat for each kind, with its slots and free slots as `figures` has them.
    pub(super) fn beats(&self, figures: impl Fn(usize, usize) -> (usize, usize)) -> Vec<BeatRequest> {
        let beat = |(kind, serves): (usize, &super::Serves)| {
            let (slots, free) = figures(serves.slots, self.held.busy(kind));
            BeatRequest {
                worker_id: self.config.worker_id.clone(),
                kind: serves.kind.as_str().to_owned(),
                pool: self.config.pool.to_string(),
                slots: u32::try_from(slots).unwrap_or(u32::MAX),
                free_slots: u32::try_from(free).unwrap_or(u32::MAX),
            }
        };
        self.config.serves.iter().enumerate().map(beat).collect()
    }

    fn heartbeat(&mut self, now: Instant) {
        if self.heartbeat_under_way {
            return;
        }
        let due = self.held.jobs().filter(|(_, job)| {
            // What is finished and not stored yet is still ours.
            let alive = matches!(
                job.state,
                JobState::Running { unwanted: false, .. } | JobState::Reporting
            );
            alive && job.asked.is_due(now)
        });
        let keys: Vec<JobKey> = due.map(|(key, _)| key).take(pulse::MAX_JOBS).collect();
        if keys.is_empty() {
            return;
        }
        self.heartbeat_under_way = true;
        self.ask_coordinator(keys, |keys, verdicts| Note::Heartbeaten { keys, verdicts });
    }

    fn ask_coordinator(&self, keys: Vec<JobKey>, note: fn(Vec<JobKey>, Option<Vec<RunVerdict>>) -> Note) {
        let jobs: Vec<RunningJob> = keys.iter().filter_map(|key| self.held.running_job(*key)).collect();
        let (coordinator, notes) = (self.coordinator.clone(), self.notes.clone());
        let worker_id = self.config.worker_id.clone();
        self.side.spawn(async move {
            let verdicts = pulse::heartbeat(coordinator, worker_id, jobs).await;
            drop(notes.send(note(keys, verdicts)));
        });
    }

    fn progress(&self, now: Instant) {
        let old = self
            .held
            .items()
            .filter(|(_, item)| now >= item.taken + PROGRESS_EVERY / 2);
        let deliveries: Vec<Arc<Delivery>> = old.map(|(_, item)| Arc::clone(&item.delivery)).collect();
        if !deliveries.is_empty() {
            self.side.spawn(async move {
                for delivery in deliveries {
                    delivery.progress().await;
                }
            });
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
        let now = Instant::now();
        if !self.ask_under_way && !self.asks.is_empty() && now >= self.ask_after {
            let count = self.asks.len().min(pulse::MAX_JOBS);
            // An item that ended meanwhile has no name any more.
            let asks = self.asks.drain(..count);
            let keys: Vec<JobKey> = asks.filter(|key| self.held.item(key.item).is_some()).collect();
            self.ask_under_way = !keys.is_empty();
            if self.ask_under_way {
                self.ask_coordinator(keys, |keys, verdicts| Note::Asked { keys, verdicts });
            }
        }
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

    /// Lets the next item that must be alone begin, when nothing else is under way.
    fn admit_alone(&mut self) {
        if self.alone.is_empty() || self.alone_running.is_some() {
            return;
        }
        let others = self.held.items().any(|(number, _)| !self.alone.contains(&number));
        if !others && let Some(number) = self.alone.pop_front() {
            self.alone_running = Some(number);
            let count = self.held.item(number).map_or(0, |item| item.jobs.len());
            self.asks.extend((0..count).map(|index| JobKey { item: number, index }));
        }
    }

    /// The next note, if one is there already.
    pub(super) fn try_note(&mut self) -> Option<Note> {
        self.inbox.try_recv().ok()
    }
}

/// Puts a message nobody can read away, and only then takes it off its stream.
async fn bury(bus: Bus, delivery: Delivery, reason: String) {
    tracing::error!(
        subject = delivery.subject(),
        sequence = delivery.stream_sequence(),
        "unreadable: {reason}"
    );
    let letter = DeadLetter {
        origin: delivery.subject().to_owned(),
        reason,
        message_id: format!("{}:{}", delivery.subject(), delivery.stream_sequence()),
        payload: delivery.payload().clone(),
    };
    let mut pause = Duration::from_millis(100);
    while let Err(error) = bus.bury(letter.clone()).await {
        tracing::warn!("cannot put a dead letter away: {error}");
        sleep(pause).await;
        pause = pause.saturating_mul(2).min(Duration::from_secs(10));
        delivery.progress().await;
    }
    delivery.term().await;
}
