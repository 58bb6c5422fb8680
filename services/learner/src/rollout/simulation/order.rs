//! Both arms are equally good, but the challenger's bad answers are slow.

use super::world::{Rng, Scores};
use super::*;

const UNITS: i64 = 1500;
const SLOW: i64 = 400;
const EVERY: usize = 50;

/// One unit is assigned each second.
fn observations(rng: &mut Rng) -> Vec<Observation> {
    let one = |n: i64| {
        let side = if rng.0.bool() { Side::Control } else { Side::Challenger };
        let score = Scores::Graded(0.75).draw(rng);
        let slow = side == Side::Challenger && score < 0.75;
        let seconds = if slow { SLOW } else { 1 };
        let ended = Ended {
            at: Timestamp(1000 * (n + seconds)),
            score: Some(score),
            failed: false,
            cost_usd: 0.01,
            seconds: 1.0,
        };
        Observation {
            unit: format!("{n:06}"),
            side,
            assigned_at: Timestamp(1000 * n),
            ended: Some(ended),
        }
    };
    (0..UNITS).map(one).collect()
}

/// What is known then.
fn as_of(observations: &[Observation], now: Timestamp) -> Vec<Observation> {
    let known = observations.iter().filter(|task| task.assigned_at <= now).cloned();
    known
        .map(|task| Observation {
            ended: task.ended.filter(|ended| ended.at <= now),
            ..task
        })
        .collect()
}

/// The wrong way: whatever has ended.
fn as_they_end(observations: &[Observation], settings: &Settings, now: Timestamp) -> Facts {
    let mut ended: Vec<_> = as_of(observations, now)
        .into_iter()
        .filter(|task| task.ended.is_some())
        .collect();
    ended.sort_by_key(|task| task.ended.map(|ended| ended.at));
    let course = Course::begin(settings, Timestamp(0));
    let mut facts = Facts::default();
    for unit in settle(&ended, &settings.patience, now).units {
        facts.count(&unit, settings, &course);
    }
    facts
}

fn different(runs: u32, facts: impl Fn(&[Observation], &Settings, Timestamp) -> Facts) -> f64 {
    let (settings, mut rng) = (settings(), Rng(fastrand::Rng::with_seed(20_260_101)));
    let mut run = || {
        let all = observations(&mut rng);
        let mut looks = (0..UNITS + SLOW).step_by(EVERY).map(|second| Timestamp(1000 * second));
        looks.any(|now| facts(&all, &settings, now).evidence.difference.e_value() >= 1.0 / settings.alpha)
    };
    f64::from((0..runs).map(|_| u32::from(run())).sum::<u32>()) / f64::from(runs)
}

fn slowness_is_no_merit(runs: u32) {
    let by_assignment = different(runs, |all, settings, now| {
        let course = Course::begin(settings, Timestamp(0));
        Facts::gather(&as_of(all, now), &[], settings, &course, now)
    });
    let as_they_end = different(runs, as_they_end);
    println!("bad answers slow: called different {by_assignment:.3} by assignment, {as_they_end:.3} as they end");
    assert!(by_assignment <= at_most(0.05, runs), "{by_assignment}");
    assert!(
        as_they_end > 0.2,
        "counting what has ended must fail here: {as_they_end}"
    );
}

#[test]
fn an_arm_whose_bad_answers_are_slow_does_not_look_better() {
    slowness_is_no_merit(20);
}

#[test]
#[ignore = "takes minutes; part of `make verify`"]
fn an_arm_whose_bad_answers_are_slow_does_not_look_better_at_full_size() {
    slowness_is_no_merit(300);
}
