//! A comparison of two groups that chance made, within blocks of time, that holds at every look.

use super::confidence_sequence::half_width;
use super::stratified::{self, Subject};

/// Fewest of each group before anything is told.
pub const LEAST_EACH: usize = 30;

/// How much higher the treated are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Mean of the others.
    pub control: f64,
    /// Mean of the treated, as it would be among the same blocks.
    pub treated: f64,
    /// The difference.
    pub effect: f64,
    /// At all looks together; none while a group is too small.
    pub interval: Option<[f64; 2]>,
    /// Of both groups, in blocks that have both.
    pub n: usize,
    /// Of the treated among them.
    pub n_treated: usize,
}

/// Compares within blocks; blocks with one group say nothing: the share of a group may differ between them. None where
/// no block has both. The interval leaves the truth out with a chance of `alpha`.
pub fn difference(subjects: &[Subject], alpha: f64) -> Option<Difference> {
    let found = stratified::difference(subjects)?;
    let half = (found.least() >= LEAST_EACH).then(|| half_width(found.error, found.n, alpha));
    Some(Difference {
        control: found.control,
        treated: found.control + found.effect,
        effect: found.effect,
        interval: half.map(|half| [found.effect - half, found.effect + half]),
        n: found.n,
        n_treated: found.n_treated,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALPHA: f64 = 0.05;

    #[test]
    fn small_groups_tell_nothing_and_looking_often_finds_nothing() {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut subjects = |n: i64| -> Vec<Subject> {
            let subject = |n: i64| Subject {
                stratum: n / 50,
                treated: rng.bool(),
                value: rng.f64(),
            };
            (0..n).map(subject).collect()
        };
        assert_eq!(difference(&subjects(40), ALPHA).unwrap().interval, None);
        let (mut often, mut naive) = (0, 0);
        for _ in 0..100 {
            let all = subjects(1000);
            let looks = (100..=1000)
                .step_by(20)
                .filter_map(|n| stratified::difference(&all[..n]));
            let looks: Vec<_> = looks.collect();
            let outside = |[least, most]: [f64; 2]| least > 0.0 || most < 0.0;
            let sequence = |d: &stratified::Difference| half_width(d.error, d.n, ALPHA);
            often += u32::from(looks.iter().any(|look| look.effect.abs() > sequence(look)));
            naive += u32::from(looks.iter().any(|look| outside(look.interval().unwrap())));
        }
        assert!(often <= 7, "{often} of 100");
        assert!(naive > 20, "an interval for one look must fail here: {naive} of 100");
    }
}
