//! One supervised process: started, watched, started again, stopped.

use super::board::Board;
use super::probe::{Probe, Prober};
use super::process;
use super::records::Records;
use super::stage::Stage;
use crate::layout::Layout;
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Pause before a process is started again. Users were promised 2 s, start-up included.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The pause of a process that dies at once, again and again.
const LONGEST_PAUSE: Duration = Duration::from_millis(1000);
/// A process that lived this long did not die of its start.
const STABLE: Duration = Duration::from_secs(1);
/// Exit code of a configuration that cannot work; starting again would not help.
pub const CONFIGURATION_FAULT: i32 = 64;
/// A log this long is put aside at the next start.
const LOG_LIMIT: u64 = 64 * 1024 * 1024;

/// How to run a process.
#[derive(Debug)]
pub struct Specification {
    /// `executor-1`.
    pub name: String,
    pub stage: Stage,
    pub argv: Vec<OsString>,
    pub environment: Vec<(String, OsString)>,
    pub directory: PathBuf,
    pub probe: Probe,
    /// From the stop signal to SIGKILL.
    pub grace: Duration,
}

/// What all supervised processes share.
#[derive(Debug)]
pub struct Shared {
    pub layout: Layout,
    pub board: Board,
    pub records: Records,
    pub prober: Prober,
    /// Names of processes that cannot run at all.
    pub hopeless: mpsc::UnboundedSender<String>,
}

/// Why a process is not running any more.
enum End {
    Exited(ExitStatus),
    Stopped,
}

/// Keeps the process running until `stop`; returns when it is gone.
pub async fn supervise(specification: Specification, shared: Arc<Shared>, stop: CancellationToken) {
    let name = &specification.name;
    let mut pause = FIRST_PAUSE;
    while !stop.is_cancelled() {
        let started = Instant::now();
        match run_once(&specification, &shared, &stop).await {
            Ok(End::Stopped) => return,
            Ok(End::Exited(status)) => {
                super::say(&format!("{name} ended ({status}); starting it again"));
                if status.code() == Some(CONFIGURATION_FAULT) {
                    // Received or not: the supervisor may already be on its way out.
                    shared.hopeless.send(name.clone()).ok();
                }
            }
            Err(error) => super::say(&format!("{name} cannot be started: {error:#}")),
        }
        pause = if started.elapsed() >= STABLE {
            FIRST_PAUSE
        } else {
            pause
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => {}
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn run_once(specification: &Specification, shared: &Shared, stop: &CancellationToken) -> Result<End> {
    let name = &specification.name;
    let mut child = spawn(specification, &shared.layout)?;
    let pid = child.id().context("the process has no id")?;
    shared.records.add(name, pid, specification.stage);

    let watched = shared.prober.watch(&specification.probe, |ready| {
        shared.board.set(name, ready.then_some(pid))
    });
    let end = tokio::select! {
        status = child.wait() => End::Exited(status.context("waiting for the process")?),
        () = stop.cancelled() => End::Stopped,
        never = watched => match never {},
    };
    shared.board.set(name, None);
    if matches!(end, End::Stopped) {
        end_child(&mut child, pid, specification).await?;
    }
    // Children of its own, such as tool servers, end with it.
    process::kill_group(pid);
    shared.records.remove(name);
    Ok(end)
}

/// In a process group of its own: the terminal's Ctrl-C reaches the supervisor alone.
fn spawn(specification: &Specification, layout: &Layout) -> Result<Child> {
    let (program, arguments) = specification.argv.split_first().context("an empty command line")?;
    let log = open_log(&layout.log(&specification.name))?;
    Command::new(program)
        .args(arguments)
        .envs(specification.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(&specification.directory)
        .stdin(Stdio::null())
        .stdout(log.try_clone().context("sharing the log")?)
        .stderr(log)
        .process_group(0)
        .spawn()
        .with_context(|| format!("running {}", program.display()))
}

fn open_log(path: &Path) -> Result<File> {
    if fs::metadata(path).is_ok_and(|meta| meta.len() > LOG_LIMIT) {
        fs::rename(path, path.with_extension("log.1")).with_context(|| format!("putting {} aside", path.display()))?;
    }
    File::options()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("opening {}", path.display()))
}

async fn end_child(child: &mut Child, pid: u32, specification: &Specification) -> Result<()> {
    process::send(pid, specification.stage.stop_signal());
    if let Ok(ended) = tokio::time::timeout(specification.grace, child.wait()).await {
        ended.context("waiting for the process")?;
        return Ok(());
    }
    super::say(&format!(
        "{} did not stop within {:?}: killing it",
        specification.name, specification.grace
    ));
    child.kill().await.context("killing the process")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::endpoints::Endpoints;

    /// A supervisor's surroundings in a directory of its own.
    fn surroundings(name: &str) -> (Arc<Shared>, mpsc::UnboundedReceiver<String>) {
        let state = std::env::temp_dir().join(format!("supervise-{name}-{}", std::process::id()));
        let layout = Layout::at(&state);
        layout.create().unwrap();
        let endpoints = Endpoints {
            rest_url: String::new(),
            grpc_url: String::new(),
            nats_url: String::new(),
            database_url: String::new(),
        };
        let (hopeless, receiver) = mpsc::unbounded_channel();
        let shared = Shared {
            board: Board::new(&layout, endpoints, vec![(name.to_owned(), None)]).unwrap(),
            records: Records::new(&layout),
            prober: Prober::new().unwrap(),
            layout,
            hopeless,
        };
        (Arc::new(shared), receiver)
    }

    fn specification(name: &str, script: &str) -> Specification {
        Specification {
            name: name.to_owned(),
            stage: Stage::Workers,
            argv: ["sh", "-c", script].map(Into::into).to_vec(),
            environment: Vec::new(),
            directory: PathBuf::from("/"),
            probe: Probe::Http("http://127.0.0.1:1/readyz".to_owned()),
            grace: Duration::from_millis(300),
        }
    }

    async fn pid_other_than(shared: &Shared, name: &str, other: Option<u32>) -> u32 {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let pid = shared.records.pid(name);
            if let Some(pid) = pid.filter(|pid| Some(*pid) != other) {
                return pid;
            }
            assert!(Instant::now() < deadline, "{name} was not started");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn a_killed_process_is_started_again_and_a_stopped_one_is_gone() {
        let (shared, _hopeless) = surroundings("killed");
        let stop = CancellationToken::new();
        // Deaf to the polite signal, so that the stop has to kill it.
        let deaf = specification("killed", "trap '' TERM; while :; do sleep 1; done");
        let task = tokio::spawn(supervise(deaf, Arc::clone(&shared), stop.clone()));
        let first = pid_other_than(&shared, "killed", None).await;
        process::send(first, nix::sys::signal::Signal::SIGKILL);
        let second = pid_other_than(&shared, "killed", Some(first)).await;
        stop.cancel();
        task.await.unwrap();
        assert_eq!(process::birth(second), None);
        assert_eq!(shared.records.pid("killed"), None);
        fs::remove_dir_all(shared.layout.state()).unwrap();
    }

    #[tokio::test]
    async fn a_refused_configuration_is_told_at_once() {
        let (shared, mut hopeless) = surroundings("refused");
        let stop = CancellationToken::new();
        let task = tokio::spawn(supervise(
            specification("refused", "exit 64"),
            Arc::clone(&shared),
            stop.clone(),
        ));
        assert_eq!(hopeless.recv().await.as_deref(), Some("refused"));
        stop.cancel();
        task.await.unwrap();
        fs::remove_dir_all(shared.layout.state()).unwrap();
    }
}
