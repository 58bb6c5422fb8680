//! Nothing differs, and somebody looks after every unit.

use super::world::{Rng, Scores, outcome, watched};
use super::*;

const UNITS: usize = 4000;

fn no_winner_is_named(name: &str, scores: Scores, units: usize, runs: u32) {
    let found = World::same(scores, units).runs(runs);
    let promoted = rate(&found, |run| run.promoted.is_some());
    let rolled_back = rate(&found, |run| run.rolled_back.is_some());
    let different = rate(&found, |run| run.different.is_some());
    let naive = rate(&found, |run| run.naive.is_some());
    let best = rate(&found, |run| run.probably_best.is_some());
    let (missed, held) = (rate(&found, |run| run.missed), rate(&found, |run| run.held));
    println!(
        "null {name}: promoted {promoted:.3}, rolled back {rolled_back:.3}, called different {different:.3}, \
         interval misses {missed:.3}, held {held:.3}; naive z {naive:.3}, P(best) > 95 % {best:.3}"
    );
    assert!(different <= at_most(0.05, runs), "{different} are called different");
    assert!(promoted <= at_most(0.05, runs), "{promoted} are promoted");
    assert!(rolled_back <= at_most(0.05, runs), "{rolled_back} are rolled back");
    assert!(missed <= at_most(0.05, runs), "{missed} of the intervals miss");
    assert!(
        naive > 0.2 && best > 0.2,
        "the wrong tests must fail here: {naive}, {best}"
    );
}

fn graded(runs: u32) {
    no_winner_is_named("Beta(.75, sd .15)", Scores::Graded(0.75), UNITS, runs);
}

fn passed(runs: u32) {
    no_winner_is_named("pass/fail .8", Scores::Passed(0.8), UNITS, runs);
}

fn nearly_always_passed(runs: u32) {
    no_winner_is_named("pass/fail .97", Scores::Passed(0.97), UNITS, runs);
}

/// 200 users of 20 tasks each.
fn clustered(runs: u32) {
    no_winner_is_named("clustered, users counted", Scores::User(0.75), UNITS / 20, runs);
    let mut rng = Rng(fastrand::Rng::with_seed(20_260_101));
    let mut run = || {
        let users: Vec<_> = (0..UNITS / 20)
            .flat_map(|_| {
                let side = if rng.0.bool() { Side::Control } else { Side::Challenger };
                Scores::User(0.75)
                    .tasks(&mut rng)
                    .map(|score| outcome(side, score.clamp(0.0, 1.0), false))
            })
            .collect();
        watched(users.into_iter(), 0.0, |_| true)
    };
    let found: Vec<_> = (0..runs).map(|_| run()).collect();
    let (different, missed) = (
        rate(&found, |run| run.different.is_some()),
        rate(&found, |run| run.missed),
    );
    println!("null clustered, tasks counted: called different {different:.3}, interval misses {missed:.3}");
    assert!(
        different > 0.1,
        "tasks of one user taken for independent must fail here: {different}"
    );
}

/// The level swings by as much as two deviations, while one arm may be ahead of the other by chance.
fn drifting(runs: u32) {
    let mut rng = Rng(fastrand::Rng::with_seed(20_260_101));
    let mut run = || {
        let units: Vec<_> = (0..UNITS)
            .map(|n| {
                let level = 0.6 + 0.3 * (std::f64::consts::TAU * n as f64 / 400.0).sin();
                let side = if rng.0.bool() { Side::Control } else { Side::Challenger };
                outcome(side, (level + 0.05 * rng.normal()).clamp(0.0, 1.0), false)
            })
            .collect();
        watched(units.into_iter(), 0.0, |_| true)
    };
    let found: Vec<_> = (0..runs).map(|_| run()).collect();
    let (different, missed) = (
        rate(&found, |run| run.different.is_some()),
        rate(&found, |run| run.missed),
    );
    println!("null drifting: called different {different:.3}, interval misses {missed:.3}");
    assert!(different <= at_most(0.05, runs), "{different}");
}

#[test]
fn looking_after_every_unit_names_no_winner_among_equals() {
    graded(60);
    passed(60);
    nearly_always_passed(60);
    clustered(200);
    drifting(60);
}

#[test]
#[ignore = "takes minutes; part of `make verify`"]
fn looking_names_no_winner_among_equals_that_are_graded_at_full_size() {
    graded(2000);
}

#[test]
#[ignore = "takes minutes; part of `make verify`"]
fn looking_names_no_winner_among_equals_that_pass_or_fail_at_full_size() {
    passed(2000);
}

#[test]
#[ignore = "takes minutes; part of `make verify`"]
fn looking_names_no_winner_among_equals_that_nearly_always_pass_at_full_size() {
    nearly_always_passed(2000);
}

#[test]
#[ignore = "takes minutes; part of `make verify`"]
fn looking_names_no_winner_among_equal_users_at_full_size() {
    clustered(2000);
}

#[test]
#[ignore = "takes minutes; part of `make verify`"]
fn looking_names_no_winner_while_the_level_drifts_at_full_size() {
    drifting(1000);
}
