//! What memory caused: tasks that chance planned with it or without, and what was reported for them afterwards.

use super::compare::Needs;
use super::finding::Finding;
use super::level::Level;
use crate::statistics::quantile::normal_p;
use crate::statistics::randomised::{LEAST_EACH, difference};
use crate::statistics::stratified::Subject;
use crate::store::Arm;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Days of a block: the share that is held out may be configured anew, and what is usual changes.
const BLOCK_DAYS: i64 = 7;
const SECONDS_A_DAY: i64 = 86_400;
/// Groups whose values are missing this unevenly by chance are not compared.
const UNEVEN: f64 = 0.001;

/// What was found, and why it is no more; none where no task of either group has a value.
///
/// Analysed as tasks were put into groups, whatever the planner made of it: an offer that came too late or was refused
/// counts as an offer.
pub fn compare(arms: &[Arm], values: &BTreeMap<Uuid, f64>, alpha: f64) -> Option<(Finding, Option<Needs>)> {
    let subjects: Vec<Subject> = arms
        .iter()
        .filter_map(|arm| {
            Some(Subject {
                stratum: arm.at.timestamp().div_euclid(SECONDS_A_DAY * BLOCK_DAYS),
                treated: !arm.withheld,
                value: *values.get(&arm.task)?,
            })
        })
        .collect();
    let with = subjects.iter().filter(|subject| subject.treated).count();
    let without = subjects.len() - with;
    if with == 0 || without == 0 {
        // Without a hold-out there is nothing to compare, and nothing to be told of it.
        return None;
    }
    let found = difference(&subjects, alpha).filter(|found| found.interval.is_some());
    let Some(found) = found.filter(|_| with.min(without) >= LEAST_EACH) else {
        let needs = Needs::Groups { with, without };
        return Some((Finding::Insufficient(needs.to_string()), Some(needs)));
    };
    if is_uneven(arms, [with, without]) {
        return Some((Finding::Groups(found), Some(Needs::Attrition)));
    }
    let clear = found.interval.filter(|[least, most]| *least > 0.0 || *most < 0.0);
    Some(match clear {
        Some(interval) => (
            Finding::Caused {
                difference: found,
                interval,
            },
            None,
        ),
        None => (Finding::Groups(found), Some(Needs::Chance)),
    })
}

/// The level of this comparison.
pub const LEVEL: Level = Level::Randomised;

/// Whether values are missing in one group far more than in the other: then those that are there are no longer alike.
fn is_uneven(arms: &[Arm], [with, without]: [usize; 2]) -> bool {
    let withheld = arms.iter().filter(|arm| arm.withheld).count() as f64;
    let offered = arms.len() as f64 - withheld;
    let (one, other) = (with as f64 / offered, without as f64 / withheld);
    let pooled = (with + without) as f64 / arms.len() as f64;
    let error = (pooled * (1.0 - pooled) * (1.0 / offered + 1.0 / withheld)).sqrt();
    error > 0.0 && normal_p((one - other) / error) < UNEVEN
}

#[cfg(test)]
mod tests {
    use super::super::compare::ALPHA;
    use super::*;
    use chrono::DateTime;

    /// Half of `n` tasks held out; `uplift` for the others.
    fn tasks(n: u32, uplift: f64) -> (Vec<Arm>, BTreeMap<Uuid, f64>) {
        let mut rng = fastrand::Rng::with_seed(7);
        let arm = |n: u32| Arm {
            task: Uuid::from_u128(n.into()),
            withheld: n.is_multiple_of(2),
            at: DateTime::from_timestamp(1_900_000_000 + i64::from(n) * 3600, 0).unwrap(),
        };
        let arms: Vec<Arm> = (0..n).map(arm).collect();
        let values = arms.iter().map(|arm| {
            let noise: f64 = (0..12).map(|_| rng.f64()).sum::<f64>() - 6.0;
            (arm.task, noise + if arm.withheld { 0.0 } else { uplift })
        });
        let values = values.collect();
        (arms, values)
    }

    #[test]
    fn only_groups_that_chance_made_and_that_differ_claim_a_cause() {
        let level = |(arms, values): &(Vec<Arm>, BTreeMap<Uuid, f64>)| {
            compare(arms, values, ALPHA).map(|(finding, needs)| (finding.level(), needs))
        };
        assert_eq!(level(&tasks(400, 1.0)), Some((Some(Level::Randomised), None)));
        assert_eq!(
            level(&tasks(400, 0.0)),
            Some((Some(Level::Descriptive), Some(Needs::Chance)))
        );
        let few = Needs::Groups { with: 20, without: 20 };
        assert_eq!(level(&tasks(40, 9.0)), Some((None, Some(few))));
        let (mut arms, values) = tasks(400, 1.0);
        arms.iter_mut().for_each(|arm| arm.withheld = false);
        assert_eq!(level(&(arms, values)), None, "nothing was held out");
        // Values of half of the offered ones never came: perhaps those that were worse.
        let (arms, mut values) = tasks(400, 1.0);
        values.retain(|task, _| task.as_u128() % 4 != 1);
        assert_eq!(
            level(&(arms, values)),
            Some((Some(Level::Descriptive), Some(Needs::Attrition)))
        );
    }
}
