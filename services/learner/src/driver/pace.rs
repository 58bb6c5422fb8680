//! How often an experiment is looked at, and which looks are kept.

use crate::rollout::{Decision, Look};
use workflow::time::{Millis, Timestamp};

/// Where nothing is new, time alone may decide something.
const QUIET: Millis = Millis::secs(10);
/// A look reads all tasks of its experiment: so many times as long as it took, no other is taken.
const REST: i64 = 19;
/// Between two rows that decide nothing.
const ROW_EVERY: Millis = Millis::secs(60);

/// When the next look is due.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    next: Timestamp,
    quiet_until: Timestamp,
    news: bool,
}

impl Pace {
    /// Something new is known, or not.
    pub fn heard(&mut self, news: bool) {
        self.news |= news;
    }

    /// Whether to look.
    pub fn is_due(&self, now: Timestamp) -> bool {
        now >= self.next && (self.news || now >= self.quiet_until)
    }

    /// A look was taken, and took so long.
    pub fn looked(&mut self, now: Timestamp, took: Millis) {
        *self = Self {
            next: now + Millis(took.0.saturating_mul(REST)),
            quiet_until: now + QUIET,
            news: false,
        };
    }
}

/// Whether a look is kept. What is decided is; what is not, once a minute where something is new, and where a hold begins.
pub fn is_worth_a_row(last: Option<&Look>, seen: &Look) -> bool {
    let Some(last) = last else { return true };
    let again = Look {
        at: last.at,
        ..seen.clone()
    };
    match seen.decision {
        Decision::Hold { .. } if seen.decision != last.decision => true,
        Decision::Continue | Decision::Hold { .. } => seen.at >= last.at + ROW_EVERY && again != *last,
        Decision::Advance { .. } | Decision::RollBack { .. } | Decision::Promote | Decision::Inconclusive => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::{Course, Facts, Hold, Settings, look};

    fn seen(at: i64, assigned: u64, decision: Decision) -> Look {
        let settings = Settings::default();
        let mut facts = Facts::default();
        facts.assigned.control = assigned;
        let course = Course::begin(&settings, Timestamp(0));
        Look {
            decision,
            ..look(&settings, &course, &facts, Timestamp(1000 * at))
        }
    }

    #[test]
    fn rows_that_decide_nothing_are_one_a_minute_even_where_a_hold_comes_and_goes() {
        let hold = Decision::Hold { why: Hold::SampleRatio };
        let mut last: Option<Look> = None;
        let mut rows = 0;
        for second in 0..600 {
            let decision = if second % 2 == 0 { Decision::Continue } else { hold };
            let now = seen(second, u64::try_from(second).unwrap(), decision);
            if is_worth_a_row(last.as_ref(), &now) {
                rows += 1;
                last = Some(now);
            }
        }
        assert!((10..=21).contains(&rows), "{rows} rows of 600 looks");
        let last = seen(0, 7, Decision::Continue);
        assert!(
            !is_worth_a_row(Some(&last), &seen(3600, 7, Decision::Continue)),
            "nothing new"
        );
        assert!(is_worth_a_row(Some(&last), &seen(1, 7, Decision::Promote)));
    }

    #[test]
    fn looks_take_a_twentieth_of_the_time_and_come_in_the_quiet_too() {
        let mut pace = Pace::default();
        pace.looked(Timestamp(0), Millis(500));
        pace.heard(true);
        pace.heard(false);
        assert!(!pace.is_due(Timestamp(9_000)), "the last one took half a second");
        assert!(pace.is_due(Timestamp(9_500)));
        pace.looked(Timestamp(9_500), Millis(1));
        assert!(!pace.is_due(Timestamp(19_000)), "nothing new");
        assert!(pace.is_due(Timestamp(19_500)));
    }
}
