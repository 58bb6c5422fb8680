//! The database's clock, read off our own monotonic one.
//!
//! Leases and due times are compared by all replicas, so all use one clock. Each answer of the
//! database carries its time; between answers the monotonic clock goes on from there.

use chrono::{DateTime, Utc};
use std::sync::Mutex;
use std::time::Instant;
use workflow::time::Timestamp;

/// The database's clock.
pub struct DatabaseClock {
    anchor: Mutex<(Instant, i64)>,
}

impl DatabaseClock {
    /// Set by a first answer.
    pub fn new(answer: DateTime<Utc>) -> Self {
        Self {
            anchor: Mutex::new((Instant::now(), answer.timestamp_millis())),
        }
    }

    /// Sets it by another answer. Never backwards: a later decision must not see an earlier time.
    pub fn set(&self, answer: DateTime<Utc>) {
        let now = self.now().0;
        *self.lock() = (Instant::now(), answer.timestamp_millis().max(now));
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        let (at, millis) = *self.lock();
        let since = i64::try_from(at.elapsed().as_millis()).unwrap_or(i64::MAX);
        Timestamp(millis.saturating_add(since))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Instant, i64)> {
        self.anchor.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
