//! A seeded simulation of coordinators and workers, with messages lost, doubled, reordered and late,
//! and crashes between any two steps.

mod checks;
mod fixtures;
mod random;
mod spending;
mod world;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use workflow::time::Millis;
use workflow::vocabulary::{AskKind, AttentionReason, Status};
use world::{Mutation, World};

const STEPS: usize = 400;
/// Simulated seconds of calm within which everything must end or wait for a human.
const CALM_SECONDS: usize = 900;

/// One run. `Err`: the invariant that broke.
fn run(seed: u64, mutation: Mutation) -> Result<World, String> {
    let mut world = World::new(seed, mutation);
    for _ in 0..STEPS {
        step(&mut world);
        checks::all(&mut world)?;
    }
    calm_down(&mut world)?;
    Ok(world)
}

fn step(world: &mut World) {
    match world.random.below(100) {
        0..4 => world.submit(),
        4..30 => world.take_work(),
        30..60 => world.progress(),
        60..85 => world.read_result(),
        85..90 => world.human(),
        90..94 => world.heartbeats(),
        94..99 => {
            let millis = world.random.below(4_000) as i64;
            world.now = world.now + Millis(millis);
            world.sweep();
        }
        _ => world.disaster(),
    }
}

/// Without faults every task ends, or waits visibly for a human; and with one, it ends.
fn calm_down(world: &mut World) -> Result<(), String> {
    world.chaos = false;
    world.catalog = fixtures::catalog();
    for second in 0..CALM_SECONDS {
        world.now = world.now + Millis::secs(1);
        for _ in 0..(world.stream.len() * 2 + 4) {
            world.take_work();
        }
        for _ in 0..(world.runs.len() * 3 + 8) {
            world.progress();
        }
        while !world.results.is_empty() {
            world.read_result();
        }
        if second % 5 == 0 {
            world.heartbeats();
        }
        world.sweep();
        if second % 10 == 0 {
            let waiting: Vec<_> = world
                .rows
                .values()
                .filter(|r| !r.task.gates.is_empty())
                .map(|r| r.task.id)
                .collect();
            for task in waiting {
                world.decide_gate(0, task);
            }
            let paused: Vec<_> = world
                .rows
                .values()
                .filter(|r| r.task.status == Status::Paused)
                .map(|r| r.task.id)
                .collect();
            for task in paused {
                let actor = "human".to_owned();
                world.apply(0, task, &workflow::input::Input::ResumeRequested { actor });
            }
        }
        checks::all(world)?;
        if world.rows.values().all(|r| r.task.status.is_terminal()) {
            return Ok(());
        }
    }
    let stuck: Vec<String> = world
        .rows
        .values()
        .filter(|r| !r.task.status.is_terminal())
        .map(|r| format!("{:?}", r.task))
        .collect();
    Err(format!("I5: {} tasks never ended: {}", stuck.len(), stuck.join("\n")))
}

fn seconds(default: u64) -> Duration {
    let set = std::env::var("ORCHESTRATOR_SIMULATION_SECONDS")
        .ok()
        .and_then(|s| s.parse().ok());
    Duration::from_secs(set.unwrap_or(default))
}

#[test]
fn invariants_hold_whatever_is_lost_doubled_reordered_late_or_killed() {
    if let Some(seed) = std::env::var("ORCHESTRATOR_SIMULATION_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
    {
        drop(run(seed, Mutation::None).unwrap_or_else(|broken| panic!("seed {seed}: {broken}")));
        return;
    }
    let end = Instant::now() + seconds(20);
    let mut seed = 0;
    let mut ends: BTreeMap<Status, u64> = BTreeMap::new();
    let mut reasons: BTreeMap<AttentionReason, u64> = BTreeMap::new();
    let mut questions: BTreeMap<AskKind, u64> = BTreeMap::new();
    while Instant::now() < end {
        seed += 1;
        let world = run(seed, Mutation::None).unwrap_or_else(|broken| {
            panic!("{broken}\nrun again with ORCHESTRATOR_SIMULATION_SEED={seed}");
        });
        world
            .ended
            .values()
            .for_each(|status| *ends.entry(*status).or_default() += 1);
        world
            .reasons
            .iter()
            .for_each(|reason| *reasons.entry(*reason).or_default() += 1);
        world
            .questions
            .iter()
            .for_each(|kind| *questions.entry(*kind).or_default() += 1);
    }
    println!("{seed} seeds; ends {ends:?}; runs that met {reasons:?} and {questions:?}");
    // A simulation that never gets anywhere proves nothing.
    for status in Status::ALL.iter().filter(|s| s.is_terminal()) {
        assert!(ends.contains_key(status), "no task ended {status}");
    }
    assert_eq!(questions.len(), AskKind::ALL.len(), "only {questions:?} was asked");
    for reason in AttentionReason::ALL {
        let reached =
            reasons.contains_key(reason) || matches!(reason, AttentionReason::PlanInvalid | AttentionReason::Internal);
        assert!(reached, "no task needed attention for {reason}");
    }
    assert!(seed >= 50, "only {seed} seeds were tried");
}

#[test]
fn a_guard_that_is_taken_out_is_noticed() {
    for mutation in [
        Mutation::NoVersionGuard,
        Mutation::SendsWithoutLicence,
        Mutation::NoSweeper,
    ] {
        let noticed = (1..=60).any(|seed| {
            let outcome = std::panic::catch_unwind(|| run(seed, mutation));
            !matches!(outcome, Ok(Ok(_)))
        });
        assert!(noticed, "{mutation:?} went unnoticed");
    }
}
