//! Where the state of a development installation lives.

use anyhow::{Context, Result};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The project's root and its state directory.
#[derive(Clone, Debug)]
pub struct Layout {
    here: PathBuf,
    root: PathBuf,
    state: PathBuf,
}

impl Layout {
    /// The nearest directory upwards that has a `.orchestrator` or a `deploy/local.toml`, else the
    /// working directory; `ORCHESTRATOR_STATE_DIR` puts the state elsewhere.
    ///
    /// # Errors
    /// When there is no working directory.
    pub fn find() -> Result<Self> {
        let here = std::env::current_dir().context("finding the working directory")?;
        let root = here
            .ancestors()
            .find(|dir| dir.join(".orchestrator").is_dir() || dir.join("deploy/local.toml").is_file())
            .unwrap_or(&here)
            .to_path_buf();
        let state = match std::env::var_os("ORCHESTRATOR_STATE_DIR") {
            Some(dir) => here.join(dir),
            None => root.join(".orchestrator"),
        };
        Ok(Self { here, root, state })
    }

    /// Everything in one directory, for tests.
    #[cfg(test)]
    pub fn at(state: &Path) -> Self {
        let here = state.to_path_buf();
        Self {
            root: here.clone(),
            state: here.clone(),
            here,
        }
    }

    /// Makes the state directory and what stands in it.
    ///
    /// # Errors
    /// When a directory cannot be made.
    pub fn create(&self) -> Result<()> {
        let logs = self.logs();
        fs::create_dir_all(&logs).with_context(|| format!("creating {}", logs.display()))
    }

    /// The working directory; relative paths of the user's own settings start here.
    pub fn here(&self) -> &Path {
        &self.here
    }

    /// The project's root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The state directory itself.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// What runs where; see the contract.
    pub fn dev_json(&self) -> PathBuf {
        self.state.join("dev.json")
    }

    /// Held by the running supervisor.
    pub fn lock(&self) -> PathBuf {
        self.state.join("supervisor.lock")
    }

    /// Process ids of everything started.
    pub fn processes(&self) -> PathBuf {
        self.state.join("processes.json")
    }

    /// Generated passwords.
    pub fn credentials(&self) -> PathBuf {
        self.state.join("credentials.json")
    }

    /// One file a process.
    pub fn logs(&self) -> PathBuf {
        self.state.join("logs")
    }

    /// Log of one process.
    pub fn log(&self, name: &str) -> PathBuf {
        self.logs().join(format!("{name}.log"))
    }

    /// Configuration of nats-server.
    pub fn nats_conf(&self) -> PathBuf {
        self.state.join("nats.conf")
    }

    /// JetStream's files.
    pub fn nats_store(&self) -> PathBuf {
        self.state.join("nats")
    }

    /// Postgres' data directory, or a link to it.
    pub fn postgres(&self) -> PathBuf {
        self.state.join("postgres")
    }

    /// Programs fetched by the scripts.
    pub fn programs(&self) -> PathBuf {
        self.state.join("bin")
    }
}

/// Replaces `path` by rename, readable by the owner alone.
///
/// # Errors
/// When the file cannot be written.
pub fn replace_private(path: &Path, content: &[u8]) -> Result<()> {
    let fresh = path.with_extension(format!("{}.new", std::process::id()));
    let write = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        file.write_all(content)?;
        fs::rename(&fresh, path)
    };
    write().with_context(|| format!("writing {}", path.display()))
}

/// The last `lines` lines of a file; empty when there is none.
pub fn tail(path: &Path, lines: usize) -> Vec<String> {
    const WINDOW: u64 = 16 * 1024;
    let read = || -> std::io::Result<Vec<u8>> {
        use std::io::{Read, Seek, SeekFrom};
        let mut file = fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(WINDOW)))?;
        let mut bytes = Vec::new();
        file.take(WINDOW).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    all.iter()
        .skip(all.len().saturating_sub(lines))
        .map(|line| (*line).to_owned())
        .collect()
}
