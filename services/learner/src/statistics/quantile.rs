//! Probabilities and quantiles of the distributions that tests are compared with.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// Probability of something at least as far from zero as `z` under the standard normal distribution.
pub fn normal_p(z: f64) -> f64 {
    2.0 * Normal::standard().cdf(-z.abs())
}

/// As [`normal_p`], under Student's distribution; none without a degree of freedom, or of no number.
pub fn student_p(t: f64, freedom: f64) -> Option<f64> {
    let distribution = StudentsT::new(0.0, 1.0, freedom).ok().filter(|_| !t.is_nan())?;
    Some(2.0 * distribution.cdf(-t.abs()))
}

/// What a standard normal value exceeds, in either direction, with probability `p`.
pub fn normal_quantile(p: f64) -> f64 {
    Normal::standard().inverse_cdf(1.0 - p / 2.0)
}

/// As [`normal_quantile`], under Student's distribution; none without a degree of freedom.
pub fn student_quantile(p: f64, freedom: f64) -> Option<f64> {
    let distribution = StudentsT::new(0.0, 1.0, freedom).ok()?;
    Some(distribution.inverse_cdf(1.0 - p / 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_tables_are_met() {
        let near = |found: f64, printed: f64| assert!((found - printed).abs() < 1e-4, "{found} is not {printed}");
        near(normal_p(1.959_964), 0.05);
        near(normal_p(-2.575_829), 0.01);
        near(normal_quantile(0.05), 1.959_96);
        near(student_p(2.228_139, 10.0).unwrap(), 0.05);
        near(student_p(-4.587, 10.0).unwrap(), 0.001);
        near(student_quantile(0.05, 5.0).unwrap(), 2.570_58);
        assert_eq!(student_p(1.0, 0.0), None);
        assert_eq!(student_p(f64::NAN, 5.0), None, "0 / 0 of what never varies");
        assert_eq!(student_p(f64::INFINITY, 5.0), Some(0.0));
    }
}
