//! What runs and what of it is ready, and the file that tells others.

use super::endpoints::Endpoints;
use crate::layout::{self, Layout};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use tokio::sync::watch;

/// One supervised process.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// `executor-1`, `nats`.
    pub name: String,
    /// Only while the process is ready.
    pub pid: Option<u32>,
    /// Answers 200 while the process is ready; Postgres speaks no HTTP.
    pub health_url: Option<String>,
}

/// `.orchestrator/dev.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DevDocument {
    #[serde(flatten)]
    pub endpoints: Endpoints,
    pub services: Vec<Entry>,
    /// The process that supervises the others.
    pub supervisor_pid: u32,
}

impl DevDocument {
    /// Reads it; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read or understood.
    pub fn read(layout: &Layout) -> Result<Option<Self>> {
        let path = layout.dev_json();
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .with_context(|| format!("understanding {}", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    /// Names of what is not ready.
    pub fn not_ready(&self) -> Vec<&str> {
        self.services
            .iter()
            .filter(|entry| entry.pid.is_none())
            .map(|entry| entry.name.as_str())
            .collect()
    }
}

/// The live state; every change is written to the file before the next one is made.
#[derive(Debug)]
pub struct Board {
    path: PathBuf,
    endpoints: Endpoints,
    entries: watch::Sender<Vec<Entry>>,
}

impl Board {
    /// Begins with every process not ready, and says so in the file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn new(layout: &Layout, endpoints: Endpoints, processes: Vec<(String, Option<String>)>) -> Result<Self> {
        let entry = |(name, health_url)| Entry {
            name,
            pid: None,
            health_url,
        };
        let entries = watch::Sender::new(processes.into_iter().map(entry).collect());
        let board = Self {
            path: layout.dev_json(),
            endpoints,
            entries,
        };
        board.write()?;
        Ok(board)
    }

    /// Sets the id of a ready process, or takes it away.
    pub fn set(&self, name: &str, pid: Option<u32>) {
        let changed = self.entries.send_if_modified(|entries| {
            let Some(entry) = entries.iter_mut().find(|entry| entry.name == name && entry.pid != pid) else {
                return false;
            };
            entry.pid = pid;
            true
        });
        if changed && let Err(error) = self.write() {
            super::say(&format!("{error:#}"));
        }
    }

    /// Waits until all of `names` are ready at once.
    pub async fn ready(&self, names: &[String]) {
        let ready = |entries: &Vec<Entry>| {
            entries
                .iter()
                .filter(|entry| names.contains(&entry.name))
                .all(|entry| entry.pid.is_some())
        };
        // The sender lives in `self`, so the channel cannot close.
        self.entries.subscribe().wait_for(ready).await.ok();
    }

    /// Names of what is not ready.
    pub fn not_ready(&self) -> Vec<String> {
        let entries = self.entries.borrow();
        entries
            .iter()
            .filter(|entry| entry.pid.is_none())
            .map(|entry| entry.name.clone())
            .collect()
    }

    /// Nothing runs any more.
    pub fn remove(&self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            super::say(&format!("removing {}: {error}", self.path.display()));
        }
    }

    fn write(&self) -> Result<()> {
        let document = DevDocument {
            endpoints: self.endpoints.clone(),
            services: self.entries.borrow().clone(),
            supervisor_pid: std::process::id(),
        };
        layout::replace_private(&self.path, &serde_json::to_vec_pretty(&document)?)
    }
}
