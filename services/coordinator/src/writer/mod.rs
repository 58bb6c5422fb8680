//! The batch shell around the core: take inputs, decide them, write once, tell the world.
//!
//! One writer, no timer: while a commit runs, the next batch gathers by itself. The tasks it works
//! on stay in memory, as a cache that may only propose writes: whatever would end without a guarded
//! write is decided again on a freshly read row.

mod announce;
mod batch;
pub mod draft;
pub mod inbox;
pub mod window;

use crate::catalog::SharedCatalog;
use crate::clock::DatabaseClock;
use crate::store::commit::BatchAck;
use crate::store::{self, StoreError};
use announce::Report;
use bus::{Bus, Lane};
use draft::Entry;
use inbox::{Answer, Envelope, Inbox};
use outbox::Checked;
use sqlx::postgres::{PgConnection, PgPool};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};
use workflow::decide::Env;
use workflow::ids::TaskId;
use workflow::input::Input;
use workflow::plan::PlanLimits;
use workflow::state::JobState;
use workflow::time::Millis;

/// How long askers wait through an outage of the database before they are told.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long an error that does not blame the input is waited out before inputs are taken apart.
const LAST_PATIENCE: Duration = Duration::from_secs(600);
/// A statement that takes longer has lost its connection.
const STATEMENT: Duration = Duration::from_secs(20);
/// Pauses up to this are kept to the millisecond in memory; longer ones are the sweeper's.
const LONGEST_TIMER: Millis = Millis::secs(15);
/// Races lost in a row before a batch is taken apart.
const MAX_CONFLICTS: u32 = 4;
/// Acknowledgements are written by themselves when no commit carries them for this long.
const ACK_IDLE: Duration = Duration::from_millis(500);

/// What the writer shares with the rest of the process.
pub struct Shared {
    pub bus: Bus,
    pub pool: PgPool,
    pub clock: Arc<DatabaseClock>,
    pub catalog: SharedCatalog,
    pub limits: PlanLimits,
    pub inbox: Inbox,
    /// The lane results of our items come back on.
    pub lane: Lane,
    /// Leases may end.
    pub leases_end: AtomicBool,
    /// Times the database was found away.
    pub outages: AtomicU64,
    /// The events stream, while events may be published into it from here.
    pub events_stream: Arc<outbox::EventsStream>,
    /// Slots of each pool, and how many coordinators share the windows.
    pub beats: tokio::sync::watch::Receiver<crate::beats::Beats>,
    pub metrics: crate::metrics::Metrics,
}

impl Shared {
    /// What a decision made now is made with.
    fn env<'a>(&'a self, catalog: &'a workflow::tool::Catalog) -> Env<'a> {
        Env {
            now: self.clock.now(),
            catalog,
            limits: &self.limits,
            leases_end: self.leases_end.load(Ordering::Relaxed),
        }
    }
}

/// The writer's settings.
pub struct WriterConfig {
    pub database_url: String,
    pub max_batch: usize,
    pub cached_tasks: usize,
}

/// The one that writes.
pub struct Writer {
    shared: Arc<Shared>,
    config: WriterConfig,
    connection: Option<PgConnection>,
    cache: HashMap<TaskId, Entry>,
    /// Tasks put aside to be read again: where their messages were stored is known only here.
    remembered: HashMap<TaskId, workflow::state::Task>,
    window: window::Window,
    beats: tokio::sync::watch::Receiver<crate::beats::Beats>,
    /// How the events of large commits go out.
    bursts: Option<bus::publish::bursts::Bursts>,
    reports: (mpsc::UnboundedSender<Report>, mpsc::UnboundedReceiver<Report>),
    /// What later commits record, and of which connection it was heard.
    acknowledged: Vec<(Checked, BatchAck)>,
}

impl Writer {
    pub fn new(shared: Arc<Shared>, config: WriterConfig) -> Self {
        let mut beats = shared.beats.clone();
        beats.mark_changed();
        Self {
            shared,
            config,
            beats,
            connection: None,
            cache: HashMap::new(),
            remembered: HashMap::new(),
            window: window::Window::default(),
            bursts: None,
            reports: mpsc::unbounded_channel(),
            acknowledged: Vec::new(),
        }
    }

    /// Writes until `shutdown`, then what is in the inbox.
    pub async fn run(mut self, mut inbox: mpsc::Receiver<Envelope>, shutdown: CancellationToken) {
        let mut batch = Vec::with_capacity(self.config.max_batch);
        let mut flush_at = None;
        loop {
            if self.acknowledged.is_empty() {
                flush_at = None;
            } else if flush_at.is_none() {
                flush_at = Some(tokio::time::Instant::now() + ACK_IDLE);
            }
            let idle = tokio::time::sleep_until(flush_at.unwrap_or_else(tokio::time::Instant::now));
            tokio::select! {
                biased;
                taken = inbox.recv_many(&mut batch, self.config.max_batch) => if taken == 0 { return },
                () = shutdown.cancelled(), if inbox.is_empty() => return,
                () = idle, if flush_at.is_some() => {
                    self.flush_acknowledged().await;
                    continue;
                }
                Some(report) = self.reports.1.recv() => {
                    self.note(report);
                    continue;
                }
            }
            self.drain_reports();
            self.refresh_widths();
            self.process(std::mem::take(&mut batch)).await;
            batch.reserve(self.config.max_batch);
        }
    }

    /// Whatever happens, every envelope is answered and every receipt settled exactly once.
    async fn process(&mut self, envelopes: Vec<Envelope>) {
        let started = Instant::now();
        let mut groups = batch::group(envelopes);
        let mut conflicts = 0;
        let mut fresh = false;
        loop {
            batch::drop_unheard(&mut groups);
            let attempt = tokio::time::timeout(STATEMENT, self.attempt(&mut groups, fresh)).await;
            let outcome = attempt.unwrap_or_else(|_elapsed| {
                Err(StoreError::Query {
                    action: "write a batch in time",
                    source: sqlx::Error::PoolTimedOut,
                })
            });
            match outcome {
                Ok(()) => {
                    self.shared.inbox.set_away(false);
                    self.shared.metrics.batch_seconds(started.elapsed());
                    return batch::deliver(groups);
                }
                Err(error) => {
                    self.forget(&groups);
                    fresh = true;
                    if error.is_outage() {
                        warn!(error = &error as &dyn std::error::Error, "the database is away");
                        self.connection = None;
                        self.shared.outages.fetch_add(1, Ordering::Relaxed);
                        self.shared.leases_end.store(false, Ordering::Relaxed);
                        if started.elapsed() > PATIENCE {
                            self.shared.inbox.set_away(true);
                            batch::refuse_askers(&mut groups);
                        }
                        if groups.is_empty() {
                            // The next batch finds out whether the database is back.
                            self.shared.inbox.set_away(false);
                            return;
                        }
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    } else if error.is_conflict() && conflicts < MAX_CONFLICTS {
                        conflicts += 1;
                        self.shared.metrics.conflict();
                    } else if !error.blames_the_input() && started.elapsed() < LAST_PATIENCE {
                        error!(
                            error = &error as &dyn std::error::Error,
                            "a batch cannot be written; trying again"
                        );
                        self.connection = None;
                        if started.elapsed() > PATIENCE {
                            batch::refuse_askers(&mut groups);
                        }
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    } else if let Some(groups) = batch::split(&mut groups) {
                        for group in groups {
                            Box::pin(self.process(group)).await;
                        }
                        return;
                    } else {
                        return self.quarantine(groups, &error).await;
                    }
                }
            }
        }
    }

    /// The guilty input, alone at last.
    async fn quarantine(&mut self, groups: Vec<batch::Group>, cause: &StoreError) {
        let reason = describe(cause);
        for group in groups {
            let task = group.task;
            for mut slot in group.slots {
                let text = slot.describe();
                error!(task_id = %task, reason, "quarantined an input");
                self.shared.metrics.quarantined();
                if let Err(error) = store::quarantine::keep(&self.shared.pool, Some(task), &reason, &text).await {
                    error!(
                        error = &error as &dyn std::error::Error,
                        "the quarantine could not be written; the input comes again"
                    );
                    // Never settled: its message is not acknowledged and is delivered again.
                    slot.receipt = None;
                }
                self.bury(task, &reason, text);
                slot.answer = Some(Answer::Quarantined);
                if !slot.is_poison_notice() {
                    let detail = format!("an input could not be processed: {reason}");
                    self.tell_later(task, Input::Poisoned { detail });
                }
                batch::deliver_slot(slot);
            }
        }
    }

    fn bury(&self, task: TaskId, reason: &str, text: String) {
        let bus = self.shared.bus.clone();
        let letter = bus::dead_letter::DeadLetter {
            origin: bus.names().result_subject(self.shared.lane),
            reason: reason.to_owned(),
            message_id: format!(
                "quarantine:{task}:{}",
                workflow::hash::Fingerprint::of([text.as_bytes()])
            ),
            payload: text.into(),
        };
        tokio::spawn(async move {
            if let Err(error) = bus.bury(letter).await {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "a dead letter was not stored; the quarantine has it"
                );
            }
        });
    }

    fn tell_later(&self, task: TaskId, input: Input) {
        let inbox = self.shared.inbox.clone();
        tokio::spawn(async move { inbox.tell(task, input).await });
    }

    async fn connection(&mut self) -> Result<&mut PgConnection, StoreError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => store::writer_connection(&self.config.database_url).await?,
        };
        Ok(self.connection.insert(connection))
    }

    /// What was read before a failed write is not trusted again.
    fn forget(&mut self, groups: &[batch::Group]) {
        for group in groups {
            self.cache.remove(&group.task);
        }
    }

    async fn flush_acknowledged(&mut self) {
        if self.acknowledged.is_empty() {
            return;
        }
        let acks = self.recordable();
        self.acknowledged.clear();
        let Ok(connection) = self.connection().await else {
            return;
        };
        if let Err(error) = store::outbox::record(connection, &acks).await {
            warn!(
                error = &error as &dyn std::error::Error,
                "acknowledgements were not recorded; the relay repeats"
            );
            self.connection = None;
        }
    }

    /// What was heard on a connection that is gone may be of a stream that is gone: the relay tells again.
    fn recordable(&mut self) -> Vec<BatchAck> {
        let bus = &self.shared.bus;
        self.acknowledged.retain(|(heard, _)| heard.holds(bus));
        self.acknowledged.iter().map(|(_, ack)| *ack).collect()
    }

    fn drain_reports(&mut self) {
        while let Ok(report) = self.reports.1.try_recv() {
            self.note(report);
        }
    }

    /// Publications were acknowledged.
    fn note(&mut self, report: Report) {
        self.acknowledged.extend(report.events);
        for item in report.work {
            for (job, dispatch) in item.jobs {
                if let Some(entry) = self.cache.get_mut(&item.task) {
                    workflow::decide::note_published(&mut entry.task, job, dispatch, item.stored);
                }
                if item.keep {
                    let stored = item.stored;
                    self.tell_later(item.task, Input::Published { job, dispatch, stored });
                }
            }
        }
    }

    fn refresh_widths(&mut self) {
        if self.beats.has_changed().unwrap_or(false) {
            let now = self.beats.borrow_and_update();
            self.window.set_widths(&now.slots, now.coordinators);
            drop(now);
            let doubtful = self.window.doubtful();
            for task in doubtful {
                // Read afresh, so that what another replica saw end gives its room back.
                if let Some(entry) = self.cache.remove(&task) {
                    self.remembered.insert(task, entry.task);
                }
                self.wake(task);
            }
        }
    }

    fn wake(&self, task: TaskId) {
        let inbox = self.shared.inbox.clone();
        tokio::spawn(async move { inbox.wake(task).await });
    }

    /// Looks at a task again when the first pause of its jobs is over. The sweeper finds what a restart
    /// forgets, seconds later.
    fn wake_after_pause(&self, task: &workflow::state::Task) {
        let now = self.shared.clock.now();
        let pauses = task.jobs.iter().filter_map(|job| match job.state {
            JobState::Ready { not_before: Some(at) } if at > now => Some(at - now),
            _ => None,
        });
        let Some(pause) = pauses.min().filter(|pause| *pause <= LONGEST_TIMER) else {
            return;
        };
        let (inbox, id) = (self.shared.inbox.clone(), task.id);
        tokio::spawn(async move {
            // One millisecond more, so that the pause is over by a clock that counts whole ones.
            tokio::time::sleep(Duration::from_millis(u64::try_from(pause.0).unwrap_or(0) + 1)).await;
            inbox.wake(id).await;
        });
    }

    /// Keeps the cache within its bound; what goes is read again when it is needed.
    fn trim_cache(&mut self) {
        if self.cache.len() <= self.config.cached_tasks {
            return;
        }
        let excess = self.cache.len() - self.config.cached_tasks * 3 / 4;
        let mut idle: Vec<(workflow::time::Timestamp, TaskId)> =
            self.cache.values().map(|e| (e.task.updated_at, e.task.id)).collect();
        idle.sort_unstable();
        for (_, task) in idle.into_iter().take(excess) {
            self.cache.remove(&task);
        }
    }
}

/// An error with its causes on one line.
fn describe(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    text
}
