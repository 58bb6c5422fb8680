//! Intervals that hold at every look, however often somebody looks (Waudby-Smith and others: the asymptotic confidence
//! sequence).

/// Looks are most worth while about so many units were seen.
const TUNED_FOR: f64 = 500.0;

/// Half the width of the interval around a mean of `n` units whose standard error is `error`, for coverage `1 - alpha` at
/// all looks together.
pub fn half_width(error: f64, n: usize, alpha: f64) -> f64 {
    let spread = n as f64 * rho(alpha) + 1.0;
    width(error, n, rho(alpha), (spread.sqrt() / alpha).ln())
}

/// How far below its estimate a mean may be, likewise, where only one side is asked about.
pub fn one_sided(error: f64, n: usize, alpha: f64) -> f64 {
    let rho = rho(2.0 * alpha);
    let spread = n as f64 * rho + 1.0;
    width(error, n, rho, (spread.sqrt() / (2.0 * alpha)).ln_1p())
}

fn rho(alpha: f64) -> f64 {
    (-2.0 * alpha.ln() + (-2.0 * alpha.ln() + 1.0).ln()) / TUNED_FOR
}

fn width(error: f64, n: usize, rho: f64, odds: f64) -> f64 {
    let n = n as f64;
    // The error is that of the mean; the sequence is about single units.
    error * n.sqrt() * (2.0 * (n * rho + 1.0) * odds / (n * n * rho)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_wider_than_an_interval_for_one_look_and_narrows() {
        let error = |n: usize| 1.0 / (n as f64).sqrt();
        let width = |n| half_width(error(n), n, 0.05);
        assert!(width(500) > 1.96 * error(500) && width(500) < 1.8 * 1.96 * error(500));
        assert!(width(2000) < width(500));
        let below = |n| one_sided(error(n), n, 0.05);
        assert!(below(500) > 1.645 * error(500) && below(500) < width(500));
    }
}
