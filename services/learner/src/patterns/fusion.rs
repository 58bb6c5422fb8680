//! One order of three: by words, by letters, and by meaning where that is known. Pure.

use std::collections::BTreeMap;
use uuid::Uuid;

/// How little the first place of one order counts against places in more than one (reciprocal rank fusion).
const K: f64 = 60.0;
/// The same where meaning tells: what shares no word with the request is last by words and letters, and what is middling
/// by both must not keep it away.
const K_MEANT: f64 = 10.0;
/// Texts without a word in common are alike by letters from here on.
const LETTERS_FLOOR: f32 = 0.2;

/// A pattern, and how it fits a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    pub pattern: Uuid,
    /// It is a part of plans.
    pub fragment: bool,
    /// Always offered where it fits.
    pub pinned: bool,
    /// Successes.
    pub evidence: i64,
    /// Rank of full text; 0: no word in common.
    pub words: f32,
    /// 0-1.
    pub letters: f32,
    /// Cosine; none: nobody knows what it means.
    pub meaning: Option<f32>,
}

/// Those found by words and letters, and those compared by meaning, each once.
pub fn together(near: Vec<Candidate>, meant: Vec<Candidate>) -> Vec<Candidate> {
    let mut all: BTreeMap<Uuid, Candidate> = meant.into_iter().map(|found| (found.pattern, found)).collect();
    for found in near {
        let meaning = all.get(&found.pattern).and_then(|meant| meant.meaning);
        all.insert(found.pattern, Candidate { meaning, ..found });
    }
    all.into_values().collect()
}

/// Those pinned first, and the best first of either, `most` whole plans and as many parts. Words and letters are both of what is written: meaning counts as
/// much as the two together. By meaning those stand that reach `floor`; one whose meaning nobody knows stands by it where
/// it stands by the other two.
pub fn fused(mut candidates: Vec<Candidate>, floor: f64, most: usize) -> Vec<Uuid> {
    let is_meant = |found: &Candidate| found.meaning.is_some_and(|near| f64::from(near) >= floor);
    candidates.retain(|found| found.words > 0.0 || found.letters >= LETTERS_FLOOR || is_meant(found));
    let some_are_meant = candidates.iter().any(is_meant);
    let k = if some_are_meant { K_MEANT } else { K };
    let by_words = Places::of(candidates.iter().map(|found| found.words));
    let by_letters = Places::of(candidates.iter().map(|found| found.letters));
    let by_meaning = Places::of(candidates.iter().filter_map(|found| found.meaning));
    let mut scored: Vec<(f64, Candidate)> = candidates
        .into_iter()
        .map(|found| {
            let read = by_words.share(found.words, k) + by_letters.share(found.letters, k);
            let meant = match found.meaning {
                _ if !some_are_meant => 0.0,
                None => read,
                Some(near) if f64::from(near) >= floor => 2.0 * by_meaning.share(near, k),
                Some(_) => 0.0,
            };
            (read + meant, found)
        })
        .collect();
    scored.sort_by(|(a, one), (b, other)| {
        let evidence = other.evidence.cmp(&one.evidence);
        let pinned = other.pinned.cmp(&one.pinned);
        pinned
            .then(b.total_cmp(a))
            .then(evidence)
            .then(one.pattern.cmp(&other.pattern))
    });
    let of_kind = |fragment: bool| {
        let kind = scored
            .iter()
            .enumerate()
            .filter(move |(_, (_, found))| found.fragment == fragment);
        kind.take(most).map(|(place, (_, found))| (place, found.pattern))
    };
    let best: BTreeMap<usize, Uuid> = of_kind(false).chain(of_kind(true)).collect();
    best.into_values().collect()
}

/// All values of one order, the best first: equals share the first place among them.
struct Places(Vec<f32>);

impl Places {
    fn of(values: impl Iterator<Item = f32>) -> Self {
        let mut values: Vec<f32> = values.collect();
        values.sort_by(|a, b| b.total_cmp(a));
        Self(values)
    }

    fn share(&self, value: f32, k: f64) -> f64 {
        let better = self.0.partition_point(|other| other.total_cmp(&value).is_gt());
        1.0 / (k + 1.0 + better as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(n: u128, words: f32, letters: f32, meaning: Option<f32>) -> Candidate {
        Candidate {
            pattern: Uuid::from_u128(n),
            fragment: false,
            pinned: false,
            evidence: 1,
            words,
            letters,
            meaning,
        }
    }

    fn order(candidates: Vec<Candidate>) -> Vec<u128> {
        let order = fused(candidates, 0.4, 10);
        order.into_iter().map(|id| id.as_u128()).collect()
    }

    #[test]
    fn who_shares_no_word_is_found_by_meaning_alone_among_many_that_are_middling() {
        let many = |meaning: Option<f32>| {
            let middling = (1..=200).map(move |n| candidate(n, 1.0 / n as f32, 1.0 / n as f32, meaning));
            middling
                .chain([candidate(900, 0.0, 0.0, Some(0.8))])
                .collect::<Vec<_>>()
        };
        assert_eq!(order(many(Some(0.1)))[..2], [900, 1]);
        let unmeant = many(None).into_iter().map(|found| Candidate { meaning: None, ..found });
        assert!(!order(unmeant.collect()).contains(&900), "it fits by nothing");
    }

    #[test]
    fn three_orders_are_one() {
        // First, second, third by words and letters alike; the third is meant, the second is not.
        let found = vec![
            candidate(1, 0.3, 0.3, Some(0.5)),
            candidate(2, 0.2, 0.2, Some(0.1)),
            candidate(3, 0.1, 0.1, Some(0.9)),
        ];
        assert_eq!(order(found.clone()), [1, 3, 2]);
        let unmeant = found.into_iter().map(|found| Candidate { meaning: None, ..found });
        assert_eq!(order(unmeant.collect()), [1, 2, 3]);
    }

    #[test]
    fn below_the_floor_meaning_says_nothing_and_the_unknown_is_not_put_last() {
        assert_eq!(order(vec![candidate(1, 0.0, 0.1, Some(0.39))]), [0_u128; 0]);
        let below = |meaning| vec![candidate(1, 0.2, 0.5, Some(0.1)), candidate(2, 0.3, 0.4, meaning)];
        assert_eq!(order(below(Some(0.3))), order(below(None)), "as if nobody had asked");
        // New, and not embedded yet: the best by words and letters stays the best.
        let new = vec![candidate(1, 0.1, 0.1, Some(0.5)), candidate(2, 0.3, 0.3, None)];
        assert_eq!(order(new), [2, 1]);
    }

    #[test]
    fn what_is_pinned_is_among_the_first_however_much_fits_better_and_is_none_that_does_not_fit() {
        let mut all: Vec<Candidate> = (1..=30).map(|n| candidate(n, 1.0 / n as f32, 0.0, None)).collect();
        all[20].pinned = true;
        let misfit = Candidate {
            pinned: true,
            ..candidate(99, 0.0, 0.1, None)
        };
        all.push(misfit);
        let order = order(all);
        assert_eq!((order.len(), &order[..3]), (10, [21, 1, 2].as_slice()));
    }

    #[test]
    fn plans_and_parts_do_not_stand_in_each_others_way_and_what_is_found_twice_is_one() {
        let part = |n, words| Candidate {
            fragment: true,
            ..candidate(n, words, 0.0, None)
        };
        let all = vec![
            candidate(1, 0.9, 0.0, None),
            part(2, 0.8),
            candidate(3, 0.7, 0.0, None),
            part(4, 0.6),
        ];
        let first: Vec<u128> = fused(all, 0.4, 1).into_iter().map(|id| id.as_u128()).collect();
        assert_eq!(first, [1, 2]);
        let near = vec![candidate(1, 0.5, 0.5, None), candidate(2, 0.4, 0.4, None)];
        let meant = vec![candidate(1, 0.0, 0.0, Some(0.7)), candidate(3, 0.0, 0.0, Some(0.6))];
        assert_eq!(
            together(near, meant),
            [
                candidate(1, 0.5, 0.5, Some(0.7)),
                candidate(2, 0.4, 0.4, None),
                candidate(3, 0.0, 0.0, Some(0.6))
            ]
        );
    }
}
