//! How the oracle's tools behave on order.

use serde_json::Value;
use std::time::Duration;

/// Behaviour of calls for one item.
#[derive(Clone, Debug)]
pub enum Rule {
    /// Answers after a time between the two that depends on seed and item alone.
    Work(Duration, Duration),
    /// Answers this at once.
    Answer(Value),
    /// Answers 503 this many times, then works at once.
    FailFirst(u32),
    /// Answers this status, always.
    Fail(u16),
    /// Never answers.
    Hang,
    /// Answers 200 with bytes that are not JSON.
    Garbage,
    /// Answers a text marked as bad until the arguments carry feedback.
    BadUntilFeedback,
    /// Answers a text marked as bad, always.
    AlwaysBad,
    /// Kills the calling process after it had time to say that it runs.
    Poison,
}

impl Rule {
    /// Answers at once.
    pub const AT_ONCE: Self = Self::Work(Duration::ZERO, Duration::ZERO);
    /// What the fault runs use: half a second to two.
    pub const SLOW: Self = Self::Work(Duration::from_millis(500), Duration::from_millis(2000));
}

/// Marks a text that must not be accepted.
pub const BAD: &str = "UNUSABLE";

/// A time between the two, the same for the same seed and item.
pub fn duration(seed: u64, item: &str, least: Duration, most: Duration) -> Duration {
    // FNV-1a, then one round of splitmix64 so that neighbours differ.
    let hash = item.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)
    });
    let mixed = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let span = u64::try_from(most.saturating_sub(least).as_millis()).unwrap_or(u64::MAX);
    least + Duration::from_millis((mixed ^ (mixed >> 27)) % (span + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_stay_within_and_repeat() {
        let (least, most) = (Duration::from_millis(500), Duration::from_millis(2000));
        for n in 0..100 {
            let took = duration(7, &format!("t{n}"), least, most);
            assert!(took >= least && took <= most);
            assert_eq!(took, duration(7, &format!("t{n}"), least, most));
        }
    }
}
