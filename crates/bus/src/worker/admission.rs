//! From the stream into a run: what is read, what is asked about first, what waits to be alone.

use super::event_loop::{Note, Worker};
use super::held::{HeldItem, JobKey, JobState};
use super::job::Handler;
use super::pulse::{self, LastAsked};
use super::run::{self, Run};
use super::{spans, take};
use crate::connection::Bus;
use crate::dead_letter::DeadLetter;
use crate::intake::Delivery;
use contracts::coordinator::RunVerdict;
use contracts::trace;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// After an unanswered question about items that must not run unasked.
const ASK_AGAIN: Duration = Duration::from_secs(1);

impl<H: Handler> Worker<H> {
    pub(super) fn take(&mut self, kind: usize, delivery: Delivery) {
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
        if let Some(held) = self.held.find(&item) {
            held.add_copy(delivery);
            return;
        }
        let alone = item.iter().any(|taken| taken.job.alone);
        // Delivered before: another worker may run it, or one died of it.
        let suspect = delivery.delivered() > 1 || item.iter().any(|taken| taken.job.losses > 0);
        let count = item.len();
        let room = self.room_for(kind, count);
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
    pub(super) fn room_for(&self, kind: usize, jobs: usize) -> Option<OwnedSemaphorePermit> {
        let room = &self.readers.get(kind)?.room;
        let wanted = jobs.saturating_sub(1).min(room.available_permits());
        let wanted = u32::try_from(wanted).ok().filter(|wanted| *wanted > 0)?;
        Arc::clone(room).try_acquire_many_owned(wanted).ok()
    }

    pub(super) fn start(&mut self, key: JobKey) {
        let Some(held) = self.held.job(key) else {
            return;
        };
        let item = Arc::clone(&held.context);
        let JobState::Waiting(job) = std::mem::replace(&mut held.state, JobState::Done) else {
            return;
        };
        let span = spans::process(&item, &job, self.bus.names(), &self.config.pool);
        held.trace = trace::of(&span);
        let line = spans::line(&item, &job);
        let cancelled = CancellationToken::new();
        let run = Run {
            item,
            job: *job,
            run_id: held.run_id,
            cancelled: cancelled.clone(),
        };
        let (handler, coordinator, notes) = (Arc::clone(&self.handler), self.coordinator.clone(), self.notes.clone());
        let outer = span.clone();
        let task = async move {
            let ended = run::run(&*handler, &coordinator, run).await;
            spans::ended(&outer, &ended);
            // Nobody listens any more only when the process ends.
            drop(notes.send(Note::Ended(key, Box::new(ended))));
        };
        held.started_unix_ms = (self.config.sources.unix_ms)();
        held.state = JobState::Running {
            cancelled,
            task: tokio::spawn(task.instrument(span).instrument(line)).abort_handle(),
            unwanted: false,
        };
    }

    /// Asks about the items that must not run unasked; one question is under way at a time.
    pub(super) fn ask(&mut self) {
        if self.ask_under_way || self.asks.is_empty() || Instant::now() < self.ask_after {
            return;
        }
        let count = self.asks.len().min(pulse::MAX_JOBS);
        let asks = self.asks.drain(..count);
        // An item that ended meanwhile has no name any more.
        let keys: Vec<JobKey> = asks.filter(|key| self.held.item(key.item).is_some()).collect();
        self.ask_under_way = !keys.is_empty();
        if self.ask_under_way {
            self.ask_coordinator(keys, |keys, verdicts| Note::Asked { keys, verdicts });
        }
    }

    pub(super) fn asked(&mut self, keys: Vec<JobKey>, verdicts: Option<Vec<RunVerdict>>) {
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

    /// Lets the next item that must be alone begin, when nothing else is under way.
    pub(super) fn admit_alone(&mut self) {
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
