//! Estimates with their 95 % intervals.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// Of the standard normal distribution, for 95 %.
const Z: f64 = 1.959_963_984_540_054;
const UPPER: f64 = 0.975;

/// Sums of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Sample {
    /// Values.
    pub n: u64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub squares: f64,
}

/// A measured value, where anything was measured.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Estimate {
    /// None: nothing was measured.
    pub value: Option<f64>,
    /// What it rests on.
    pub n: u64,
    /// 95 %; none: too little to tell.
    pub interval: Option<[f64; 2]>,
}

impl Sample {
    /// None of an empty sample.
    pub fn mean(&self) -> Option<f64> {
        (self.n > 0).then(|| self.sum / self.n as f64)
    }

    /// Standard deviation; none of fewer than two values.
    pub fn deviation(&self) -> Option<f64> {
        let n = self.n as f64;
        let mean = self.mean().filter(|_| self.n > 1)?;
        // Rounding may leave a little less than nothing.
        Some(((self.squares - n * mean * mean) / (n - 1.0)).max(0.0).sqrt())
    }

    /// Of the mean; none of fewer than two values.
    fn standard_error(&self) -> Option<f64> {
        Some(self.deviation()? / (self.n as f64).sqrt())
    }
}

/// A share of `n`, with Wilson's interval.
pub fn share(hits: u64, n: u64) -> Estimate {
    if n == 0 {
        return Estimate::default();
    }
    let (of, p) = (n as f64, hits as f64 / n as f64);
    let centre = p + Z * Z / (2.0 * of);
    let half = Z * (p * (1.0 - p) / of + Z * Z / (4.0 * of * of)).sqrt();
    let scale = 1.0 + Z * Z / of;
    Estimate {
        value: Some(p),
        n,
        interval: Some([((centre - half) / scale).max(0.0), ((centre + half) / scale).min(1.0)]),
    }
}

/// A mean, with Student's interval within `bounds`.
pub fn mean(sample: Sample, bounds: [f64; 2]) -> Estimate {
    let half = sample
        .standard_error()
        .and_then(|error| Some(error * quantile(sample.n as f64 - 1.0)?));
    Estimate {
        value: sample.mean(),
        n: sample.n,
        interval: sample.mean().zip(half).map(|(mean, half)| around(mean, half, bounds)),
    }
}

/// Sums of a sample of pairs.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Pairs {
    /// What something is measured by.
    pub of: Sample,
    /// What is measured.
    pub values: Sample,
    /// Sum of the products of both.
    pub products: f64,
}

/// Sum of the values over the sum of what they are measured by, with the interval of a ratio of means (delta method).
/// None where there is nothing to measure by.
pub fn ratio(pairs: Pairs) -> Estimate {
    let (n, of, values) = (pairs.of.n as f64, pairs.of, pairs.values);
    if pairs.of.n == 0 || of.sum <= 0.0 {
        return Estimate::default();
    }
    let ratio = values.sum / of.sum;
    // Rounding may leave a little less than nothing.
    let residuals = (values.squares - 2.0 * ratio * pairs.products + ratio * ratio * of.squares).max(0.0);
    let error = (residuals / (n * (n - 1.0))).sqrt() / (of.sum / n);
    let half = quantile(n - 1.0).map(|t| t * error);
    Estimate {
        value: Some(ratio),
        n: pairs.of.n,
        interval: half.map(|half| around(ratio, half, [0.0, f64::MAX])),
    }
}

/// What was spent for each success: the whole sum of `all`, failures included, over the number of successes. `n` counts
/// successes.
pub fn per_success(all: Sample, successes: Sample) -> Estimate {
    let hits = successes.n as f64;
    let pairs = Pairs {
        of: Sample {
            n: all.n,
            sum: hits,
            squares: hits,
        },
        values: all,
        products: successes.sum,
    };
    Estimate {
        n: successes.n,
        ..ratio(pairs)
    }
}

/// How much higher the mean of `treated` is, with Welch's interval; `n` counts both.
pub fn difference(treated: Sample, control: Sample) -> Estimate {
    let Some((one, other)) = treated.mean().zip(control.mean()) else {
        return Estimate::default();
    };
    let errors = treated.standard_error().zip(control.standard_error());
    let half = errors.and_then(|(a, b)| {
        let (a, b) = (a * a, b * b);
        let freedom = if a + b > 0.0 {
            (a + b).powi(2) / (a * a / (treated.n as f64 - 1.0) + b * b / (control.n as f64 - 1.0))
        } else {
            1.0
        };
        Some((a + b).sqrt() * quantile(freedom)?)
    });
    Estimate {
        value: Some(one - other),
        n: treated.n + control.n,
        interval: half.map(|half| around(one - other, half, [-1.0, 1.0])),
    }
}

/// Shares of two groups that went well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Shares {
    pub treated: Share,
    pub control: Share,
}

/// `hits` of `n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Share {
    pub hits: u64,
    pub n: u64,
}

/// Fewer of either group tell nothing.
const FEWEST: u64 = 10;
/// The number of values for which the interval is narrowest.
const TUNED_FOR: f64 = 200.0;
const ALPHA: f64 = 0.05;

/// How much larger the treated group's share is. Its interval holds at all times at once (asymptotic confidence sequence,
/// Waudby-Smith et al. 2024), so that one may look after every task and stop when one likes.
pub fn uplift(shares: Shares) -> Estimate {
    let Shares { treated, control } = shares;
    if treated.n == 0 || control.n == 0 {
        return Estimate::default();
    }
    let value = treated.share() - control.share();
    let n = (treated.n + control.n) as f64;
    let tuned = (-2.0 * ALPHA.ln() + (1.0 - 2.0 * ALPHA.ln()).ln()) / TUNED_FOR * n;
    let error = (treated.variance() + control.variance()).sqrt();
    let half = error * (2.0 * (tuned + 1.0) / tuned * ((tuned + 1.0).sqrt() / ALPHA).ln()).sqrt();
    Estimate {
        value: Some(value),
        n: treated.n + control.n,
        interval: (treated.n.min(control.n) >= FEWEST).then(|| around(value, half, [-1.0, 1.0])),
    }
}

impl Share {
    fn share(self) -> f64 {
        self.hits as f64 / self.n as f64
    }

    /// Of the share; never 0, for a group without a failure may yet have one.
    fn variance(self) -> f64 {
        let likely = (self.hits as f64 + 1.0) / (self.n as f64 + 2.0);
        likely * (1.0 - likely) / self.n as f64
    }
}

fn around(value: f64, half: f64, [least, most]: [f64; 2]) -> [f64; 2] {
    [(value - half).max(least), (value + half).min(most)]
}

/// Of Student's distribution, for 95 %; none without a degree of freedom.
fn quantile(freedom: f64) -> Option<f64> {
    let distribution = StudentsT::new(0.0, 1.0, freedom).ok().filter(|_| freedom > 0.0)?;
    Some(distribution.inverse_cdf(UPPER))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(values: &[f64]) -> Sample {
        Sample {
            n: values.len() as u64,
            sum: values.iter().sum(),
            squares: values.iter().map(|value| value * value).sum(),
        }
    }

    fn near(found: Option<[f64; 2]>, expected: [f64; 2]) {
        let found = found.unwrap();
        let far = found.iter().zip(expected).any(|(a, b)| (a - b).abs() > 5e-4);
        assert!(!far, "{found:?} is not {expected:?}");
    }

    #[test]
    fn a_share_has_wilsons_interval_and_nothing_measured_is_null() {
        // Worked by hand, and as in Wilson's and Newcombe's examples: 81 of 263, 0 of 20, 1 of 1.
        near(share(81, 263).interval, [0.2553, 0.3662]);
        near(share(0, 20).interval, [0.0, 0.1611]);
        near(share(1, 1).interval, [0.2065, 1.0]);
        assert_eq!(share(0, 0), Estimate::default());
    }

    #[test]
    fn a_mean_has_students_interval_within_its_bounds() {
        // Mean 0.8, standard deviation 0.1, t(2) = 4.3027.
        let found = mean(sample(&[0.7, 0.8, 0.9]), [0.0, 1.0]);
        assert!((found.value.unwrap() - 0.8).abs() < 1e-12);
        near(found.interval, [0.5516, 1.0]);
        let one = mean(sample(&[0.7]), [0.0, 1.0]);
        assert_eq!((one.value, one.n, one.interval), (Some(0.7), 1, None));
    }

    #[test]
    fn what_failures_cost_is_paid_by_successes() {
        // 3, 1 and 2 dollars, the last for nothing: 6 for 2 successes. Residuals 0, -2, 2.
        let found = per_success(sample(&[3.0, 1.0, 2.0]), sample(&[3.0, 1.0]));
        assert_eq!((found.value, found.n), (Some(3.0), 2));
        let half = 4.3027 * (8.0_f64 / 6.0).sqrt() / (2.0 / 3.0);
        near(found.interval, [0.0, 3.0 + half]);
        assert_eq!(per_success(sample(&[1.0]), sample(&[])), Estimate::default());
    }

    #[test]
    fn a_ratio_of_sums_counts_large_ones_more_and_needs_something_to_measure_by() {
        // 2 for 1, and 3 for 3: 5 for 4, residuals 0.75 and -0.75; t(1) = 12.706.
        let pairs = Pairs {
            of: sample(&[1.0, 3.0]),
            values: sample(&[2.0, 3.0]),
            products: 2.0 + 9.0,
        };
        let found = ratio(pairs);
        assert_eq!((found.value, found.n), (Some(1.25), 2));
        let half = 12.706 * (1.125_f64 / 2.0).sqrt() / 2.0;
        near(found.interval, [0.0, 1.25 + half]);
        let free = Pairs {
            of: sample(&[0.0, 0.0]),
            values: sample(&[1.0, 0.0]),
            products: 0.0,
        };
        assert_eq!(
            ratio(free),
            Estimate::default(),
            "nothing was foreseen to cost anything"
        );
    }

    /// The share of 400 comparisons of equal groups that once in 1,000 looks show a difference.
    fn false_alarms(interval: impl Fn(Shares) -> Option<[f64; 2]>) -> f64 {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut draw = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let mut alarms = 0;
        for _ in 0..400 {
            let mut shares = Shares::default();
            let strays = (0..1000).any(|_| {
                let group = if draw() < 0.5 {
                    &mut shares.treated
                } else {
                    &mut shares.control
                };
                group.n += 1;
                group.hits += u64::from(draw() < 0.7);
                interval(shares).is_some_and(|[low, high]| low > 0.0 || high < 0.0)
            });
            alarms += u32::from(strays);
        }
        f64::from(alarms) / 400.0
    }

    #[test]
    fn an_uplift_can_be_looked_at_after_every_task() {
        let ours = false_alarms(|shares| uplift(shares).interval);
        assert!(ours <= 0.05, "{ours}");
        let fixed = |Shares { treated, control }: Shares| {
            let sample = |share: Share| Sample {
                n: share.n,
                sum: share.hits as f64,
                squares: share.hits as f64,
            };
            difference(sample(treated), sample(control))
                .interval
                .filter(|_| treated.n.min(control.n) >= FEWEST)
        };
        let naive = false_alarms(fixed);
        assert!(
            naive > 0.25,
            "an interval for one look shows what is not there: {naive}"
        );
        let clear = Shares {
            treated: Share { hits: 135, n: 150 },
            control: Share { hits: 75, n: 150 },
        };
        let found = uplift(clear);
        assert!((found.value.unwrap() - 0.4).abs() < 1e-12 && found.n == 300);
        assert!(found.interval.unwrap()[0] > 0.2, "{found:?}");
        let few = Shares {
            treated: Share { hits: 9, n: 9 },
            control: Share { hits: 0, n: 9 },
        };
        assert_eq!(uplift(few).interval, None);
    }

    #[test]
    fn a_difference_needs_both_sides() {
        let (high, low) = (sample(&[0.9, 0.8, 0.7]), sample(&[0.5, 0.4, 0.3]));
        let found = difference(high, low);
        assert!((found.value.unwrap() - 0.4).abs() < 1e-12);
        // Standard error sqrt(2 * 0.01 / 3), 4 degrees of freedom: t = 2.7764.
        near(found.interval, [0.4 - 2.7764 * 0.08165, 0.4 + 2.7764 * 0.08165]);
        assert_eq!(difference(high, sample(&[])), Estimate::default());
    }
}
