//! Ending: nothing new, running jobs get time, the rest is handed back.

use super::event_loop::{Note, Worker};
use super::held::{JobKey, JobState};
use super::job::Handler;
use super::pulse;
use contracts::work::{Released, Usage, job_result::Outcome};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// After its cancellation a run may still record an effect.
const RECORDING: Duration = Duration::from_secs(5);
/// For the last results to reach the stream.
const REPORTING: Duration = Duration::from_secs(10);
/// For readers, acknowledgements and the client's buffers.
const CLOSING: Duration = Duration::from_secs(3);

/// How far the ending is.
pub(super) struct Drain {
    until: Instant,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Running jobs may end by themselves.
    Waiting,
    /// They were cancelled and are handed back.
    Cancelled,
    /// What would not end was dropped; its lease will run out.
    Dropped,
}

impl Drain {
    /// Whether a run that ends without an outcome was ended by this worker.
    pub(super) fn cancels(&self) -> bool {
        self.stage != Stage::Waiting
    }
}

impl<H: Handler> Worker<H> {
    pub(super) fn begin_drain(&mut self) {
        if self.drain.is_some() {
            return;
        }
        tracing::info!("draining");
        let until = Instant::now() + self.config.drain_deadline;
        self.drain = Some(Drain {
            until,
            stage: Stage::Waiting,
        });
        self.asks.clear();
        self.alone.clear();
        // So that nothing more is meant for this worker.
        let (coordinator, beats) = (self.coordinator.clone(), self.beats(|_, _| (0, 0)));
        self.side.spawn(async move {
            if !pulse::beat(coordinator, beats).await {
                tracing::debug!("the coordinator did not hear that this worker ends");
            }
        });
        self.hand_back_waiting();
    }

    /// Items of which nothing has begun go back as they are; single jobs as released.
    fn hand_back_waiting(&mut self) {
        let untouched = self.held.items().filter(|(_, item)| item.is_waiting());
        let untouched: Vec<u64> = untouched.map(|(number, _)| number).collect();
        for number in untouched {
            if let Some(item) = self.held.remove(number) {
                self.side.spawn(async move {
                    for delivery in item.deliveries {
                        delivery.nak().await;
                    }
                });
            }
        }
        let waiting = self
            .held
            .jobs()
            .filter(|(_, job)| matches!(job.state, JobState::Waiting(_)));
        let waiting: Vec<JobKey> = waiting.map(|(key, _)| key).collect();
        for key in waiting {
            self.report(
                key,
                Outcome::Released(Released::default()),
                Usage::default(),
                Vec::new(),
            );
        }
    }

    pub(super) fn tick_drain(&mut self, now: Instant) {
        let Some(drain) = self.drain.as_mut().filter(|drain| now >= drain.until) else {
            return;
        };
        match drain.stage {
            Stage::Waiting => {
                drain.stage = Stage::Cancelled;
                drain.until = now + RECORDING;
                for (_, job) in self.held.jobs() {
                    if let JobState::Running { cancelled, .. } = &job.state {
                        cancelled.cancel();
                    }
                }
            }
            Stage::Cancelled => {
                drain.stage = Stage::Dropped;
                drain.until = now + REPORTING;
                for (_, job) in self.held.jobs() {
                    if let JobState::Running { task, .. } = &job.state {
                        task.abort();
                        // Not acknowledged: an effect may be open, and the ledger has to settle it.
                        job.state = JobState::Done;
                    }
                }
            }
            Stage::Dropped => {}
        }
    }

    /// Nothing is left to wait for, or all waiting was in vain.
    pub(super) fn is_drained(&mut self) -> bool {
        let over = |drain: &super::drain::Drain| drain.stage == Stage::Dropped && Instant::now() >= drain.until;
        let reporting = self.held.jobs().any(|(_, job)| !matches!(job.state, JobState::Done));
        self.held.is_empty() || !reporting || self.drain.as_ref().is_some_and(over)
    }

    /// Gives back what came too late and lets everything that was sent leave the process.
    pub(super) async fn close(mut self) {
        let finish = async {
            // A reader gives back what it has and ends when its gate is gone.
            self.gate = watch::Sender::new(false);
            for reader in &mut self.readers {
                drop((&mut reader.task).await);
            }
            while let Some(note) = self.try_note() {
                if let Note::Taken { deliveries, .. } = note {
                    for delivery in deliveries {
                        delivery.nak().await;
                    }
                }
            }
            self.side.close();
            self.side.wait().await;
            drop(self.bus.client().flush().await);
        };
        if timeout(CLOSING, finish).await.is_err() {
            tracing::warn!("ended before everything was handed back; it will be delivered again");
        }
    }
}
