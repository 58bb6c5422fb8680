//! How many calls a provider gets at a time and a minute from this process.

use super::bucket::Bucket;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// Who cannot go within this time comes again: the work's own time must not be spent waiting here.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Who finds more than this before them, for each call there may be, comes again at once.
const WAITING_PER_CALL: usize = 8;
/// When to come again where nobody can tell.
const AGAIN: Duration = Duration::from_secs(2);

/// Bounds of one provider.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Calls at a time.
    pub max_concurrency: u32,
    /// Calls a minute.
    pub requests_per_minute: Option<u32>,
    /// Tokens a minute, prompts and replies together.
    pub tokens_per_minute: Option<u32>,
}

/// Shared by all calls to one provider.
pub(super) struct Gate {
    calls: Arc<Semaphore>,
    waiting: AtomicUsize,
    most_waiting: usize,
    /// One waits for the rates, the others behind it.
    line: tokio::sync::Mutex<()>,
    rates: Mutex<Rates>,
}

struct Rates {
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
}

/// Leave to make one call.
pub(super) struct Ticket {
    gate: Arc<Gate>,
    _permit: OwnedSemaphorePermit,
    taken: f64,
}

impl Gate {
    pub(super) fn new(bounds: Bounds, now: Instant) -> Self {
        let calls = usize::try_from(bounds.max_concurrency.max(1)).unwrap_or(1);
        Self {
            calls: Arc::new(Semaphore::new(calls)),
            waiting: AtomicUsize::new(0),
            most_waiting: calls.saturating_mul(WAITING_PER_CALL),
            line: tokio::sync::Mutex::new(()),
            rates: Mutex::new(Rates {
                requests: bounds.requests_per_minute.map(|rate| Bucket::new(rate, now)),
                tokens: bounds.tokens_per_minute.map(|rate| Bucket::new(rate, now)),
            }),
        }
    }

    /// In the order of asking, or not at all before `deadline`. The error says when to come again.
    pub(super) async fn enter(self: &Arc<Self>, tokens: f64, deadline: Instant) -> Result<Ticket, Duration> {
        let waiting = Waiting::new(&self.waiting);
        if waiting.before_me >= self.most_waiting {
            return Err(AGAIN);
        }
        let calls = Arc::clone(&self.calls);
        let permit = timeout_at(deadline, calls.acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Err(AGAIN) };
        let Ok(_line) = timeout_at(deadline, self.line.lock()).await else {
            return Err(AGAIN);
        };
        loop {
            let now = Instant::now();
            let wait = self.rates().take_or_wait(tokens, now);
            if wait.is_zero() {
                break;
            }
            if now + wait > deadline {
                return Err(wait);
            }
            tokio::time::sleep(wait).await;
        }
        Ok(Ticket {
            gate: Arc::clone(self),
            _permit: permit,
            taken: tokens,
        })
    }

    fn rates(&self) -> std::sync::MutexGuard<'_, Rates> {
        self.rates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rates {
    fn take_or_wait(&mut self, tokens: f64, now: Instant) -> Duration {
        let wait = |bucket: &mut Option<Bucket>, amount| {
            bucket
                .as_mut()
                .map_or(Duration::ZERO, |bucket| bucket.wait_for(amount, now))
        };
        let wait = wait(&mut self.requests, 1.0).max(wait(&mut self.tokens, tokens));
        if wait.is_zero() {
            self.take(1.0, tokens, now);
        }
        wait
    }

    fn take(&mut self, requests: f64, tokens: f64, now: Instant) {
        for (bucket, amount) in [(&mut self.requests, requests), (&mut self.tokens, tokens)] {
            if let Some(bucket) = bucket {
                bucket.take(amount, now);
            }
        }
    }
}

impl Ticket {
    /// No call was made.
    pub(super) fn unused(self) {
        let now = Instant::now();
        self.gate.rates().take(-1.0, -self.taken, now);
    }

    /// What the call really used.
    pub(super) fn used(self, tokens: f64) {
        let now = Instant::now();
        self.gate.rates().take(0.0, tokens - self.taken, now);
    }
}

/// Counts who waits, also where they give up.
struct Waiting<'a> {
    count: &'a AtomicUsize,
    before_me: usize,
}

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        let before_me = count.fetch_add(1, Ordering::Relaxed);
        Self { count, before_me }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn gate(max_concurrency: u32, requests: Option<u32>, tokens: Option<u32>) -> Arc<Gate> {
        let bounds = Bounds {
            max_concurrency,
            requests_per_minute: requests,
            tokens_per_minute: tokens,
        };
        Arc::new(Gate::new(bounds, Instant::now()))
    }

    async fn enter(gate: &Arc<Gate>, tokens: f64) -> Result<Ticket, Duration> {
        gate.enter(tokens, Instant::now() + PATIENCE).await
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_is_in_order_ends_and_can_be_given_up() {
        let gate = gate(1, None, None);
        let held = enter(&gate, 0.0).await.ok().unwrap();
        let mut given_up = Box::pin(enter(&gate, 0.0));
        let mut second = Box::pin(enter(&gate, 0.0));
        let mut third = Box::pin(enter(&gate, 0.0));
        for waiting in [&mut given_up, &mut second, &mut third] {
            assert!(waiting.as_mut().now_or_never().is_none());
        }
        drop(given_up);
        drop(held);
        assert!(third.as_mut().now_or_never().is_none(), "the third does not overtake");
        let held = second.await.ok().unwrap();
        let started = Instant::now();
        assert_eq!(third.await.err(), Some(AGAIN));
        assert_eq!(started.elapsed(), PATIENCE);
        held.unused();
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_wait_are_bounded() {
        let gate = gate(1, None, None);
        let _held = enter(&gate, 0.0).await.ok().unwrap();
        let mut waiting: Vec<_> = (0..WAITING_PER_CALL).map(|_| Box::pin(enter(&gate, 0.0))).collect();
        for waiting in &mut waiting {
            assert!(waiting.as_mut().now_or_never().is_none());
        }
        assert_eq!(enter(&gate, 0.0).now_or_never().unwrap().err(), Some(AGAIN));
        drop(waiting);
        assert!(enter(&gate, 0.0).now_or_never().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_held_and_says_when_to_come_again() {
        let gate = gate(10, Some(6), None);
        for _ in 0..6 {
            enter(&gate, 0.0).await.ok().unwrap().used(0.0);
        }
        assert_eq!(enter(&gate, 0.0).await.err(), Some(Duration::from_secs(10)));
        tokio::time::advance(Duration::from_secs(7)).await;
        let started = Instant::now();
        enter(&gate, 0.0).await.ok().unwrap().unused();
        assert!(started.elapsed() >= Duration::from_secs(3));
        assert!(
            enter(&gate, 0.0).now_or_never().unwrap().is_ok(),
            "what was not used is there again"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_are_settled_by_what_was_used() {
        let gate = gate(10, None, Some(600));
        enter(&gate, 100.0).await.ok().unwrap().used(900.0);
        // 300 in debt, and 100 wanted.
        assert_eq!(enter(&gate, 100.0).await.err(), Some(Duration::from_secs(40)));
        tokio::time::advance(Duration::from_secs(90)).await;
        assert!(
            enter(&gate, 5000.0).now_or_never().unwrap().is_ok(),
            "more than a minute's worth goes when it is full"
        );
    }
}
