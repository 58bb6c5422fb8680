//! Several coordinators and executors share the work, and an executor that is told to stop finishes first.

use anyhow::{Context as _, Result, ensure};
use integration_tests::checker::{Rules, check, settle};
use integration_tests::eventually::eventually;
use integration_tests::load::Load;
use integration_tests::oracle::Rule;
use integration_tests::processes;
use integration_tests::world::World;
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::time::Duration;

const TASKS: usize = 60;
const LIMIT: Duration = Duration::from_secs(90);

#[test]
fn replicas_share_the_work_and_drain_without_a_wasted_attempt() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let world = World::start("replicas", 13, Rule::SLOW, |options| {
            options.coordinators = 2;
            options.executors = 4;
            // Few slots, so that nobody can take all.
            options
                .environment
                .push(("ORCHESTRATOR_WORKER__SLOTS".to_owned(), "16".to_owned()));
        })
        .await?;
        ensure!(world.system.names("coordinator")?.len() == 2, "not two coordinators");
        ensure!(world.system.names("executor")?.len() == 4, "not four executors");

        let load = Load::submit(&world.rest, "shared", TASKS).await?;
        settle(&world.rest, &load, LIMIT).await?;
        holds(&world, &load, "shared").await?;
        every_executor_called(&world, &load)?;

        let under_way = tokio::spawn({
            let rest = world.rest.clone();
            async move { Load::submit(&rest, "drained", TASKS).await }
        });
        let before = world.oracle.call_count();
        eventually("tools are running", LIMIT, || async {
            ensure!(world.oracle.call_count() >= before + 10, "not yet");
            Ok(())
        })
        .await?;
        for name in world.system.names("executor")? {
            let pid = world.system.signal(&name, Signal::SIGTERM)?;
            eventually("the executor ends", LIMIT, || async move {
                ensure!(!processes::is_alive(pid), "{pid} still runs");
                Ok(())
            })
            .await?;
            world.system.ready(LIMIT).await?;
        }
        let load = under_way.await.context("submitting")??;
        settle(&world.rest, &load, LIMIT).await?;
        // Strict: not one attempt beyond the first, and not one call more than needed.
        holds(&world, &load, "drained").await?;
        for accepted in &load.tasks {
            for (key, _) in accepted.endpoints {
                let calls = world.oracle.calls(&format!("{}-{key}", accepted.item)).len();
                ensure!(calls == 1, "{} step {key} was called {calls} times", accepted.item);
            }
        }
        world.system.stop()
    })
}

async fn holds(world: &World, load: &Load, what: &str) -> Result<()> {
    let nats_url = world.system.dev()?.nats_url;
    let findings = check(&world.rest, &world.oracle, &nats_url, load, &Rules::default()).await?;
    println!("{what}: {findings}");
    if !findings.violations.is_empty() {
        world.system.keep_state();
    }
    ensure!(findings.violations.is_empty(), "{what}: {findings}");
    Ok(())
}

/// Told by the caller's own port: each executor keeps its own connections.
fn every_executor_called(world: &World, load: &Load) -> Result<()> {
    let mut callers: BTreeMap<u32, usize> = BTreeMap::new();
    for accepted in &load.tasks {
        for (key, _) in accepted.endpoints {
            for call in world.oracle.calls(&format!("{}-{key}", accepted.item)) {
                *callers.entry(call.caller.unwrap_or_default()).or_default() += 1;
            }
        }
    }
    println!("calls by executor process: {callers:?}");
    ensure!(callers.len() == 4, "{} executors had work: {callers:?}", callers.len());
    Ok(())
}
