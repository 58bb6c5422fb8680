//! Correlation of ranks between two daily series, judged by as many days as they are worth.

use super::autocorrelation::{effective_pairs, lag_one};
use super::quantile::{normal_p, normal_quantile};

/// Fewest effective pairs that an interval can be made of.
const LEAST: f64 = 8.0;
/// Of Fisher's transformation of ranks (Fieller, Hartley and Pearson).
const INFLATION: f64 = 1.06;

/// How two series move together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Correlation {
    /// -1 to 1.
    pub rho: f64,
    /// Days with both.
    pub n: usize,
    /// Independent days they are worth.
    pub effective: f64,
    /// 95 %.
    pub interval: [f64; 2],
    /// Of no correlation.
    pub p: f64,
}

/// Of days where both have a value; none where they are too few, remember too much, or one of them never moves.
pub fn correlation(one: &[Option<f64>], other: &[Option<f64>]) -> Option<Correlation> {
    let both: Vec<Option<(f64, f64)>> = one.iter().zip(other).map(|(a, b)| Some(((*a)?, (*b)?))).collect();
    let pairs: Vec<(f64, f64)> = both.iter().flatten().copied().collect();
    let [first, second] = [|pair: &(f64, f64)| pair.0, |pair: &(f64, f64)| pair.1]
        .map(|of| ranks(&pairs.iter().map(of).collect::<Vec<f64>>()));
    let rho = pearson(&first, &second)?;
    // Of the ranks, since it is ranks that are compared.
    let placed = |ranks: &[f64]| {
        let mut ranks = ranks.iter();
        let days: Vec<Option<f64>> = both.iter().map(|day| day.and_then(|_| ranks.next().copied())).collect();
        lag_one(&days)
    };
    let effective = effective_pairs(pairs.len(), placed(&first)?, placed(&second)?);
    if effective < LEAST {
        return None;
    }
    let (z, error) = (fisher(rho), error(effective));
    let half = normal_quantile(0.05) * error;
    Some(Correlation {
        rho,
        n: pairs.len(),
        effective,
        interval: [(z - half).tanh(), (z + half).tanh()],
        p: p_of(rho, effective),
    })
}

/// Of no correlation, where `rho` was found over `n` independent pairs.
pub fn p_of(rho: f64, n: f64) -> f64 {
    normal_p(fisher(rho) / error(n))
}

fn fisher(rho: f64) -> f64 {
    rho.clamp(-0.999_999, 0.999_999).atanh()
}

fn error(n: f64) -> f64 {
    INFLATION / (n - 3.0).sqrt()
}

/// From 1; equal values share the mean of their places.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<(usize, f64)> = values.iter().copied().enumerate().collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for equal in order.chunk_by(|a, b| a.1 == b.1) {
        let rank = before as f64 + (equal.len() as f64 + 1.0) / 2.0;
        for (at, _) in equal {
            if let Some(place) = ranks.get_mut(*at) {
                *place = rank;
            }
        }
        before += equal.len();
    }
    ranks
}

fn pearson(one: &[f64], other: &[f64]) -> Option<f64> {
    let (a, b) = (super::mean(one)?, super::mean(other)?);
    let pairs = || one.iter().zip(other);
    let product: f64 = pairs().map(|(x, y)| (x - a) * (y - b)).sum();
    let squares: f64 =
        one.iter().map(|x| (x - a).powi(2)).sum::<f64>() * other.iter().map(|y| (y - b).powi(2)).sum::<f64>();
    (squares > 0.0).then(|| product / squares.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rho_is_the_textbooks_with_ties() {
        assert_eq!(ranks(&[10.0, 20.0, 20.0, 5.0]), [2.0, 3.5, 3.5, 1.0]);
        // The usual example of IQ against hours of television: rho = -29/165.
        let iq = [106.0, 100.0, 86.0, 101.0, 99.0, 103.0, 97.0, 113.0, 112.0, 110.0];
        let hours = [7.0, 27.0, 2.0, 50.0, 28.0, 29.0, 20.0, 12.0, 6.0, 17.0];
        let found = pearson(&ranks(&iq), &ranks(&hours)).unwrap();
        assert!((found + 29.0 / 165.0).abs() < 1e-12, "{found}");
    }

    #[test]
    fn what_cannot_be_told_has_no_answer() {
        let few: Vec<_> = (0..6).map(|n| Some(f64::from(n))).collect();
        assert_eq!(correlation(&few, &few), None);
        let trend: Vec<_> = (0..40).map(|n| Some(f64::from(n))).collect();
        assert_eq!(correlation(&trend, &trend), None, "two trends are one pair each");
        let still = vec![Some(1.0); 40];
        assert_eq!(correlation(&trend, &still), None);
    }
}
