//! False discovery rate over many tests at once (Benjamini and Hochberg).

/// For each p the smallest share of false discoveries among what is called found when it is.
pub fn adjusted(p: &[f64]) -> Vec<f64> {
    let m = p.len() as f64;
    let mut order: Vec<(usize, f64)> = p.iter().copied().enumerate().collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut q = vec![1.0; p.len()];
    let mut least = 1.0_f64;
    for (place, (at, p)) in order.iter().enumerate() {
        let rank = m - place as f64;
        least = least.min(p * m / rank);
        if let Some(q) = q.get_mut(*at) {
            *q = least;
        }
    }
    q
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example_is_met() {
        // As R's p.adjust(c(0.01, 0.04, 0.03, 0.005), "BH").
        let found = adjusted(&[0.01, 0.04, 0.03, 0.005]);
        for (found, expected) in found.iter().zip([0.02, 0.04, 0.04, 0.02]) {
            assert!((found - expected).abs() < 1e-12, "{found}");
        }
        assert_eq!(adjusted(&[]), Vec::<f64>::new());
    }
}
