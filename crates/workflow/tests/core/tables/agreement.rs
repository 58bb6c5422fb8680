//! Agreement of judges and people, against values that are known.

use workflow::agreement::{Counts, Measured};

fn counts([both_good, only_judge_good, only_people_good, both_bad]: [u64; 4]) -> Counts {
    Counts {
        both_good,
        only_judge_good,
        only_people_good,
        both_bad,
    }
}

fn near(found: Measured, value: f64, interval: Option<[f64; 2]>) {
    assert!((found.value.unwrap() - value).abs() < 5e-4, "{found:?} is not {value}");
    assert_eq!(found.interval.is_some(), interval.is_some(), "{found:?}");
    for (found, known) in found.interval.into_iter().flatten().zip(interval.into_iter().flatten()) {
        assert!((found - known).abs() < 5e-4, "{found} is not {known}");
    }
}

#[test]
fn agreement_is_a_share_with_wilsons_interval() {
    // Wilson's and Newcombe's examples: 81 of 263, 0 of 20, 1 of 1.
    for (given, value, interval) in [
        ([81, 182, 0, 0], 81.0 / 263.0, [0.2553, 0.3662]),
        ([40, 100, 82, 41], 81.0 / 263.0, [0.2553, 0.3662]),
        ([0, 20, 0, 0], 0.0, [0.0, 0.1611]),
        ([0, 0, 0, 1], 1.0, [0.2065, 1.0]),
    ] {
        near(counts(given).agreement(), value, Some(interval));
    }
    assert_eq!(counts([0; 4]).agreement(), Measured::default());
}

#[test]
fn kappa_is_what_textbooks_have() {
    // Grant proposals read by two people; two pairs that agree as often, and not as much.
    near(counts([20, 5, 10, 15]).kappa(), 0.4, Some([0.1459, 0.6541]));
    near(counts([45, 15, 25, 15]).kappa(), 0.1304, Some([-0.0783, 0.3392]));
    near(counts([25, 35, 5, 35]).kappa(), 0.2593, Some([0.0815, 0.4371]));
    // Who always agrees, or never, is as far from chance as can be; how sure that is, nobody knows.
    near(counts([5, 0, 0, 5]).kappa(), 1.0, None);
    near(counts([0, 5, 5, 0]).kappa(), -1.0, None);
}

#[test]
fn kappa_is_null_where_somebody_only_ever_said_the_same() {
    for given in [
        [0; 4],
        [9, 0, 0, 0],
        [0, 0, 0, 9],
        [7, 3, 0, 0],
        [7, 0, 3, 0],
        [0, 4, 0, 5],
    ] {
        assert_eq!(counts(given).kappa(), Measured::default(), "{given:?}");
    }
    // 0 is another thing: both said either, and agreed as often as chance has it.
    near(counts([4, 4, 4, 4]).kappa(), 0.0, Some([-0.49, 0.49]));
}

#[test]
fn what_is_counted_one_by_one_and_what_is_summed_is_the_same() {
    let words = [(true, true), (true, false), (false, true), (false, false), (true, true)];
    let mut one_by_one = Counts::default();
    words.iter().for_each(|(judge, people)| one_by_one.add(*judge, *people));
    assert_eq!(one_by_one, counts([2, 1, 1, 1]));
    assert_eq!(one_by_one, counts([1, 0, 1, 1]).plus(counts([1, 1, 0, 0])));
    assert_eq!((one_by_one.n(), one_by_one.agreed()), (5, 3));
}
