//! A rate as a bucket that fills with time.

use std::time::Duration;
use tokio::time::Instant;

/// So much a minute, a minute's worth at once at most. May go into debt: what a call uses is known only after it.
#[derive(Debug)]
pub(super) struct Bucket {
    a_minute: f64,
    level: f64,
    at: Instant,
}

impl Bucket {
    pub(super) fn new(a_minute: u32, now: Instant) -> Self {
        let a_minute = f64::from(a_minute.max(1));
        Self {
            a_minute,
            level: a_minute,
            at: now,
        }
    }

    /// How long until `amount` may be taken; what is more than a minute's worth waits for a full bucket.
    pub(super) fn wait_for(&mut self, amount: f64, now: Instant) -> Duration {
        self.fill(now);
        let lacking = amount.min(self.a_minute) - self.level;
        Duration::try_from_secs_f64(lacking * 60.0 / self.a_minute).unwrap_or_default()
    }

    /// Takes it, or with a negative amount gives back.
    pub(super) fn take(&mut self, amount: f64, now: Instant) {
        self.fill(now);
        self.level = (self.level - amount).min(self.a_minute);
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.level = (self.level + passed * self.a_minute / 60.0).min(self.a_minute);
        self.at = now;
    }
}
