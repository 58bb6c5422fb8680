//! Betting against a claim about a mean (Waudby-Smith and Ramdas). Who bets against what is true cannot expect to win, so
//! that a wealth of 20, whenever it is looked at, comes of a true claim at most once in 20 times.

use serde::{Deserialize, Serialize};

/// The first stakes rest on so many values that nobody has seen: of mean 0 and this variance.
const IMAGINED: f64 = 4.0;
const IMAGINED_VARIANCE: f64 = 0.1;
/// Nobody loses more than half of what they have at once.
const HIGHEST_STAKE: f64 = 0.5;

/// What somebody owns who began with 1 and bets that values from -1 to 1 are above 0.
///
/// The claim betted against: whatever came before, the next value is expected to be 0 or less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Wealth {
    n: u64,
    sum: f64,
    squares: f64,
    log: f64,
}

/// The same about both directions; half of the 1 is put on each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TwoSided {
    /// Bets on above.
    pub above: Wealth,
    /// Bets on below.
    pub below: Wealth,
}

impl Wealth {
    /// The stake is settled by what came before, then the value is looked at.
    pub fn observe(&mut self, value: f64) {
        // Outside of these bounds a stake could be lost twice.
        let value = value.clamp(-1.0, 1.0);
        self.log += (self.stake() * value).ln_1p();
        self.n += 1;
        self.sum += value;
        self.squares += value * value;
    }

    /// Evidence against the claim.
    pub fn e_value(&self) -> f64 {
        bounded_exp(self.log)
    }

    fn stake(&self) -> f64 {
        let n = self.n as f64;
        let around_mean = if self.n == 0 {
            0.0
        } else {
            self.squares - self.sum * self.sum / n
        };
        let mean = self.sum / (n + IMAGINED);
        let variance = (IMAGINED * IMAGINED_VARIANCE + around_mean.max(0.0)) / (n + IMAGINED);
        (mean / (variance + mean * mean)).clamp(0.0, HIGHEST_STAKE)
    }
}

impl TwoSided {
    /// As for both.
    pub fn observe(&mut self, value: f64) {
        self.above.observe(value);
        self.below.observe(-value);
    }

    /// Evidence against "nothing but 0 is expected".
    pub fn e_value(&self) -> f64 {
        f64::midpoint(self.above.e_value(), self.below.e_value())
    }
}

/// Stays a number, also in JSON.
fn bounded_exp(log: f64) -> f64 {
    log.min(700.0).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stakes_are_the_published_ones() {
        let mut wealth = Wealth::default();
        wealth.observe(1.0);
        assert_eq!(wealth.e_value(), 1.0, "nothing is known before the first");
        // m = 1/5, v = 0.4/5: 0.2 / (0.08 + 0.04) is cut to a half.
        wealth.observe(-0.4);
        assert!((wealth.e_value() - 0.8).abs() < 1e-12);
        // m = 0.6/6, v = (0.4 + 1.16 - 0.18)/6: a stake of 0.1 / (0.23 + 0.01).
        wealth.observe(0.5);
        assert!((wealth.e_value() - 0.8 * (1.0 + 0.5 * 0.1 / 0.24)).abs() < 1e-12);
    }

    #[test]
    fn endless_luck_stays_a_number() {
        let mut both = TwoSided::default();
        (0..10_000).for_each(|_| both.observe(1.0));
        assert!(both.e_value() > 1e300 && both.e_value().is_finite());
    }
}
