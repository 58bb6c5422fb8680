//! Signs of life: beats for the process, heartbeats for what it runs.

use super::coordinator::Coordinator;
use contracts::coordinator::{BeatRequest, HeartbeatRequest, RunVerdict, RunningJob};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// The worker looks at what is due this often.
pub(super) const TICK: Duration = Duration::from_millis(500);
/// Between two beats, and between two heartbeats of a run.
const EVERY: Duration = Duration::from_secs(5);
/// After one that was not answered.
const AGAIN: Duration = Duration::from_secs(1);
/// Without an answered beat this long nothing new is taken.
const FRESH: Duration = Duration::from_secs(10);
const ANSWER_WITHIN: Duration = Duration::from_secs(4);
/// Jobs named in one heartbeat at most.
pub(super) const MAX_JOBS: usize = 1024;

/// When to beat, and whether the last beat allows new work.
pub(super) struct Pulse {
    asked: Option<Instant>,
    answered: Option<Instant>,
    under_way: bool,
    failed: bool,
}

impl Pulse {
    pub(super) const fn new() -> Self {
        Self {
            asked: None,
            answered: None,
            under_way: false,
            failed: false,
        }
    }

    /// Whether to beat now; the answer must be told to [`Pulse::beaten`].
    pub(super) fn due(&mut self, now: Instant) -> bool {
        let pause = if self.failed { AGAIN } else { EVERY };
        let due = !self.under_way && self.asked.is_none_or(|asked| now >= asked + pause);
        if due {
            self.asked = Some(now);
            self.under_way = true;
        }
        due
    }

    /// The beat asked at `asked` was answered, or not.
    pub(super) fn beaten(&mut self, asked: Instant, answered: bool) {
        self.under_way = false;
        self.failed = !answered;
        if answered {
            // Its asking counts: the coordinator may have heard of us only then.
            self.answered = Some(asked);
        }
    }

    /// Whether new items may be taken.
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        self.answered.is_some_and(|answered| now < answered + FRESH)
    }
}

/// When a held job last asked the coordinator.
#[derive(Clone, Copy)]
pub(super) struct LastAsked {
    at: Instant,
    ever: bool,
}

impl LastAsked {
    /// Began without asking.
    pub(super) const fn never(began: Instant) -> Self {
        Self { at: began, ever: false }
    }

    /// Was answered just now.
    pub(super) const fn now(at: Instant) -> Self {
        Self { at, ever: true }
    }

    /// First after 1 s, then every 5 s.
    pub(super) fn is_due(self, now: Instant) -> bool {
        let pause = if self.ever { EVERY } else { AGAIN };
        now + TICK / 2 >= self.at + pause
    }
}

/// Tells the coordinator what this worker serves; whether all of it was answered.
pub(super) async fn beat(coordinator: Coordinator, beats: Vec<BeatRequest>) -> bool {
    let calls = beats.into_iter().map(|beat| {
        let (mut client, coordinator) = (coordinator.client(), coordinator.clone());
        async move {
            let answer = client.beat(Coordinator::unary(beat)).await;
            answer.map(|answer| coordinator.heard(answer.get_ref())).is_ok()
        }
    });
    let answers = timeout(ANSWER_WITHIN, futures::future::join_all(calls)).await;
    answers.is_ok_and(|answers| answers.into_iter().all(|answered| answered))
}

/// Asks about runs; `None` when there is no answer.
pub(super) async fn heartbeat(
    coordinator: Coordinator,
    worker_id: String,
    jobs: Vec<RunningJob>,
) -> Option<Vec<RunVerdict>> {
    let expected = jobs.len();
    let mut client = coordinator.client();
    let call = client.heartbeat(Coordinator::unary(HeartbeatRequest { worker_id, jobs }));
    let answer = timeout(ANSWER_WITHIN, call).await.ok()?.ok()?.into_inner();
    (answer.verdicts.len() == expected).then_some(answer.verdicts)
}
