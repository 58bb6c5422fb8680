//! The items a worker holds: taken from the stream and not acknowledged yet.

use super::job::ItemContext;
use super::pulse::LastAsked;
use super::take::TakenJob;
use crate::intake::Delivery;
use contracts::TraceParent;
use contracts::coordinator::RunningJob;
use contracts::work::Job;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// A job among those held.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct JobKey {
    pub item: u64,
    pub index: usize,
}

/// What became of a held job.
pub(super) enum JobState {
    /// Not begun: asked about, or waiting to be alone.
    Waiting(Box<Job>),
    Running {
        cancelled: CancellationToken,
        task: AbortHandle,
        /// The coordinator said cancel; what it brings is thrown away.
        unwanted: bool,
    },
    /// Ended; the stream does not have its result yet.
    Reporting,
    Done,
}

pub(super) struct HeldJob {
    pub id: Uuid,
    /// Of its task; jobs of several tasks may share a message.
    pub context: Arc<ItemContext>,
    pub dispatch: u32,
    pub run_id: Uuid,
    /// Of its run, where that is traced.
    pub trace: Option<TraceParent>,
    pub state: JobState,
    pub asked: LastAsked,
    pub started_unix_ms: i64,
}

pub(super) struct HeldItem {
    /// Index into what the worker serves.
    pub kind: usize,
    /// The message, and further copies of it.
    pub deliveries: Vec<Arc<Delivery>>,
    pub jobs: Vec<HeldJob>,
    pub taken: Instant,
    /// Room for the jobs beyond the first, as far as there was some.
    pub _room: Option<OwnedSemaphorePermit>,
}

/// All held items.
#[derive(Default)]
pub(super) struct Held {
    items: HashMap<u64, HeldItem>,
    by_job: HashMap<(Uuid, u32), u64>,
    next: u64,
}

impl HeldItem {
    pub(super) fn new(
        kind: usize,
        taken: Vec<TakenJob>,
        delivery: Delivery,
        room: Option<OwnedSemaphorePermit>,
        run_id: fn() -> Uuid,
    ) -> Self {
        let now = Instant::now();
        let jobs = taken.into_iter().map(|TakenJob { id, job, context }| HeldJob {
            id,
            context,
            dispatch: job.dispatch,
            run_id: run_id(),
            trace: None,
            state: JobState::Waiting(Box::new(job)),
            asked: LastAsked::never(now),
            started_unix_ms: 0,
        });
        Self {
            kind,
            deliveries: vec![Arc::new(delivery)],
            jobs: jobs.collect(),
            taken: now,
            _room: room,
        }
    }

    /// The item came once more.
    pub(super) fn add_copy(&mut self, delivery: Delivery) {
        // Delivered again, a message is answered for by its newest delivery alone.
        let sequence = delivery.stream_sequence();
        self.deliveries.retain(|held| held.stream_sequence() != sequence);
        self.deliveries.push(Arc::new(delivery));
    }

    /// Nothing of it has begun.
    pub(super) fn is_waiting(&self) -> bool {
        self.jobs.iter().all(|job| matches!(job.state, JobState::Waiting(_)))
    }

    pub(super) fn is_done(&self) -> bool {
        self.jobs.iter().all(|job| matches!(job.state, JobState::Done))
    }

    /// Jobs that take a slot.
    pub(super) fn busy(&self) -> usize {
        let busy = |job: &&HeldJob| matches!(job.state, JobState::Waiting(_) | JobState::Running { .. });
        self.jobs.iter().filter(busy).count()
    }
}

impl Held {
    /// The item that holds all these dispatches already.
    pub(super) fn find(&mut self, jobs: &[TakenJob]) -> Option<&mut HeldItem> {
        let first = jobs.first()?;
        let number = self.by_job.get(&(first.id, first.job.dispatch))?;
        let item = self.items.get_mut(number)?;
        let holds = |taken: &TakenJob| {
            let mut held = item.jobs.iter();
            held.any(|job| job.id == taken.id && job.dispatch == taken.job.dispatch)
        };
        jobs.iter().all(holds).then_some(item)
    }

    pub(super) fn insert(&mut self, item: HeldItem) -> u64 {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.by_job
            .extend(item.jobs.iter().map(|job| ((job.id, job.dispatch), number)));
        self.items.insert(number, item);
        number
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<HeldItem> {
        let item = self.items.remove(&number)?;
        for job in &item.jobs {
            let name = (job.id, job.dispatch);
            // A later item may hold it too.
            if self.by_job.get(&name) == Some(&number) {
                self.by_job.remove(&name);
            }
        }
        Some(item)
    }

    pub(super) fn item(&self, number: u64) -> Option<&HeldItem> {
        self.items.get(&number)
    }

    pub(super) fn job(&mut self, key: JobKey) -> Option<&mut HeldJob> {
        self.items.get_mut(&key.item)?.jobs.get_mut(key.index)
    }

    pub(super) fn items(&self) -> impl Iterator<Item = (u64, &HeldItem)> {
        self.items.iter().map(|(number, item)| (*number, item))
    }

    pub(super) fn jobs(&mut self) -> impl Iterator<Item = (JobKey, &mut HeldJob)> {
        self.items.iter_mut().flat_map(|(number, item)| {
            let jobs = item.jobs.iter_mut().enumerate();
            jobs.map(|(index, job)| (JobKey { item: *number, index }, job))
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Jobs of a kind that take a slot.
    pub(super) fn busy(&self, kind: usize) -> usize {
        let of_kind = self.items.values().filter(|item| item.kind == kind);
        of_kind.map(HeldItem::busy).sum()
    }

    /// How a job is named to the coordinator.
    pub(super) fn running_job(&self, key: JobKey) -> Option<RunningJob> {
        let item = self.items.get(&key.item)?;
        let job = item.jobs.get(key.index)?;
        Some(RunningJob {
            task_id: job.context.task_id.clone(),
            job_id: job.id.to_string(),
            dispatch: job.dispatch,
            run_id: job.run_id.to_string(),
        })
    }
}
