//! What can happen to machines: processes that die, files that are lost or come back older.

use crate::system::System;
use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The six services.
pub const SERVICES: [&str; 6] = ["gateway", "coordinator", "planner", "executor", "assessor", "learner"];
/// A supervised process is started again within two seconds; Postgres then recovers.
const RETURN_LIMIT: Duration = Duration::from_secs(40);

/// Kills every process of these kinds at once and waits for their return.
///
/// # Errors
/// One is not ready now, or not back in time.
pub async fn kill(system: &System, kinds: &[&str]) -> Result<()> {
    let dev = system.dev()?;
    for service in dev.services.iter().filter(|service| kinds.contains(&service.kind())) {
        system.kill(&service.name)?;
    }
    system.ready(RETURN_LIMIT).await
}

/// Postgres as after `pg_ctl stop -m immediate`: no checkpoint, recovery at the next start.
///
/// # Errors
/// Not running now, or not back in time.
pub async fn stop_postgres_immediately(system: &System) -> Result<()> {
    system.signal("postgres", Signal::SIGQUIT)?;
    system.ready(RETURN_LIMIT).await
}

/// NATS is killed and its data directory deleted.
///
/// # Errors
/// Not running now, or not back in time.
pub async fn lose_nats(system: &System) -> Result<()> {
    system.pause("nats")?;
    let store = store(system);
    let away = system.state().join("nats-lost");
    std::fs::rename(&store, &away).with_context(|| format!("moving {}", store.display()))?;
    system.kill("nats")?;
    std::fs::remove_dir_all(&away)?;
    system.ready(RETURN_LIMIT).await
}

/// A copy of the data directory as it is at this moment.
///
/// # Errors
/// Not running now, or nothing to copy.
pub fn copy_nats(system: &System) -> Result<PathBuf> {
    let copy = system.state().join("nats-copy");
    let pid = system.pause("nats")?;
    let copied = copy_folder(&store(system), &copy);
    system.proceed(pid)?;
    copied.map(|()| copy)
}

/// NATS is killed and comes back with an older copy of its data.
///
/// # Errors
/// Not running now, or not back in time.
pub async fn restore_nats(system: &System, copy: &Path) -> Result<()> {
    system.pause("nats")?;
    let store = store(system);
    let away = system.state().join("nats-newer");
    std::fs::rename(&store, &away)?;
    std::fs::rename(copy, &store)?;
    system.kill("nats")?;
    std::fs::remove_dir_all(&away)?;
    system.ready(RETURN_LIMIT).await
}

/// Where JetStream keeps its files.
fn store(system: &System) -> PathBuf {
    system.state().join("nats").join("jetstream")
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    let status = Command::new("cp")
        .arg("-a")
        .arg(from)
        .arg(to)
        .status()
        .context("running cp")?;
    ensure!(status.success(), "cp of {} failed", from.display());
    Ok(())
}
