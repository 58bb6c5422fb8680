//! Whether groups are as large as they were to be (sample ratio mismatch).

use statrs::distribution::{ChiSquared, ContinuousCDF};

/// Chance of sizes as unlike as these, or more so, where all groups are to be of one size; 1 of nothing.
pub fn p_value(sizes: &[u64]) -> f64 {
    let all: u64 = sizes.iter().sum();
    let expected = all as f64 / sizes.len().max(1) as f64;
    let Ok(distribution) = ChiSquared::new(sizes.len() as f64 - 1.0) else {
        return 1.0;
    };
    if all == 0 {
        return 1.0;
    }
    let part = |size: &u64| (*size as f64 - expected).powi(2) / expected;
    distribution.sf(sizes.iter().map(part).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_met() {
        assert_eq!(p_value(&[0, 0]), 1.0);
        assert_eq!(p_value(&[50, 50]), 1.0);
        // Chi-square of 4 with one degree of freedom; of 10.828, one in a thousand.
        assert!((p_value(&[60, 40]) - 0.0455).abs() < 1e-4);
        assert!((p_value(&[45_000, 46_000]) - 0.000_916).abs() < 1e-5);
    }
}
