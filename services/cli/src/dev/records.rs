//! Which processes were started, on disk, so that a later command can stop what a killed supervisor
//! left behind.

use super::process;
use super::stage::Stage;
use crate::layout::{self, Layout};
use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long an orphan may take before it is killed.
const ORPHAN_GRACE: Duration = Duration::from_secs(10);

/// One started process.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    pid: u32,
    born: String,
    stage: Stage,
}

/// The file and its content.
#[derive(Debug)]
pub struct Records {
    path: PathBuf,
    entries: Mutex<BTreeMap<String, Record>>,
}

impl Records {
    /// Begins with none.
    pub fn new(layout: &Layout) -> Self {
        Self {
            path: layout.processes(),
            entries: Mutex::default(),
        }
    }

    /// Notes a process that has just been started.
    pub fn add(&self, name: &str, pid: u32, stage: Stage) {
        if let Some(born) = process::birth(pid) {
            let mut entries = self.entries();
            entries.insert(name.to_owned(), Record { pid, born, stage });
            self.write(&entries);
        }
    }

    /// Forgets one that has ended.
    pub fn remove(&self, name: &str) {
        let mut entries = self.entries();
        entries.remove(name);
        self.write(&entries);
    }

    /// Process id of what runs under a name.
    #[cfg(test)]
    pub fn pid(&self, name: &str) -> Option<u32> {
        self.entries().get(name).map(|record| record.pid)
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Record>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, entries: &BTreeMap<String, Record>) {
        let written = serde_json::to_vec_pretty(entries)
            .context("writing process records")
            .and_then(|text| layout::replace_private(&self.path, &text));
        if let Err(error) = written {
            super::say(&format!("{error:#}"));
        }
    }
}

/// Stops, in order, what an earlier supervisor left running; returns the names.
///
/// # Errors
/// When the records cannot be read.
pub async fn stop_orphans(layout: &Layout) -> Result<Vec<String>> {
    let path = layout.processes();
    let entries: BTreeMap<String, Record> = match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| format!("understanding {}", path.display()))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    let alive = |record: &Record| process::birth(record.pid).as_ref() == Some(&record.born);
    let mut stopped = Vec::new();
    for stage in Stage::STOP_ORDER {
        let orphans: Vec<_> = entries
            .iter()
            .filter(|(_, record)| record.stage == stage && alive(record))
            .collect();
        for (name, record) in &orphans {
            process::send(record.pid, stage.stop_signal());
            stopped.push((*name).clone());
        }
        for (_, record) in orphans {
            if !process::gone(record.pid, &record.born, ORPHAN_GRACE).await {
                process::send(record.pid, Signal::SIGKILL);
                process::gone(record.pid, &record.born, ORPHAN_GRACE).await;
            }
            process::kill_group(record.pid);
        }
    }
    std::fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
    Ok(stopped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_killed_supervisor_left_is_stopped_and_a_reused_id_is_left_alone() {
        let state = std::env::temp_dir().join(format!("orphans-{}", std::process::id()));
        let layout = Layout::at(&state);
        layout.create().unwrap();
        let start = || std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let (mut orphan, mut stranger) = (start(), start());
        let records = Records::new(&layout);
        records.add("executor-1", orphan.id(), Stage::Workers);
        records.add("planner-1", stranger.id(), Stage::Workers);
        if let Some(record) = records.entries().get_mut("planner-1") {
            record.born = "long ago".to_owned();
        }
        records.write(&records.entries());

        assert_eq!(stop_orphans(&layout).await.unwrap(), ["executor-1"]);
        assert!(orphan.try_wait().unwrap().is_some());
        assert!(stranger.try_wait().unwrap().is_none());
        assert_eq!(stop_orphans(&layout).await.unwrap(), Vec::<String>::new());
        stranger.kill().unwrap();
        stranger.wait().unwrap();
        std::fs::remove_dir_all(&state).unwrap();
    }
}
