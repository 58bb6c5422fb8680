//! A whole system, started as a user starts it: `orchestrator dev`.

use crate::dev_file::DevFile;
use crate::document::Document as _;
use crate::event_stream;
use crate::eventually::eventually;
use crate::processes;
use anyhow::{Context as _, Result, bail, ensure};
use async_nats::Client;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A cold start creates a database cluster; two busy cores make that slow.
const START_LIMIT: Duration = Duration::from_secs(120);
/// The supervisor drains services with a deadline of its own.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// What to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Names the state directory.
    pub label: String,
    /// Configuration on top of the development defaults, TOML.
    pub config: String,
    /// Replicas.
    pub executors: usize,
    /// Replicas.
    pub coordinators: usize,
    /// Further environment of the supervisor.
    pub environment: Vec<(String, String)>,
}

impl Options {
    /// One of each.
    pub fn new(label: &str, config: String) -> Self {
        Self {
            label: label.to_owned(),
            config,
            executors: 1,
            coordinators: 1,
            environment: Vec::new(),
        }
    }
}

/// A running system. Dropping it stops every process it started and removes its state.
#[derive(Debug)]
pub struct System {
    options: Options,
    state: PathBuf,
    supervisor: Mutex<Option<Child>>,
    paused: Mutex<BTreeSet<u32>>,
    killed: Mutex<BTreeSet<u32>>,
    keep_state: AtomicBool,
}

impl System {
    /// Starts it and waits until every process is ready.
    ///
    /// # Errors
    /// Missing binaries, a supervisor that gives up, or not ready in time; with the end of its log.
    pub async fn start(options: Options) -> Result<Self> {
        let system = Self::prepare(options)?;
        system.launch().await?;
        Ok(system)
    }

    /// Makes the state directory; [`System::launch`] starts the processes.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn prepare(options: Options) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = format!("orchestrator-{}-{}-{number}", options.label, std::process::id());
        let state = std::env::temp_dir().join(folder);
        fs::create_dir_all(&state)?;
        fs::write(state.join("test.toml"), &options.config)?;
        Ok(Self {
            options,
            state,
            supervisor: Mutex::new(None),
            paused: Mutex::default(),
            killed: Mutex::default(),
            keep_state: AtomicBool::new(std::env::var_os("ORCHESTRATOR_KEEP_STATE").is_some()),
        })
    }

    /// Starts the supervisor; after [`System::stop`] again, on the same state.
    ///
    /// # Errors
    /// As for [`System::start`].
    pub async fn launch(&self) -> Result<()> {
        let program = binary("orchestrator")?;
        let log = File::options().create(true).append(true).open(self.log_path())?;
        let mut command = Command::new(program);
        command
            .arg("dev")
            .current_dir(workspace())
            .env("ORCHESTRATOR_STATE_DIR", &self.state)
            .env("ORCHESTRATOR_CONFIG", self.state.join("test.toml"))
            .env("ORCHESTRATOR_RANDOM_PORTS", "1")
            .env("ORCHESTRATOR_EXECUTORS", self.options.executors.to_string())
            .env("ORCHESTRATOR_COORDINATORS", self.options.coordinators.to_string())
            .envs(self.options.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let child = command.spawn().context("starting the supervisor")?;
        *lock(&self.supervisor) = Some(child);
        self.ready(START_LIMIT).await
    }

    /// Waits until every process has a pid again, other than those that were killed.
    ///
    /// # Errors
    /// Not in time, or the supervisor ended.
    pub async fn ready(&self, limit: Duration) -> Result<()> {
        let outcome = eventually("every process is ready", limit, || async {
            if let Some(status) = self.supervisor_exit() {
                return Ok(Err(status));
            }
            let dev = self.dev()?;
            let killed = lock(&self.killed).clone();
            for service in &dev.services {
                let pid = service.pid.with_context(|| format!("{} is not ready", service.name))?;
                ensure!(
                    !killed.contains(&pid) && processes::is_alive(pid),
                    "{} is gone",
                    service.name
                );
            }
            for kind in [
                "gateway",
                "coordinator",
                "planner",
                "executor",
                "assessor",
                "learner",
                "nats",
                "postgres",
            ] {
                ensure!(dev.services.iter().any(|service| service.kind() == kind), "no {kind}");
            }
            Ok(Ok(()))
        })
        .await;
        match outcome {
            Ok(Ok(())) => Ok(()),
            Ok(Err(status)) => bail!("the supervisor ended with {status}:\n{}", self.log_end()),
            Err(error) => Err(error.context(self.log_end())),
        }
    }

    /// What `dev.json` says now.
    ///
    /// # Errors
    /// Not there.
    pub fn dev(&self) -> Result<DevFile> {
        DevFile::read(&self.state.join("dev.json"))
    }

    /// Where the system keeps its state.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// NATS with the credential of the services, which the supervisor keeps in its state directory.
    ///
    /// # Errors
    /// No such file, or no server.
    pub async fn service_client(&self) -> Result<Client> {
        let path = self.state.join("credentials.json");
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let credentials: Value = serde_json::from_str(&text)?;
        let password = credentials.text("/nats_service")?;
        let url = self.dev()?.nats_url;
        let address: async_nats::ServerAddr = url.parse()?;
        let url = format!("nats://{}:{}", address.host(), address.port());
        event_stream::connect_as(&url, "orchestrator", password).await
    }

    /// Names of all processes of a kind, such as `executor`.
    ///
    /// # Errors
    /// `dev.json` is not there.
    pub fn names(&self, kind: &str) -> Result<Vec<String>> {
        let dev = self.dev()?;
        Ok(dev
            .services
            .iter()
            .filter(|service| service.kind() == kind)
            .map(|s| s.name.clone())
            .collect())
    }

    /// The process id, when the process is ready.
    ///
    /// # Errors
    /// It is not.
    pub fn pid(&self, name: &str) -> Result<u32> {
        self.dev()?.pid(name).with_context(|| format!("{name} is not ready"))
    }

    /// Kills it at once (SIGKILL), as a crash would.
    ///
    /// # Errors
    /// Not ready, or no permission.
    pub fn kill(&self, name: &str) -> Result<()> {
        self.signal(name, Signal::SIGKILL).map(|_| ())
    }

    /// Sends a signal after which the process is expected to end; returns its id.
    ///
    /// # Errors
    /// Not ready, or no permission.
    pub fn signal(&self, name: &str, signal: Signal) -> Result<u32> {
        let pid = self.pid(name)?;
        lock(&self.killed).insert(pid);
        send(pid, signal)?;
        Ok(pid)
    }

    /// Stops its clock (SIGSTOP) until [`System::proceed`].
    ///
    /// # Errors
    /// Not ready, or no permission.
    pub fn pause(&self, name: &str) -> Result<u32> {
        let pid = self.pid(name)?;
        lock(&self.paused).insert(pid);
        send(pid, Signal::SIGSTOP)?;
        Ok(pid)
    }

    /// Lets a paused process go on.
    ///
    /// # Errors
    /// It is gone.
    pub fn proceed(&self, pid: u32) -> Result<()> {
        lock(&self.paused).remove(&pid);
        send(pid, Signal::SIGCONT)
    }

    /// Stops everything as Ctrl-C does and makes sure that nothing is left. The state stays.
    ///
    /// # Errors
    /// Something had to be killed.
    pub fn stop(&self) -> Result<()> {
        let Some(mut child) = lock(&self.supervisor).take() else {
            return Ok(());
        };
        for pid in std::mem::take(&mut *lock(&self.paused)) {
            // Gone already is as good.
            drop(send(pid, Signal::SIGCONT));
        }
        let family = processes::tree(child.id());
        let ended = send(child.id(), Signal::SIGTERM).is_ok() && wait(&mut child, STOP_LIMIT);
        let left: Vec<u32> = family.into_iter().filter(|pid| processes::is_alive(*pid)).collect();
        let names: Vec<String> = left.iter().filter_map(|pid| processes::name(*pid)).collect();
        for pid in left {
            drop(send(pid, Signal::SIGKILL));
        }
        wait(&mut child, Duration::from_secs(5));
        ensure!(ended, "the supervisor did not stop within {} s", STOP_LIMIT.as_secs());
        ensure!(names.is_empty(), "left running after the stop: {names:?}");
        Ok(())
    }

    fn supervisor_exit(&self) -> Option<String> {
        let mut supervisor = lock(&self.supervisor);
        let child = supervisor.as_mut()?;
        child.try_wait().ok().flatten().map(|status| status.to_string())
    }

    /// Leaves state and logs behind for whoever looks into a failure.
    pub fn keep_state(&self) {
        self.keep_state.store(true, Ordering::Relaxed);
    }

    /// The supervisor's process id.
    pub fn supervisor_pid(&self) -> Option<u32> {
        lock(&self.supervisor).as_ref().map(Child::id)
    }

    fn log_path(&self) -> PathBuf {
        self.state.join("supervisor.log")
    }

    fn log_end(&self) -> String {
        let text = fs::read_to_string(self.log_path()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines
            .get(lines.len().saturating_sub(40)..)
            .unwrap_or_default()
            .join("\n")
    }
}

impl Drop for System {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("stopping {}: {error:#}", self.options.label);
        }
        if self.keep_state.load(Ordering::Relaxed) || std::thread::panicking() {
            eprintln!("state kept in {}", self.state.display());
        } else if let Err(error) = fs::remove_dir_all(&self.state) {
            eprintln!("removing {}: {error}", self.state.display());
        }
    }
}

/// A program built into the same folder as this one.
///
/// # Errors
/// It was not built.
pub fn binary(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().context("no folder")?;
    let folder = if folder.ends_with("deps") {
        folder.parent().context("no folder")?
    } else {
        folder
    };
    let path = folder.join(name);
    ensure!(
        path.is_file(),
        "{} is missing: `cargo build --workspace --bins` (with --release for bench)",
        path.display()
    );
    Ok(path)
}

/// Root of the repository.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn send(pid: u32, signal: Signal) -> Result<()> {
    let pid = i32::try_from(pid)?;
    kill(Pid::from_raw(pid), signal).with_context(|| format!("{signal} to {pid}"))
}

fn wait(child: &mut Child, limit: Duration) -> bool {
    let started = Instant::now();
    while started.elapsed() < limit {
        if child.try_wait().is_ok_and(|status| status.is_some()) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
