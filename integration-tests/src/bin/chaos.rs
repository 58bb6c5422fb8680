//! `make chaos`: the fault suite with real processes. Bounded, and it stops what it started.

use anyhow::{Context as _, Result};
use integration_tests::oracle::Rule;
use integration_tests::scenarios::{Fault, run};
use integration_tests::world::World;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const USAGE: &str = "chaos [--tasks N] [--seed N] [FAULT …]   without names: every fault, 300 tasks each";
/// A scenario that takes longer has hung.
const SCENARIO_LIMIT: Duration = Duration::from_secs(600);

struct Arguments {
    tasks: usize,
    seed: u64,
    faults: Vec<Fault>,
}

fn main() -> ExitCode {
    let Some(arguments) = arguments(std::env::args().skip(1)) else {
        let names: Vec<String> = every_fault().into_iter().map(Fault::name).collect();
        eprintln!("{USAGE}\nfaults: {}", names.join(" "));
        return ExitCode::from(64);
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    match runtime
        .context("building the runtime")
        .and_then(|runtime| runtime.block_on(suite(&arguments)))
    {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failed) => {
            eprintln!(
                "chaos: {failed} of {} scenarios FAILED (seed {})",
                arguments.faults.len(),
                arguments.seed
            );
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("chaos: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn every_fault() -> Vec<Fault> {
    let mut faults = Fault::all();
    faults.push(Fault::CommitCut);
    faults
}

fn arguments(given: impl Iterator<Item = String>) -> Option<Arguments> {
    let mut arguments = Arguments {
        tasks: 300,
        seed: 1,
        faults: Vec::new(),
    };
    let mut given = given;
    while let Some(argument) = given.next() {
        match argument.as_str() {
            "--tasks" => arguments.tasks = given.next()?.parse().ok().filter(|n| *n >= 20)?,
            "--seed" => arguments.seed = given.next()?.parse().ok()?,
            name => arguments
                .faults
                .push(every_fault().into_iter().find(|fault| fault.name() == name)?),
        }
    }
    if arguments.faults.is_empty() {
        arguments.faults = every_fault();
    }
    Some(arguments)
}

/// Runs the scenarios one after the other on one system; the cut connections on one of their own.
async fn suite(arguments: &Arguments) -> Result<usize> {
    let started = Instant::now();
    let (cuts, others): (Vec<Fault>, Vec<Fault>) =
        arguments.faults.iter().partition(|fault| **fault == Fault::CommitCut);
    let mut failed = 0;
    if !others.is_empty() {
        let world = World::start("chaos", arguments.seed, Rule::SLOW, |_| {}).await?;
        failed += scenarios(&world, &others, arguments.tasks).await;
    }
    if !cuts.is_empty() {
        let world = World::start_behind_proxy("chaos-cut", arguments.seed, Rule::SLOW).await?;
        failed += scenarios(&world, &cuts, arguments.tasks).await;
    }
    println!(
        "chaos: {} scenarios, {failed} failed, {:.0} s",
        arguments.faults.len(),
        started.elapsed().as_secs_f64()
    );
    Ok(failed)
}

async fn scenarios(world: &World, faults: &[Fault], tasks: usize) -> usize {
    let mut failed = 0;
    for fault in faults {
        let outcome = tokio::time::timeout(SCENARIO_LIMIT, run(world, *fault, tasks)).await;
        let (verdict, detail) = match outcome {
            Ok(Ok(outcome)) => {
                let verdict = if outcome.findings.violations.is_empty() {
                    "PASS"
                } else {
                    "FAIL"
                };
                (
                    verdict,
                    format!(
                        "{} tasks in {:.0} s: {}",
                        outcome.tasks,
                        outcome.took.as_secs_f64(),
                        outcome.findings
                    ),
                )
            }
            Ok(Err(error)) => ("FAIL", format!("{error:#}")),
            Err(_) => ("FAIL", format!("not finished in {} s", SCENARIO_LIMIT.as_secs())),
        };
        println!("{verdict} {:<22} {detail}", fault.name());
        if verdict == "FAIL" {
            failed += 1;
            world.system.keep_state();
        }
    }
    failed
}
