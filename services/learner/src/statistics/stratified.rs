//! A comparison of two groups within strata: where the strata differ and the groups are spread over them unevenly, all
//! together would compare the strata.

use super::mean;
use super::quantile::{student_p, student_quantile};
use std::collections::BTreeMap;

/// One unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Subject {
    /// Units of different strata are not compared.
    pub stratum: i64,
    /// It belongs to the group that is asked about.
    pub treated: bool,
    /// What it came to.
    pub value: f64,
}

/// How much higher the treated are: the mean of the strata's differences, weighted as Mantel and Haenszel do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Mean of the others.
    pub control: f64,
    /// The difference.
    pub effect: f64,
    /// Its standard error, whatever the groups' variances are.
    pub error: f64,
    /// Degrees of freedom.
    pub freedom: f64,
    /// Of both groups, in strata that have both.
    pub n: usize,
    /// Of the treated among them.
    pub n_treated: usize,
}

impl Difference {
    /// Of the smaller group.
    pub fn least(&self) -> usize {
        self.n_treated.min(self.n - self.n_treated)
    }

    /// Of no difference.
    pub fn p(&self) -> Option<f64> {
        student_p(self.effect / self.error, self.freedom)
    }

    /// 95 %.
    pub fn interval(&self) -> Option<[f64; 2]> {
        let half = student_quantile(0.05, self.freedom)? * self.error;
        Some([self.effect - half, self.effect + half])
    }
}

/// Compares within strata; those with one group say nothing. None where none has both, or they are too few.
pub fn difference(subjects: &[Subject]) -> Option<Difference> {
    let mut strata: BTreeMap<i64, Vec<&Subject>> = BTreeMap::new();
    for subject in subjects {
        strata.entry(subject.stratum).or_default().push(subject);
    }
    strata.retain(|_, stratum| stratum.iter().any(|s| s.treated) && stratum.iter().any(|s| !s.treated));
    let mut centred: Vec<(f64, f64)> = Vec::new();
    for stratum in strata.values() {
        let share = stratum.iter().filter(|s| s.treated).count() as f64 / stratum.len() as f64;
        let level = mean(&stratum.iter().map(|s| s.value).collect::<Vec<f64>>())?;
        let group = |subject: &&&Subject| if subject.treated { 1.0 } else { 0.0 };
        centred.extend(stratum.iter().map(|s| (group(&s) - share, s.value - level)));
    }
    // Of the strata's sizes: the weights n1 n0 / n, summed up.
    let spread: f64 = centred.iter().map(|(group, _)| group * group).sum();
    let n = centred.len();
    let freedom = n as f64 - strata.len() as f64 - 1.0;
    if spread <= 0.0 || freedom < 1.0 {
        return None;
    }
    let effect = centred.iter().map(|(group, value)| group * value).sum::<f64>() / spread;
    let scores = centred
        .iter()
        .map(|(group, value)| (group * (value - effect * group)).powi(2));
    let robust = (scores.sum::<f64>() * n as f64 / freedom).sqrt() / spread;
    let all = || strata.values().flatten();
    let others: Vec<f64> = all().filter(|s| !s.treated).map(|s| s.value).collect();
    Some(Difference {
        control: mean(&others)?,
        effect,
        error: robust.max(floor(&centred, spread)),
        freedom,
        n,
        n_treated: n - others.len(),
    })
}

/// Groups that came to the same each time are not certain: as if one of them had come to the other.
fn floor(centred: &[(f64, f64)], spread: f64) -> f64 {
    let range = centred.iter().map(|(_, value)| value.abs()).fold(0.0, f64::max);
    range / (centred.len() as f64 + 2.0).sqrt() / spread.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(stratum: i64, treated: bool, value: f64) -> Subject {
        Subject {
            stratum,
            treated,
            value,
        }
    }

    #[test]
    fn strata_are_compared_within_and_weighted_as_mantel_and_haenszel_do() {
        // Shares 8/10 against 5/10, and 3/20 against 1/30: (0.3 * 5 + 0.11667 * 12) / 17.
        let group = |stratum, treated, hits: usize, n: usize| {
            (0..n).map(move |at| subject(stratum, treated, f64::from(u8::from(at < hits))))
        };
        let mut subjects: Vec<Subject> = group(1, true, 8, 10).collect();
        subjects.extend(group(1, false, 5, 10));
        subjects.extend(group(2, true, 3, 20));
        subjects.extend(group(2, false, 1, 30));
        // One group alone says nothing.
        subjects.extend(group(3, true, 9, 9));
        let found = difference(&subjects).unwrap();
        let expected = (0.3 * 5.0 + (3.0 / 20.0 - 1.0 / 30.0) * 12.0) / 17.0;
        assert!((found.effect - expected).abs() < 1e-12, "{found:?}");
        assert_eq!((found.n, found.n_treated, found.least()), (70, 30, 30));
        assert_eq!(difference(subjects.get(70..).unwrap()), None);
    }

    #[test]
    fn what_came_out_the_same_each_time_is_not_certain() {
        let subjects: Vec<Subject> = (0..40)
            .map(|n| subject(1, n % 2 == 0, f64::from(u8::from(n % 2 == 0))))
            .collect();
        let found = difference(&subjects).unwrap();
        assert!(found.effect == 1.0 && found.error > 0.0, "{found:?}");
    }
}
