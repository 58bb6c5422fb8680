//! Telling the coordinator and the stream that this worker and its runs are alive.

use super::Serves;
use super::event_loop::{Note, Worker};
use super::held::{JobKey, JobState};
use super::job::Handler;
use super::pulse::{self, LastAsked};
use crate::intake::Delivery;
use contracts::coordinator::{BeatRequest, RunVerdict, RunningJob};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Held items ask the stream for more time this often; it gives 30 s.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);

impl<H: Handler> Worker<H> {
    pub(super) fn beat(&self, now: Instant) {
        let beats = self.beats(|slots, busy| (slots, slots.saturating_sub(busy)));
        let (coordinator, notes) = (self.coordinator.clone(), self.notes.clone());
        self.side.spawn(async move {
            let answered = pulse::beat(coordinator, beats).await;
            drop(notes.send(Note::Beaten { asked: now, answered }));
        });
    }

    /// A beat for each kind, with its slots and free slots as `figures` has them.
    pub(super) fn beats(&self, figures: impl Fn(usize, usize) -> (usize, usize)) -> Vec<BeatRequest> {
        let beat = |(kind, serves): (usize, &Serves)| {
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

    pub(super) fn heartbeat(&mut self, now: Instant) {
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

    pub(super) fn ask_coordinator(&self, keys: Vec<JobKey>, note: fn(Vec<JobKey>, Option<Vec<RunVerdict>>) -> Note) {
        let jobs: Vec<RunningJob> = keys.iter().filter_map(|key| self.held.running_job(*key)).collect();
        let (coordinator, notes) = (self.coordinator.clone(), self.notes.clone());
        let worker_id = self.config.worker_id.clone();
        self.side.spawn(async move {
            let verdicts = pulse::heartbeat(coordinator, worker_id, jobs).await;
            drop(notes.send(note(keys, verdicts)));
        });
    }

    pub(super) fn progress(&mut self, now: Instant) {
        if now < self.progressed + PROGRESS_EVERY {
            return;
        }
        self.progressed = now;
        let old = self
            .held
            .items()
            .filter(|(_, item)| now >= item.taken + PROGRESS_EVERY / 2);
        let deliveries: Vec<Arc<Delivery>> = old
            .flat_map(|(_, item)| item.deliveries.iter().map(Arc::clone))
            .collect();
        if !deliveries.is_empty() {
            self.side.spawn(async move {
                for delivery in deliveries {
                    delivery.progress().await;
                }
            });
        }
    }

    pub(super) fn heartbeaten(&mut self, keys: &[JobKey], verdicts: Option<Vec<RunVerdict>>) {
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
}
