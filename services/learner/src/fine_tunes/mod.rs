//! Trains models at providers with exports, and registers what comes of it.
//!
//! A job is a row, and each thing that is done for it a turn: one learner of any number takes it, holds it while it works,
//! and writes down what came of it. What must not be done twice is noted before it is done; whoever finds such a note
//! looks first whether it was.

mod document;
mod expectation;
mod lines;
mod providers;
mod request;
mod step;
mod tune;
mod work;

pub use document::document;
pub use lines::{LinesError, measure};
pub use providers::{Provider, Providers};
pub use request::{FineTuneRequest, Unfit, check};
pub use tune::{Course, FineTune, State};

use crate::backoff::Backoff;
use crate::chain;
use crate::store::{Store, StoreError};
use llm::fine_tuning::TrainingFault;
use service::config::FineTunesConfig;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Between two looks whether something is due.
const EVERY: Duration = Duration::from_secs(1);
/// Between two tries while the database is away.
const AT_MOST: Duration = Duration::from_secs(10);
/// How long whoever ended without a word keeps others from going on.
const LEASE: Duration = Duration::from_secs(30);
/// Jobs one process works on at the same time: sending a file takes its time.
const HANDS: usize = 2;

/// Why a turn came to nothing.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    /// The provider's doing.
    #[error(transparent)]
    Fault(#[from] TrainingFault),
    /// The database does not answer; whoever takes the next turn goes on.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is another one's turn.
    #[error("another learner went on with it")]
    Lost,
}

/// What a turn came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Came {
    /// It stands elsewhere; there is more to do at once.
    Further,
    /// It stands where it stood.
    Nowhere,
    /// There is nothing to do any more.
    ToItsEnd,
}

/// Works on jobs. Clones are the same.
#[derive(Clone)]
pub struct FineTunes {
    store: Store,
    providers: Arc<Providers>,
    rules: FineTunesConfig,
    lease: Duration,
}

impl FineTunes {
    /// By `rules`, at `providers`.
    pub fn new(store: Store, providers: Arc<Providers>, rules: FineTunesConfig) -> Self {
        Self {
            store,
            providers,
            rules,
            lease: LEASE,
        }
    }

    /// With turns that others take over sooner.
    #[cfg(test)]
    pub fn leasing(self, lease: Duration) -> Self {
        Self { lease, ..self }
    }

    /// Works until `shutdown`; outages are waited out, and what is broken off is gone on with by whoever comes next.
    pub async fn run(self, shutdown: CancellationToken) {
        let hands = (0..HANDS).map(|_| self.work(&shutdown));
        futures::future::join_all(hands).await;
    }

    async fn work(&self, shutdown: &CancellationToken) {
        let mut backoff = Backoff::new(EVERY, AT_MOST);
        loop {
            let turn = tokio::select! {
                () = shutdown.cancelled() => return,
                turn = self.turn() => turn,
            };
            let pause = match turn {
                Ok(true) => continue,
                Ok(false) => {
                    backoff.reset();
                    EVERY
                }
                Err(error) => {
                    tracing::warn!(error = chain(&error), "fine-tuning jobs wait");
                    backoff.pause()
                }
            };
            if !crate::slept(pause, shutdown).await {
                return;
            }
        }
    }

    /// Does the next thing for the job that waits longest. False: none waits.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn turn(&self) -> Result<bool, StoreError> {
        let Some(mut tune) = self.store.take_fine_tune(self.lease).await? else {
            return Ok(false);
        };
        let (id, turn) = (tune.id, tune.turn);
        let outcome = tokio::select! {
            outcome = self.step(&mut tune) => outcome,
            () = self.hold(id, turn) => Err(Trouble::Lost),
        };
        let now = service::clock::now();
        let (pause, closes) = match outcome {
            Ok(came) => self.came(&mut tune, came),
            Err(Trouble::Fault(fault)) => (self.waits(&mut tune, &fault), false),
            Err(Trouble::Store(error)) => return Err(error),
            Err(Trouble::Lost) => {
                tracing::info!(fine_tune_id = %id, "another learner goes on with a fine-tuning job");
                return Ok(true);
            }
        };
        tune.changed_at = now;
        self.store.leave_fine_tune(&tune, closes, pause).await?;
        Ok(true)
    }

    fn came(&self, tune: &mut FineTune, came: Came) -> (Duration, bool) {
        tune.failures = 0;
        tune.course.waiting = None;
        match came {
            Came::Further => {
                tune.course.polls = 0;
                (Duration::ZERO, false)
            }
            Came::Nowhere => {
                tune.course.polls = tune.course.polls.saturating_add(1);
                (self.pause(tune.course.polls), false)
            }
            Came::ToItsEnd => (Duration::ZERO, true),
        }
    }

    fn waits(&self, tune: &mut FineTune, fault: &TrainingFault) -> Duration {
        tune.failures = tune.failures.saturating_add(1);
        tune.course.waiting = Some(fault.to_string());
        tracing::warn!(fine_tune_id = %tune.id, provider = tune.provider, %fault, failures = tune.failures,
            "a fine-tuning job waits");
        let asked = match fault {
            TrainingFault::Away { retry_after, .. } => retry_after.unwrap_or_default(),
            _ => Duration::ZERO,
        };
        self.pause(tune.failures).max(asked)
    }

    /// Before asking for the n-th time in a row, from 1.
    fn pause(&self, n: u32) -> Duration {
        let factor = 2_f64.powi(i32::try_from(n.saturating_sub(1).min(20)).unwrap_or(20));
        let most = self.rules.most_poll_seconds.max(self.rules.poll_seconds);
        Duration::from_secs_f64((self.rules.poll_seconds * factor).min(most))
    }

    /// Returns once it may be another one's turn.
    async fn hold(&self, id: uuid::Uuid, turn: i64) {
        let mut held = Instant::now();
        loop {
            sleep(self.lease / 4).await;
            let left = (self.lease * 3 / 4).saturating_sub(held.elapsed());
            let asked = Instant::now();
            match timeout(left, self.store.keep_fine_tune(id, turn, self.lease)).await {
                Ok(Ok(true)) => held = asked,
                Ok(Ok(false)) | Err(_) => return,
                Ok(Err(error)) => tracing::warn!(error = chain(&error), "a fine-tuning job is held without a word"),
            }
        }
    }
}
