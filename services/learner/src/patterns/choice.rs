//! Which patterns a planning is offered: by drawing lots over how good each is believed to be (Thompson sampling). Pure.
//!
//! A plan from scratch is an arm as well. An arm's belief is a beta distribution over its share of successes, drawn to the
//! share of all arms of this request (empirical Bayes): one lucky task is no 100 %. What is little known is tried now and
//! then; what is known to be worse hardly ever.

use super::standing::Tally;
use statrs::distribution::{Beta, ContinuousCDF};
use uuid::Uuid;
use workflow::hash::Fingerprint;

/// Tasks that the share of all arms counts for beside an arm's own.
const PRIOR: f64 = 4.0;
/// Plans from scratch are an arm from so many tasks on; before, nobody knows what they come to.
const ENOUGH: f64 = 5.0;

/// A pattern that fits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arm {
    pub pattern: Uuid,
    /// What came of it.
    pub tally: Tally,
    /// Offered whatever is drawn.
    pub pinned: bool,
}

/// The patterns worth offering to a task, the best draw first, those pinned before all others; the same for the same task
/// and tallies. None of them: the task is planned from scratch.
pub fn drawn(task: Uuid, arms: &[Arm], scratch: Tally) -> Vec<Uuid> {
    let scratch = Some(scratch).filter(|scratch| scratch.tasks >= ENOUGH);
    let common = common(arms, scratch);
    let bar = scratch.map_or(0.0, |scratch| draw(scratch, common, lot(task, Uuid::nil())));
    let mut drawn: Vec<(bool, f64, Uuid)> = arms
        .iter()
        .map(|arm| (arm.pinned, draw(arm.tally, common, lot(task, arm.pattern)), arm.pattern))
        .filter(|(pinned, draw, _)| *pinned || *draw >= bar)
        .collect();
    drawn.sort_by(|one, other| other.0.cmp(&one.0).then(other.1.total_cmp(&one.1)));
    drawn.into_iter().map(|(_, _, pattern)| pattern).collect()
}

/// Share of successes of all arms.
fn common(arms: &[Arm], scratch: Option<Tally>) -> f64 {
    let all = || arms.iter().map(|arm| arm.tally).chain(scratch);
    let sum = |of: fn(&Tally) -> f64| all().map(|tally| of(&tally)).sum::<f64>();
    (sum(|tally| tally.successes) + 1.0) / (sum(|tally| tally.tasks) + 2.0)
}

fn draw(tally: Tally, common: f64, lot: f64) -> f64 {
    let good = PRIOR * common + tally.successes.max(0.0);
    let bad = PRIOR * (1.0 - common) + (tally.tasks - tally.successes).max(0.0);
    Beta::new(good, bad).map_or(common, |belief| belief.inverse_cdf(lot))
}

/// Uniform in (0, 1).
fn lot(task: Uuid, arm: Uuid) -> f64 {
    let hash = Fingerprint::of([b"draw".as_slice(), task.as_bytes(), arm.as_bytes()]).to_bytes();
    let head = hash
        .iter()
        .take(6)
        .fold(0_u64, |head, byte| head << 8 | u64::from(*byte));
    (head as f64 + 0.5) / (1_u64 << 48) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(successes: f64, tasks: f64) -> Tally {
        Tally { successes, tasks }
    }

    fn arm(n: u128, successes: f64, tasks: f64) -> Arm {
        Arm {
            pattern: Uuid::from_u128(n),
            tally: tally(successes, tasks),
            pinned: false,
        }
    }

    /// How often the pattern of that number comes first, of 2,000 tasks.
    fn first(n: u128, arms: &[Arm], scratch: Tally) -> usize {
        let tasks = (0..2000).map(|task| drawn(Uuid::from_u128(task << 70 | 7), arms, scratch));
        tasks.filter(|drawn| drawn.first() == Some(&Uuid::from_u128(n))).count()
    }

    #[test]
    fn one_lucky_task_does_not_beat_many_good_ones_and_is_tried_all_the_same() {
        let arms = [arm(1, 1.0, 1.0), arm(2, 90.0, 100.0)];
        let (lucky, proven) = (first(1, &arms, Tally::default()), first(2, &arms, Tally::default()));
        assert_eq!(lucky + proven, 2000, "nothing is known of plans from scratch");
        // By raw shares it would win every time.
        assert!((400..1500).contains(&lucky), "{lucky}");
        let worse = [arm(1, 1.0, 4.0), arm(2, 90.0, 100.0)];
        assert!(first(1, &worse, Tally::default()) < 250);
    }

    #[test]
    fn what_is_known_to_be_worse_than_a_plan_from_scratch_is_hardly_offered() {
        let scratch = tally(50.0, 100.0);
        assert!(first(1, &[arm(1, 8.0, 40.0)], scratch) < 20);
        assert!(first(1, &[arm(1, 36.0, 40.0)], scratch) > 1980);
        let even = first(1, &[arm(1, 20.0, 40.0)], scratch);
        assert!((700..1300).contains(&even), "{even}");
        // A few tasks from scratch tell nothing yet.
        assert_eq!(first(1, &[arm(1, 8.0, 40.0)], tally(4.0, 4.0)), 2000);
    }

    #[test]
    fn a_pinned_pattern_is_offered_whatever_is_drawn_and_first() {
        let pinned = Arm {
            pinned: true,
            ..arm(1, 0.0, 40.0)
        };
        let arms = [arm(2, 90.0, 100.0), pinned];
        assert_eq!(first(1, &arms, tally(50.0, 100.0)), 2000);
    }

    #[test]
    fn the_same_task_draws_the_same_and_extremes_stay_sound() {
        let arms = [arm(1, 1e6, 1e6), arm(2, 0.0, 1e6), arm(3, 0.0, 0.0)];
        let task = Uuid::from_u128(3);
        let drawn_now = drawn(task, &arms, tally(0.5e6, 1e6));
        assert_eq!(drawn_now, drawn(task, &arms, tally(0.5e6, 1e6)));
        assert_eq!(drawn_now.first(), Some(&Uuid::from_u128(1)));
        assert!(!drawn_now.contains(&Uuid::from_u128(2)));
    }
}
