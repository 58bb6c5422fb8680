//! When something is posted again, as a pure function of what happened.
//!
//! Two pauses: an event's own, so that one that a receiver chokes on is tried less and less often, and the webhook's,
//! so that a receiver that is down costs a post every few minutes, however many events wait for it.

use std::time::Duration;
use workflow::ids::TaskId;

/// Posts to one webhook at the same time, over all executors.
pub const IN_FLIGHT: i64 = 8;
const FIRST_PAUSE: f64 = 5.0;
const LONGEST_PAUSE: f64 = 3600.0;
/// A pause is so much longer or shorter at most.
const JITTER: f64 = 0.2;
const LONGEST_WEBHOOK_PAUSE: f64 = 300.0;
/// A receiver that wants to be left alone for longer is asked nevertheless.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);
const LONGEST_WEBHOOK_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// What answering takes beyond the webhook's own time.
const LEASE_MARGIN: Duration = Duration::from_secs(10);

/// A post that failed.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    pub stream: TaskId,
    pub sequence: u64,
    /// Posts of this event so far, from 1.
    pub attempts: u32,
    /// Failures of the webhook in a row, this one included.
    pub failures: u32,
    /// What the receiver asked for.
    pub retry_after: Duration,
}

/// How long nothing is posted.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Pauses {
    /// This event.
    pub event: Duration,
    /// Anything to this webhook.
    pub webhook: Duration,
}

/// What follows from a failure.
pub fn pauses(failure: &Failure) -> Pauses {
    let power = |base: f64, n: u32| base.powi(i32::try_from(n.saturating_sub(1).min(30)).unwrap_or(30));
    let own = (FIRST_PAUSE * power(3.0, failure.attempts)).min(LONGEST_PAUSE) * jitter(failure);
    let webhook = power(2.0, failure.failures).min(LONGEST_WEBHOOK_PAUSE);
    Pauses {
        event: Duration::from_secs_f64(own).max(failure.retry_after.min(LONGEST_RETRY_AFTER)),
        webhook: Duration::from_secs_f64(webhook).max(failure.retry_after.min(LONGEST_WEBHOOK_RETRY_AFTER)),
    }
}

/// How many posts may begin. While a webhook fails one at a time finds out whether it is back.
pub fn room(failures: i32, in_flight: i64) -> i64 {
    let most = if failures == 0 { IN_FLIGHT } else { 1 };
    (most - in_flight).max(0)
}

/// How long a post belongs to the executor that took it.
pub fn lease(timeout: Duration) -> Duration {
    timeout.min(Duration::from_secs(120)) + LEASE_MARGIN
}

/// Spreads events that failed together; the same for the same failure.
fn jitter(failure: &Failure) -> f64 {
    let (high, low) = failure.stream.0.as_u64_pair();
    let mixed = (high ^ low)
        .wrapping_add(failure.sequence)
        .wrapping_add(u64::from(failure.attempts) << 32)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let part = u32::try_from(mixed >> 32).unwrap_or(0);
    1.0 + JITTER * (f64::from(part) / f64::from(u32::MAX) * 2.0 - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(attempts: u32, failures: u32, retry_after: u64) -> Pauses {
        pauses(&Failure {
            stream: TaskId(uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001)),
            sequence: 3,
            attempts,
            failures,
            retry_after: Duration::from_secs(retry_after),
        })
    }

    #[test]
    fn pauses_grow_to_an_hour_and_those_of_a_webhook_to_five_minutes() {
        for (n, event, webhook) in [
            (1, 5.0, 1),
            (2, 15.0, 2),
            (5, 405.0, 16),
            (9, 3600.0, 256),
            (40, 3600.0, 300),
        ] {
            let pauses = after(n, n, 0);
            let own = pauses.event.as_secs_f64();
            assert!((event * 0.8..=event * 1.2).contains(&own), "{n}: {own}");
            assert_eq!(pauses.webhook, Duration::from_secs(webhook), "{n}");
        }
        assert_ne!(after(9, 1, 0).event, after(10, 1, 0).event, "jitter");
    }

    #[test]
    fn what_the_receiver_asked_for_is_respected_within_bounds() {
        assert_eq!(after(1, 1, 90).event, Duration::from_secs(90));
        assert_eq!(after(1, 1, 90).webhook, Duration::from_secs(90));
        assert_eq!(after(1, 1, u64::from(u32::MAX)).event, Duration::from_secs(86_400));
        assert_eq!(after(1, 1, u64::from(u32::MAX)).webhook, Duration::from_secs(3600));
    }

    #[test]
    fn a_webhook_that_fails_is_asked_by_one_post_at_a_time() {
        assert_eq!((room(0, 0), room(0, 7), room(0, 9)), (8, 1, 0));
        assert_eq!((room(1, 0), room(3, 1), room(3, 8)), (1, 0, 0));
    }

    #[test]
    fn two_days_of_an_outage_cost_few_posts_however_many_events_wait() {
        let (mut at, mut posts) = (Duration::ZERO, 0);
        while at < Duration::from_secs(2 * 86_400) {
            posts += 1;
            // A new event each time: only the webhook's own pause holds it back.
            at += after(1, posts, 0).webhook;
        }
        assert!((500..700).contains(&posts), "{posts}");
    }
}
