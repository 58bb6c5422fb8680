//! The circuit breaker of one provider and model: who does not answer is left alone for a while.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Failures in a row that open it.
const THRESHOLD: u32 = 3;
/// The first pause, and the longest; each failed probe doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A pause is longer by up to this share, so that processes do not probe together; never shorter, since
/// shorter ones would mean more probes.
const SPREAD: f64 = 0.25;
/// When to come again while somebody else probes.
const PROBING: Duration = Duration::from_secs(2);

/// Shared by all calls to one provider and model.
pub(crate) struct Breaker {
    random: fn() -> f64,
    state: Mutex<State>,
    changed: Notify,
}

enum State {
    /// Calls go out. After a failure one at a time, until one goes well: what is in flight when a provider
    /// dies is lost, but no more than that.
    Closed { failures: u32, trial: bool },
    /// No calls until then.
    Open { until: Instant, pause: Duration },
    /// One call is out; what becomes of it decides.
    Probing { pause: Duration },
}

/// Leave to make one call. Dropped without a word, it was given up: that says nothing of the provider.
pub(crate) struct Pass {
    breaker: Arc<Breaker>,
    kind: Kind,
    told: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Usual,
    Trial,
    Probe,
}

impl Breaker {
    pub(crate) fn new(random: fn() -> f64) -> Self {
        Self {
            random,
            state: Mutex::new(State::Closed {
                failures: 0,
                trial: false,
            }),
            changed: Notify::new(),
        }
    }

    /// How long no call will be let through; none: one may be.
    pub(crate) fn away_for(&self) -> Option<Duration> {
        match &*self.state() {
            State::Open { until, .. } => Some(until.duration_since(Instant::now())).filter(|left| !left.is_zero()),
            State::Probing { .. } => Some(PROBING),
            State::Closed { .. } => None,
        }
    }

    /// Leave to call, at once or as soon as the call in doubt has ended. The error says when to come again.
    pub(crate) async fn admit(self: &Arc<Self>) -> Result<Pass, Duration> {
        loop {
            let changed = self.changed.notified();
            if let Some(verdict) = self.judge() {
                return verdict;
            }
            changed.await;
        }
    }

    fn judge(self: &Arc<Self>) -> Option<Result<Pass, Duration>> {
        let mut state = self.state();
        let kind = match &mut *state {
            State::Closed { failures: 0, .. } => Kind::Usual,
            State::Closed { trial: true, .. } => return None,
            State::Closed { trial, .. } => {
                *trial = true;
                Kind::Trial
            }
            State::Open { until, pause } => {
                let left = until.duration_since(Instant::now());
                if !left.is_zero() {
                    return Some(Err(left));
                }
                *state = State::Probing { pause: *pause };
                Kind::Probe
            }
            State::Probing { .. } => return Some(Err(PROBING)),
        };
        Some(Ok(Pass {
            breaker: Arc::clone(self),
            kind,
            told: false,
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, state: &mut State, pause: Duration, at_least: Duration) {
        let spread = 1.0 + SPREAD * (self.random)().clamp(0.0, 1.0);
        let until = Instant::now() + pause.max(at_least).mul_f64(spread);
        *state = State::Open { until, pause };
    }

    fn answered(&self, kind: Kind) {
        let mut state = self.state();
        match &*state {
            State::Closed { .. } => {
                *state = State::Closed {
                    failures: 0,
                    trial: false,
                }
            }
            State::Probing { .. } if kind == Kind::Probe => {
                *state = State::Closed {
                    failures: 0,
                    trial: false,
                }
            }
            // A call from before it opened says nothing of now.
            State::Open { .. } | State::Probing { .. } => {}
        }
    }

    fn failed(&self, kind: Kind, retry_after: Option<Duration>) {
        let mut state = self.state();
        let asked = retry_after.unwrap_or_default();
        match &mut *state {
            State::Closed { failures, trial } => {
                *failures += 1;
                *trial &= kind != Kind::Trial;
                if *failures >= THRESHOLD {
                    self.open(&mut state, FIRST_PAUSE, asked);
                } else if !asked.is_zero() {
                    self.open(&mut state, asked.min(FIRST_PAUSE), asked);
                }
            }
            State::Probing { pause } if kind == Kind::Probe => {
                let pause = pause.saturating_mul(2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
                self.open(&mut state, pause, asked);
            }
            // It is open already: this call went out before.
            State::Open { .. } | State::Probing { .. } => {}
        }
    }

    fn given_up(&self, kind: Kind) {
        let mut state = self.state();
        match &mut *state {
            State::Closed { trial, .. } if kind == Kind::Trial => *trial = false,
            // Not closed, for nothing was learned; nor free for the next at once, for who gives up may do so often.
            State::Probing { pause } if kind == Kind::Probe => {
                let pause = *pause;
                self.open(&mut state, pause, FIRST_PAUSE);
            }
            _ => {}
        }
    }
}

impl Pass {
    /// The provider answered.
    pub(crate) fn answered(mut self) {
        self.told = true;
        self.breaker.answered(self.kind);
    }

    /// It did not, or asks to be left alone.
    pub(crate) fn failed(mut self, retry_after: Option<Duration>) {
        self.told = true;
        self.breaker.failed(self.kind, retry_after);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if !self.told {
            self.breaker.given_up(self.kind);
        }
        self.breaker.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn breaker() -> Arc<Breaker> {
        Arc::new(Breaker::new(|| 0.0))
    }

    async fn fail(breaker: &Arc<Breaker>) {
        breaker.admit().await.ok().unwrap().failed(None);
    }

    async fn opened() -> Arc<Breaker> {
        let breaker = breaker();
        for _ in 0..THRESHOLD {
            fail(&breaker).await;
        }
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_failures_in_a_row_and_pauses_grow_to_their_bound() {
        let breaker = breaker();
        fail(&breaker).await;
        fail(&breaker).await;
        breaker.admit().await.ok().unwrap().answered();
        fail(&breaker).await;
        fail(&breaker).await;
        assert_eq!(breaker.away_for(), None);
        fail(&breaker).await;
        for seconds in [5, 10, 20, 30, 30] {
            let pause = Duration::from_secs(seconds);
            assert_eq!(breaker.away_for(), Some(pause));
            assert_eq!(breaker.admit().await.err(), Some(pause));
            tokio::time::advance(pause).await;
            fail(&breaker).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_probe_alone_decides() {
        let breaker = opened().await;
        tokio::time::advance(FIRST_PAUSE).await;
        let probe = breaker.admit().await.ok().unwrap();
        assert_eq!(breaker.admit().await.err(), Some(PROBING));
        probe.answered();
        let first = breaker.admit().await.ok().unwrap();
        let second = breaker.admit().await.ok().unwrap();
        drop((first, second));
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_given_up_neither_closes_it_nor_blocks_it() {
        let breaker = opened().await;
        tokio::time::advance(FIRST_PAUSE).await;
        drop(breaker.admit().await.ok().unwrap());
        assert_eq!(breaker.away_for(), Some(FIRST_PAUSE));
        tokio::time::advance(FIRST_PAUSE).await;
        breaker.admit().await.ok().unwrap().answered();
        assert_eq!(breaker.away_for(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_failure_calls_go_one_at_a_time_and_the_next_does_not_wait_for_ever() {
        let breaker = breaker();
        fail(&breaker).await;
        let trial = breaker.admit().await.ok().unwrap();
        let mut next = Box::pin(breaker.admit());
        assert!(next.as_mut().now_or_never().is_none());
        drop(trial);
        let next = next.await.ok().unwrap();
        next.answered();
        let both = (breaker.admit().await.ok().unwrap(), breaker.admit().await.ok().unwrap());
        drop(both);
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_opens_it_at_once_and_for_as_long_as_was_asked() {
        let breaker = breaker();
        let pause = Duration::from_secs(90);
        breaker.admit().await.ok().unwrap().failed(Some(pause));
        assert_eq!(breaker.away_for(), Some(pause));
        tokio::time::advance(pause).await;
        breaker.admit().await.ok().unwrap().answered();
        assert_eq!(breaker.away_for(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_from_before_it_opened_do_not_move_it() {
        let breaker = breaker();
        let (late_good, late_bad) = (breaker.admit().await.ok().unwrap(), breaker.admit().await.ok().unwrap());
        for _ in 0..THRESHOLD {
            fail(&breaker).await;
        }
        late_bad.failed(None);
        late_good.answered();
        assert_eq!(breaker.away_for(), Some(FIRST_PAUSE));
    }
}
