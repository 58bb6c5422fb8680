//! `orchestrator dev --detach`, `orchestrator down`, `orchestrator reset`.

use super::banner;
use super::board::DevDocument;
use super::lock::Lock;
use super::{process, records, say};
use crate::layout::Layout;
use crate::terminal;
use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::time::sleep;

const POLL: Duration = Duration::from_millis(100);
/// The supervisor's own limits are shorter; it tells why itself.
const READY: Duration = Duration::from_secs(240);
/// Six stages, each with its own grace inside the supervisor.
const STOPPED: Duration = Duration::from_secs(180);
const SUPERVISOR: &str = "supervisor";

/// Starts a supervisor of its own session and returns once everything is ready.
///
/// # Errors
/// When it cannot start, with what it said.
pub async fn up(layout: &Layout) -> Result<()> {
    layout.create()?;
    let log = layout.log(SUPERVISOR);
    let mut told = Follower::at_end(&log);
    let mut child = match Lock::take(layout)? {
        Some(free) => {
            drop(free);
            Some(spawn(&log)?)
        }
        None => {
            say("already running");
            None
        }
    };
    let deadline = Instant::now() + READY;
    loop {
        told.relay();
        if let Some(document) = DevDocument::read(layout)?
            && child.as_ref().is_none_or(|child| child.id() == document.supervisor_pid)
            && document.not_ready().is_empty()
        {
            banner::ready(layout, &document.endpoints);
            return Ok(());
        }
        if let Some(status) = child
            .as_mut()
            .map(Child::try_wait)
            .transpose()
            .context("watching the supervisor")?
            .flatten()
        {
            told.relay();
            if !status.success() {
                return Err(super::SupervisorFailed { code: status.code() }.into());
            }
            // Another one was faster; its readiness is as good.
            child = None;
        }
        if child.is_none() && Lock::take(layout)?.is_some() {
            bail!("the supervisor has stopped; its log is {}", log.display());
        }
        if Instant::now() >= deadline {
            let waiting = DevDocument::read(layout)?
                .map(|document| document.not_ready().join(", "))
                .unwrap_or_default();
            down(layout).await?;
            bail!(
                "not ready after {} s: {waiting}; its log is {}",
                READY.as_secs(),
                log.display()
            );
        }
        sleep(POLL).await;
    }
}

/// Stops the supervisor and whatever a killed one left; nothing is left running.
///
/// # Errors
/// When it does not stop.
pub async fn down(layout: &Layout) -> Result<()> {
    if !layout.state().is_dir() {
        say("nothing is running");
        return Ok(());
    }
    let mut held = Lock::take(layout)?;
    let was_running = held.is_none();
    for (signal, saying) in [
        (Signal::SIGTERM, "stopping"),
        (Signal::SIGKILL, "it does not stop: killing the supervisor"),
    ] {
        if held.is_none() {
            say(saying);
            held = end_holder(layout, signal).await?;
        }
    }
    let Some(_held) = held else {
        bail!(
            "the supervisor cannot be stopped; its log is {}",
            layout.log(SUPERVISOR).display()
        )
    };
    let orphans = records::stop_orphans(layout).await?;
    if !orphans.is_empty() {
        say(&format!(
            "stopped what a killed supervisor left behind: {}",
            orphans.join(", ")
        ));
    }
    remove_if_there(&layout.dev_json())?;
    say(if was_running || !orphans.is_empty() {
        "stopped"
    } else {
        "nothing is running"
    });
    Ok(())
}

/// Stops and deletes all state; programs fetched by the scripts stay.
///
/// # Errors
/// When something cannot be deleted.
pub async fn reset(layout: &Layout) -> Result<()> {
    down(layout).await?;
    if !layout.state().is_dir() {
        return Ok(());
    }
    // The cluster may live elsewhere, see the module `cluster`.
    if layout.postgres().is_symlink() {
        let target = fs::read_link(layout.postgres()).context("following the cluster's link")?;
        remove_tree(&target)?;
    }
    let entries = fs::read_dir(layout.state()).with_context(|| format!("listing {}", layout.state().display()))?;
    for entry in entries {
        let path = entry.context("listing the state directory")?.path();
        if path != layout.programs() {
            remove_tree(&path)?;
        }
    }
    say(&format!("deleted the state in {}", layout.state().display()));
    Ok(())
}

fn spawn(log: &Path) -> Result<Child> {
    let file = File::options()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(log)
        .with_context(|| format!("opening {}", log.display()))?;
    Command::new(std::env::current_exe().context("finding our own program")?)
        .args(["dev", "--own-session"])
        .stdin(Stdio::null())
        .stdout(file.try_clone().context("sharing the log")?)
        .stderr(file)
        .spawn()
        .context("starting the supervisor")
}

/// Signals the supervisor and waits until it is gone, whoever it is by then.
async fn end_holder(layout: &Layout, signal: Signal) -> Result<Option<Lock>> {
    let ours = |pid: &u32| {
        *pid != std::process::id() && process::program_name(*pid).is_some_and(|name| name == "orchestrator")
    };
    let holder = Lock::holder(layout)
        .filter(ours)
        .and_then(|pid| Some((pid, process::birth(pid)?)));
    if let Some((pid, _)) = holder {
        process::send(pid, signal);
    }
    let lock = wait_for_lock(layout, STOPPED).await?;
    if let Some((pid, born)) = holder.filter(|_| lock.is_some()) {
        // It lets go of the lock a moment before it ends.
        process::gone(pid, &born, STOPPED).await;
    }
    Ok(lock)
}

async fn wait_for_lock(layout: &Layout, limit: Duration) -> Result<Option<Lock>> {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        if let Some(lock) = Lock::take(layout)? {
            return Ok(Some(lock));
        }
        sleep(POLL).await;
    }
    Ok(None)
}

fn remove_tree(path: &Path) -> Result<()> {
    let removed = if path.is_dir() && !path.is_symlink() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("deleting {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn remove_if_there(path: &Path) -> Result<()> {
    if path.exists() { remove_tree(path) } else { Ok(()) }
}

/// Passes on what is appended to a file.
struct Follower<'a> {
    path: &'a Path,
    offset: u64,
}

impl<'a> Follower<'a> {
    fn at_end(path: &'a Path) -> Self {
        Self {
            path,
            offset: fs::metadata(path).map_or(0, |meta| meta.len()),
        }
    }

    fn relay(&mut self) {
        let read = || -> std::io::Result<String> {
            let mut file = File::open(self.path)?;
            file.seek(SeekFrom::Start(self.offset))?;
            let mut text = String::new();
            file.read_to_string(&mut text)?;
            Ok(text)
        };
        if let Ok(text) = read() {
            self.offset += text.len() as u64;
            for line in text.lines() {
                terminal::remark(line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_follower_passes_on_only_what_is_new() {
        let path = std::env::temp_dir().join(format!("follower-{}", std::process::id()));
        fs::write(&path, "old\n").unwrap();
        let mut follower = Follower::at_end(&path);
        assert_eq!(follower.offset, 4);
        fs::write(&path, "old\nnew\n").unwrap();
        follower.relay();
        assert_eq!(follower.offset, 8);
        fs::remove_file(&path).unwrap();
        assert!(crate::layout::tail(&path, 3).is_empty());
    }
}
