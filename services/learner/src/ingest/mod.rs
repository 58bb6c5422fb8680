//! Durable ingestion: events tell which tasks ended, the catch-up finds those no event told of.

mod catch_up;
mod fetch;
pub mod head;
mod spans;

pub use catch_up::CatchUp;
pub use fetch::Fetcher;

use crate::backoff::Backoff;
use crate::chain;
use bus::intake::{Delivery, Intake, ack_all};
use bus::topology::ConsumerSpec;
use bus::{Bus, Token};
use fetch::MAX_BATCH;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::Span;
use workflow::ids::TaskId;
use workflow::vocabulary::EventKind;

/// The events that end a task.
const KINDS: [EventKind; 4] = [
    EventKind::TaskCompleted,
    EventKind::TaskRejected,
    EventKind::TaskFailed,
    EventKind::TaskCancelled,
];
/// Events held at once.
const CAPACITY: usize = 2 * MAX_BATCH;
/// A batch may take this long to fill: learning has time, and larger batches cost less.
const LINGER: Duration = Duration::from_millis(200);
/// A batch is tried for this long, well within the stream's 30 s for an answer, then left to be delivered again.
const GIVE_UP_AFTER: Duration = Duration::from_secs(20);
/// No single attempt may hang on a half-open connection.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(120);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// After NATS comes back, events may have been lost; the catch-up runs this soon.
const AFTER_RECONNECT: Duration = Duration::from_secs(1);

/// Takes events and keeps records until told to stop.
pub struct Ingestion {
    /// Where events come from.
    pub bus: Bus,
    /// Gets and keeps records.
    pub fetcher: Fetcher,
    /// Finds what no event told of.
    pub catch_up: CatchUp,
    /// Pause between two runs of the catch-up.
    pub catch_up_every: Duration,
}

impl Ingestion {
    /// Runs until `shutdown`; outages are waited out. What is not acknowledged then is delivered again.
    pub async fn run(self, consumer: Token, shutdown: CancellationToken) {
        let spec = ConsumerSpec::events(&self.bus, &consumer, &KINDS);
        let mut intake = Intake::open(&self.bus, spec, CAPACITY);
        let mut connection = self.bus.watch_connection();
        connection.mark_unchanged();
        let mut batch = Vec::with_capacity(MAX_BATCH);
        let mut next_run = Instant::now();
        let mut backoff = Backoff::new(FIRST_PAUSE, self.catch_up_every);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = sleep_until(next_run) => {
                    next_run = Instant::now() + self.run_catch_up(&mut backoff, &shutdown).await;
                }
                Ok(()) = connection.changed() => {
                    if connection.borrow_and_update().up {
                        next_run = next_run.min(Instant::now() + AFTER_RECONNECT);
                    }
                }
                _ = intake.next_batch(&mut batch, MAX_BATCH) => {
                    fill(&mut intake, &mut batch).await;
                    self.take(std::mem::take(&mut batch), &shutdown).await;
                }
            }
        }
    }

    /// One run of the catch-up; answers when the next is due.
    async fn run_catch_up(&self, backoff: &mut Backoff, shutdown: &CancellationToken) -> Duration {
        // Not timed as a whole: after a long absence it has much to do, and each question is timed.
        let outcome = tokio::select! {
            () = shutdown.cancelled() => return Duration::ZERO,
            outcome = self.catch_up.run() => outcome,
        };
        match outcome {
            Ok(()) => {
                backoff.reset();
                self.catch_up_every
            }
            Err(error) => {
                tracing::warn!(error = chain(&error), "the catch-up did not come to its end");
                backoff.pause()
            }
        }
    }

    async fn take(&self, batch: Vec<Delivery>, shutdown: &CancellationToken) {
        let mut tasks: Vec<TaskId> = batch.iter().filter_map(task_of).collect();
        tasks.sort_unstable();
        tasks.dedup();
        let _spans: Vec<Span> = batch.iter().map(spans::process).collect();
        let deadline = Instant::now() + GIVE_UP_AFTER;
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            let reason = match timeout(ATTEMPT_TIMEOUT, self.fetcher.fetch(&tasks)).await {
                Ok(Ok(())) => {
                    ack_all(batch).await;
                    return;
                }
                Ok(Err(error)) => chain(&error),
                Err(_elapsed) => "no answer in time".to_owned(),
            };
            tracing::warn!(reason, tasks = tasks.len(), "records could not be kept");
            let pause = backoff.pause();
            if Instant::now() + pause > deadline {
                return;
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = sleep(pause) => {}
            }
        }
    }
}

/// Waits a moment for more events.
async fn fill(intake: &mut Intake, batch: &mut Vec<Delivery>) {
    let deadline = Instant::now() + LINGER;
    while batch.len() < MAX_BATCH {
        let room = MAX_BATCH - batch.len();
        if timeout_at(deadline, intake.next_batch(batch, room)).await.is_err() {
            return;
        }
    }
}

fn task_of(delivery: &Delivery) -> Option<TaskId> {
    let by_header = delivery.header("ce-subject").and_then(|subject| subject.parse().ok());
    let task = by_header.or_else(|| head::subject(delivery.payload()));
    if task.is_none() {
        // Acknowledged with the others: it will not get better, and the catch-up knows the task.
        tracing::warn!(subject = delivery.subject(), "an event that names no task");
    }
    task
}
