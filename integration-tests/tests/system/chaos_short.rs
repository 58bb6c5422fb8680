//! The short form of `make chaos`.

use anyhow::{Result, ensure};
use integration_tests::oracle::Rule;
use integration_tests::scenarios::{Fault, run};
use integration_tests::world::World;

const TASKS: usize = 40;

const FAULTS: [Fault; 5] = [
    Fault::Kill("executor"),
    Fault::Kill("coordinator"),
    Fault::NatsLost,
    Fault::PostgresImmediate,
    Fault::Twice,
];

#[test]
fn nothing_is_lost_or_doubled_when_machines_fail() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let world = World::start("chaos-short", 11, Rule::SLOW, |_| {}).await?;
        let mut failed = Vec::new();
        for fault in FAULTS {
            let outcome = run(&world, fault, TASKS).await;
            match &outcome {
                Ok(outcome) if outcome.findings.violations.is_empty() => {
                    println!(
                        "holds  {} ({:.1} s): {}",
                        fault.name(),
                        outcome.took.as_secs_f64(),
                        outcome.findings
                    );
                }
                Ok(outcome) => failed.push(format!("{}: {}", fault.name(), outcome.findings)),
                Err(error) => failed.push(format!("{}: {error:#}", fault.name())),
            }
        }
        if !failed.is_empty() {
            world.system.keep_state();
        }
        ensure!(failed.is_empty(), "{}", failed.join("\n"));
        world.system.stop()
    })
}
