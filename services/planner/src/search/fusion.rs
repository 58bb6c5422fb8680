//! One order of two.

use std::collections::BTreeMap;

/// How little the first place of one order counts against places in both. The usual 60 is for long lists: of the few that
/// are shown it keeps away what words alone miss (`docs/tool-search.md`).
const K: f64 = 10.0;

/// Indices by reciprocal rank in both orders, the best first; equals in catalog order. `similarity` is by index. A tool
/// whose similarity is not known yet stands by meaning where it stands by words, so that a new tool is not put last.
pub(super) fn fused(by_words: &[usize], similarity: &[Option<f32>]) -> Vec<usize> {
    let places: BTreeMap<usize, usize> = by_words.iter().copied().zip(1..).collect();
    let mut known: Vec<(usize, f32)> = (0..)
        .zip(similarity)
        .filter_map(|(n, near)| Some((n, (*near)?)))
        .collect();
    known.sort_by(|(a, near), (b, nearer)| nearer.total_cmp(near).then(a.cmp(b)));
    let meant: BTreeMap<usize, usize> = known.into_iter().map(|(index, _)| index).zip(1..).collect();
    let share = |place: Option<&usize>| place.map_or(0.0, |place| 1.0 / (K + *place as f64));
    let mut scores: Vec<(usize, f64)> = (0..similarity.len())
        .map(|index| {
            let by_words = share(places.get(&index));
            let by_meaning = meant.get(&index).map_or(by_words, |place| share(Some(place)));
            (index, by_words + by_meaning)
        })
        .filter(|(_, score)| *score > 0.0)
        .collect();
    scores.sort_by(|(a, first), (b, second)| second.total_cmp(first).then(a.cmp(b)));
    scores.into_iter().map(|(index, _)| index).collect()
}

#[cfg(test)]
mod tests {
    use super::fused;

    #[test]
    fn what_is_near_in_both_orders_comes_first_and_what_is_unknown_goes_by_words() {
        // By words 2, 0; by meaning 0, 1, 2: 0 is second and first, 2 first and third.
        assert_eq!(fused(&[2, 0], &[Some(0.9), Some(0.5), Some(0.1)]), [0, 2, 1]);
        // Nobody knows how near 3 is: it is best by words, and stays so.
        assert_eq!(fused(&[3, 0], &[Some(0.9), Some(0.5), Some(0.1), None])[0], 3);
        // Without any word in common meaning decides, and the unknown is not shown.
        assert_eq!(fused(&[], &[Some(0.1), None, Some(0.2)]), [2, 0]);
        // Nothing is known: words decide.
        assert_eq!(fused(&[1, 0], &[None, None]), [1, 0]);
    }
}
