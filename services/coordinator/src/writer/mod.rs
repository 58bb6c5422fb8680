//! The batch shell around the core: take inputs, decide them, write once, tell the world.
//!
//! One writer, no timer: while a batch is written, the next one is decided. The two have no task in
//! common, and nothing of a batch is told before it is written. The tasks stay in memory, as a cache
//! that may only propose writes: whatever would end without a guarded write is decided again on a
//! freshly read row.

mod allowances;
mod announce;
mod batch;
mod deciding;
pub mod draft;
mod groups;
pub mod inbox;
mod recovery;
pub mod window;
mod writing;

use crate::catalog::SharedCatalog;
use crate::clock::DatabaseClock;
use crate::store::commit::BatchAck;
use crate::store::{self, StoreError};
use crate::work::item::Carried;
use announce::{Report, StoredItem};
use batch::Batch;
use bus::{Bus, Lane};
use draft::Entry;
use inbox::{Envelope, Inbox};
use outbox::Checked;
use recovery::{Failed, late};
use sqlx::postgres::{PgConnection, PgPool};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use workflow::decide::Env;
use workflow::ids::TaskId;
use workflow::input::Input;
use workflow::plan::PlanLimits;
use writing::{Writing, Written};

/// A statement that takes longer has lost its connection.
const STATEMENT: Duration = Duration::from_secs(20);
/// Acknowledgements are written by themselves when no commit carries them for this long.
const ACK_IDLE: Duration = Duration::from_millis(500);
/// Inputs decided in one go while a batch is written, so that its end is seen soon.
const BITE: usize = 64;

/// What the writer shares with the rest of the process.
pub struct Shared {
    pub bus: Bus,
    pub pool: PgPool,
    pub clock: Arc<DatabaseClock>,
    pub catalog: SharedCatalog,
    pub judges: crate::judges::SharedJudges,
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
    /// How long runs take.
    pub paces: crate::work::pace::Paces,
    /// What runs of tools took and is not summed yet.
    pub measures: crate::catalog::measures::Measures,
    /// What tenants may spend in a window of time.
    pub tenant_budgets: crate::tenant_budgets::TenantBudgets,
    /// What they spent, for people.
    pub shown: crate::tenant_budgets::Shown,
    /// Which webhooks are told of what.
    pub subscriptions: crate::notices::Subscriptions,
    /// Which models serve whom.
    pub rollouts: crate::rollouts::SharedRollouts,
    /// Somebody is to be erased.
    pub erasure_ordered: tokio::sync::Notify,
}

impl Shared {
    /// What is known now of what others change.
    pub fn seen(&self) -> Seen {
        Seen {
            catalog: self.catalog.current(),
            judges: self.judges.current(),
        }
    }

    /// What a decision made now is made with.
    pub fn env<'a>(&'a self, seen: &'a Seen) -> Env<'a> {
        Env {
            now: self.clock.now(),
            catalog: &seen.catalog,
            judges: &seen.judges,
            limits: &self.limits,
            leases_end: self.leases_end.load(Ordering::Relaxed),
        }
    }
}

/// What others change, as it was read last.
pub struct Seen {
    catalog: Arc<workflow::tool::Catalog>,
    judges: Arc<workflow::judge::Judges>,
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
    writes: Option<PgConnection>,
    reads: Option<PgConnection>,
    cache: HashMap<TaskId, Entry>,
    /// Tasks put aside to be read again: where their messages were stored is known only here.
    remembered: HashMap<TaskId, workflow::state::Task>,
    /// Decided, to be written when what is being written has ended.
    next: Batch,
    writing: Option<Writing>,
    /// Inputs of tasks in either, in order of arrival.
    aside: Vec<Envelope>,
    failed: Vec<Failed>,
    window: window::Window,
    allowances: allowances::Allowances,
    beats: tokio::sync::watch::Receiver<crate::beats::Beats>,
    /// How the events of large commits go out.
    bursts: Option<bus::publish::bursts::Bursts>,
    reports: (mpsc::UnboundedSender<Report>, mpsc::UnboundedReceiver<Report>),
    /// What later commits record, and of which connection it was heard.
    acknowledged: Vec<(Checked, BatchAck)>,
}

async fn ended(writing: &mut Option<Writing>) -> Option<Written> {
    Some(writing.as_mut()?.ended().await)
}

impl Writer {
    pub fn new(shared: Arc<Shared>, config: WriterConfig) -> Self {
        let mut beats = shared.beats.clone();
        beats.mark_changed();
        Self {
            shared,
            config,
            beats,
            writes: None,
            reads: None,
            cache: HashMap::new(),
            remembered: HashMap::new(),
            next: Batch::default(),
            writing: None,
            aside: Vec::new(),
            failed: Vec::new(),
            window: window::Window::default(),
            allowances: allowances::Allowances::default(),
            bursts: None,
            reports: mpsc::unbounded_channel(),
            acknowledged: Vec::new(),
        }
    }

    /// Writes until `shutdown`, then what is in the inbox.
    pub async fn run(mut self, mut inbox: mpsc::Receiver<Envelope>, shutdown: CancellationToken) {
        let mut taken = Vec::with_capacity(self.config.max_batch);
        let mut flush_at = None;
        loop {
            while self.writing.is_none() && !self.failed.is_empty() {
                self.recover().await;
            }
            self.start();
            if self.acknowledged.is_empty() {
                flush_at = None;
            } else if flush_at.is_none() {
                flush_at = Some(tokio::time::Instant::now() + ACK_IDLE);
            }
            let idle = tokio::time::sleep_until(flush_at.unwrap_or_else(tokio::time::Instant::now));
            let look = self.allowances.look_at();
            let look_at = tokio::time::sleep_until(look.unwrap_or_else(tokio::time::Instant::now));
            let (room, at_rest) = (self.room(), self.writing.is_none());
            tokio::select! {
                biased;
                Some(written) = ended(&mut self.writing), if !at_rest => {
                    self.written(written).await;
                    taken.append(&mut self.aside);
                }
                _ = inbox.recv_many(&mut taken, room), if room > 0 => {}
                () = shutdown.cancelled(), if at_rest && inbox.is_empty() => return,
                () = look_at, if look.is_some() => {}
                () = idle, if flush_at.is_some() => self.flush_acknowledged().await,
                Some(report) = self.reports.1.recv() => self.note(report),
            }
            self.drain_reports();
            self.refresh_widths();
            if look.is_some_and(|at| at <= tokio::time::Instant::now()) {
                self.look_at_windows().await;
            }
            self.take_in(taken.drain(..)).await;
        }
    }

    /// How many inputs may come in now.
    fn room(&self) -> usize {
        let room = self
            .config
            .max_batch
            .saturating_sub(self.next.inputs() + self.aside.len());
        if self.writing.is_none() { room } else { room.min(BITE) }
    }

    /// Decides inputs for the next batch. Those of a task that is in it already, or is being written, wait.
    async fn take_in(&mut self, envelopes: impl IntoIterator<Item = Envelope>) {
        let mut inputs = Vec::new();
        for envelope in envelopes {
            let busy = self.next.has(envelope.task)
                || self.writing.as_ref().is_some_and(|w| w.batch.has(envelope.task))
                || !self.failed.is_empty();
            if busy {
                self.aside.push(envelope);
            } else {
                inputs.push(envelope);
            }
        }
        let mut groups = groups::group(inputs);
        groups::drop_unheard(&mut groups);
        if groups.is_empty() {
            return;
        }
        let since = Instant::now();
        let decided = tokio::time::timeout(STATEMENT, self.decide(&mut groups, false)).await;
        let decided = decided.unwrap_or_else(|_elapsed| Err(late()));
        if let Err(error) = decided.and_then(|drafts| self.next.add(&mut groups, drafts, &self.shared)) {
            // It may have been the connection.
            self.reads = None;
            self.failed.push(Failed::new(groups, error, since));
        }
    }

    fn tell_later(&self, task: TaskId, input: Input) {
        let inbox = self.shared.inbox.clone();
        tokio::spawn(async move { inbox.tell(task, input).await });
    }

    /// The connection for reading beside a commit.
    async fn reader(&mut self) -> Result<&mut PgConnection, StoreError> {
        let connection = match self.reads.take() {
            Some(connection) => connection,
            None => store::writer_connection(&self.config.database_url).await?,
        };
        Ok(self.reads.insert(connection))
    }

    fn drain_reports(&mut self) {
        while let Ok(report) = self.reports.1.try_recv() {
            self.note(report);
        }
    }

    /// Publications were acknowledged.
    fn note(&mut self, report: Report) {
        self.acknowledged.extend(report.events);
        for StoredItem { carried, stored, keep } in report.work {
            for Carried { task, jobs } in carried {
                for (job, dispatch) in jobs {
                    if let Some(known) = self.known(task) {
                        workflow::decide::note_published(known, job, dispatch, stored);
                    }
                    if keep {
                        self.tell_later(task, Input::Published { job, dispatch, stored });
                    }
                }
            }
        }
    }

    /// A task in memory, wherever it is.
    fn known(&mut self, task: TaskId) -> Option<&mut workflow::state::Task> {
        let writing = self.writing.as_mut().and_then(|w| w.batch.draft_mut(task));
        let drafted = writing.or_else(|| self.next.draft_mut(task));
        let entry = drafted.map(|d| &mut d.entry).or_else(|| self.cache.get_mut(&task));
        entry.map(|e| &mut e.task)
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
}
