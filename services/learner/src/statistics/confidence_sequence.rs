//! Intervals that hold at every look, however often somebody looks (Waudby-Smith and others: the asymptotic confidence
//! sequence).

/// Looks are most worth while about so many units were seen.
const TUNED_FOR: f64 = 500.0;

/// Half the width of the interval around a mean of `n` units whose standard error is `error`, for coverage `1 - alpha` at
/// all looks together.
pub fn half_width(error: f64, n: usize, alpha: f64) -> f64 {
    let n = n as f64;
    let rho = (-2.0 * alpha.ln() + (-2.0 * alpha.ln() + 1.0).ln()) / TUNED_FOR;
    let spread = n * rho + 1.0;
    // The error is that of the mean; the sequence is about single units.
    error * n.sqrt() * (2.0 * spread * (spread.sqrt() / alpha).ln() / (n * n * rho)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_wider_than_an_interval_for_one_look_and_narrows() {
        let width = |n: usize| half_width(1.0 / (n as f64).sqrt(), n, 0.05);
        assert!(width(500) > 1.96 / 500_f64.sqrt() && width(500) < 1.8 * 1.96 / 500_f64.sqrt());
        assert!(width(2000) < width(500));
    }
}
