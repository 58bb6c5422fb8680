//! Something differs, and is found.

use super::world::Scores;
use super::*;

fn better_is_promoted(name: &str, world: World, runs: u32) {
    let found = world.runs(runs);
    let promoted = rate(&found, |run| run.promoted.is_some());
    let wrong = rate(&found, |run| run.rolled_back.is_some());
    let missed = rate(&found, |run| run.missed);
    let after = median(found.iter().filter_map(|run| run.promoted));
    println!(
        "{name}: promoted {promoted:.3} within {} units, half of them after {after}; rolled back {wrong:.4}, interval \
         misses {missed:.3}",
        world.units
    );
    assert!(promoted >= at_least(0.9, runs), "{promoted} are promoted");
    assert!(
        wrong <= at_most(0.005, runs),
        "{wrong} of the better ones are rolled back"
    );
    assert!(missed <= at_most(0.05, runs), "{missed} of the intervals miss");
}

fn worse_is_turned_back(name: &str, world: World, runs: u32) {
    let found = world.runs(runs);
    let promoted = rate(&found, |run| run.promoted.is_some());
    let rolled_back = rate(&found, |run| run.rolled_back.is_some());
    let missed = rate(&found, |run| run.missed);
    let after = median(found.iter().filter_map(|run| run.rolled_back));
    println!(
        "{name}: rolled back {rolled_back:.3} within {} units, half of them after {after}; promoted {promoted:.4}, \
         interval misses {missed:.3}",
        world.units
    );
    assert!(rolled_back >= at_least(0.95, runs), "{rolled_back} are rolled back");
    assert!(
        promoted <= at_most(0.005, runs),
        "{promoted} of the worse ones are promoted"
    );
    assert!(missed <= at_most(0.05, runs), "{missed} of the intervals miss");
}

fn graded(mean: f64) -> World {
    World::of(Scores::Graded(0.75), Scores::Graded(mean), 4000)
}

fn passed(chance: f64) -> World {
    World::of(Scores::Passed(0.8), Scores::Passed(chance), 8000)
}

fn better_scores(runs: u32) {
    better_is_promoted("Beta(.75, sd .15) +.03", graded(0.78), runs);
    better_is_promoted("Beta(.75, sd .15) +.05", graded(0.8), runs);
}

fn worse_scores(runs: u32) {
    worse_is_turned_back("Beta(.75, sd .15) -.05", graded(0.7), runs);
}

fn more_passes(runs: u32) {
    better_is_promoted("pass/fail .8 +.05", passed(0.85), runs);
}

fn fewer_passes(runs: u32) {
    worse_is_turned_back("pass/fail .8 -.05", passed(0.75), runs);
}

#[test]
fn what_is_better_is_promoted_and_what_is_worse_turned_back() {
    better_scores(30);
    worse_scores(30);
    more_passes(15);
    fewer_passes(15);
}

#[test]
#[ignore = "takes minutes; part of `make verify`"]
fn what_is_better_in_scores_is_promoted_at_full_size() {
    better_scores(1000);
}

#[test]
#[ignore = "takes minutes; part of `make verify`"]
fn what_is_worse_in_scores_is_turned_back_at_full_size() {
    worse_scores(1000);
}

#[test]
#[ignore = "takes minutes; part of `make verify`"]
fn what_passes_more_often_is_promoted_at_full_size() {
    more_passes(1000);
}

#[test]
#[ignore = "takes minutes; part of `make verify`"]
fn what_passes_less_often_is_turned_back_at_full_size() {
    fewer_passes(1000);
}
