//! A challenger that crashes on one task in five, and is better on the others.

use super::world::Scores;
use super::*;

fn crashes_count_against_who_was_assigned(runs: u32) {
    let world = World {
        crashes: 0.2,
        ..World::of(Scores::Graded(0.75), Scores::Graded(0.77), 8000)
    };
    let counted = world.runs(runs);
    let dropped = world.runs_of(runs, |unit| unit.outcome.failed == 0.0);
    let (lost, won) = (
        rate(&counted, |run| run.rolled_back.is_some()),
        rate(&counted, |run| run.promoted.is_some()),
    );
    let fooled = rate(&dropped, |run| run.promoted.is_some());
    println!(
        "crashes 20 %, else +.02: rolled back {lost:.3}, half of them after {}, promoted {won:.3}; with failures dropped \
         promoted {fooled:.3}",
        median(counted.iter().filter_map(|run| run.rolled_back))
    );
    assert!(lost >= 0.99 && won == 0.0, "rolled back {lost}, promoted {won}");
    assert!(fooled > 0.9, "without its failures it must win here: {fooled}");
}

#[test]
fn who_crashes_loses_however_good_the_rest_is() {
    crashes_count_against_who_was_assigned(30);
}

#[test]
#[ignore = "takes minutes; part of `make verify`"]
fn who_crashes_loses_however_good_the_rest_is_at_full_size() {
    crashes_count_against_who_was_assigned(500);
}
