//! How much a series remembers of itself, and how little its values then tell.

use super::mean;

/// Correlation of each day with the next; days without a value are passed over. None where that says nothing: of fewer
/// than four pairs, or of a series that never moves.
pub fn lag_one(days: &[Option<f64>]) -> Option<f64> {
    let known: Vec<f64> = days.iter().flatten().copied().collect();
    let mean = mean(&known)?;
    let total: f64 = known.iter().map(|value| (value - mean).powi(2)).sum();
    let pairs: Vec<f64> = days
        .iter()
        .zip(days.iter().skip(1))
        .filter_map(|(one, next)| Some((one.as_ref()? - mean) * (next.as_ref()? - mean)))
        .collect();
    if pairs.len() < 4 || total <= 0.0 {
        return None;
    }
    // Of as many pairs as there would be without gaps.
    let scale = (known.len() as f64 - 1.0) / pairs.len() as f64;
    Some((pairs.iter().sum::<f64>() * scale / total).clamp(-1.0, 1.0))
}

/// How many independent pairs `n` pairs of two series are worth (Bartlett). Never more than there are.
pub fn effective_pairs(n: usize, one: f64, other: f64) -> f64 {
    let shared = (one * other).clamp(0.0, 0.999);
    n as f64 * (1.0 - shared) / (1.0 + shared)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_one_is_the_textbooks_and_gaps_do_not_join_what_is_apart() {
        // Mean 3; deviations -2 -1 0 1 2: products 2 + 0 + 0 + 2 = 4, squares 10.
        let days: Vec<_> = [1.0, 2.0, 3.0, 4.0, 5.0].map(Some).into();
        assert!((lag_one(&days).unwrap() - 0.4).abs() < 1e-12);
        let gaps: Vec<_> = [1.0, -1.0, 1.0, -1.0, 1.0, -1.0]
            .map(Some)
            .into_iter()
            .flat_map(|day| [day, None])
            .collect();
        assert_eq!(lag_one(&gaps), None);
        assert_eq!(lag_one(&[Some(2.0); 9]), None);
    }

    #[test]
    fn pairs_of_series_that_remember_are_worth_less() {
        assert_eq!(effective_pairs(60, 0.0, 0.9), 60.0);
        assert!((effective_pairs(60, 0.9, 0.9) - 60.0 * 0.19 / 1.81).abs() < 1e-9);
        assert_eq!(effective_pairs(60, -0.5, 0.5), 60.0, "never more than there are");
    }
}
