//! A server as a process of ours: a group of its own, which ends whole when the connection does.

use crate::credentials::Redactor;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use service::config::{HeaderText, Headers, SecretError, is_credential};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;
use tokio_stream::StreamExt;
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};

/// What a server inherits. Whatever else this process was given is none of its business.
const INHERITED: [&str; 4] = ["PATH", "HOME", "LANG", "TMPDIR"];
/// Bytes of a line of its log.
const MAX_LOG_LINE: usize = 4_096;
/// Lines of its log that are kept of each connection.
const MAX_LOG_LINES: usize = 500;
/// How long a server may take to end by itself once its input is closed, and again once it was asked to.
const GRACE: Duration = Duration::from_secs(1);

/// A server that cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Of its environment.
    #[error("variable {name}")]
    Environment {
        /// The variable.
        name: String,
        /// What is wrong.
        #[source]
        source: SecretError,
    },
    /// By the system.
    #[error("the program does not start")]
    Spawn(#[source] std::io::Error),
    /// Without what was asked for.
    #[error("the program has no input or output")]
    Pipes,
}

/// A running server. Dropping it kills its group.
pub struct Process {
    child: Child,
    group: Option<Pid>,
}

/// What is said to it and by it.
pub struct Pipes {
    pub input: ChildStdin,
    pub output: ChildStdout,
}

impl Process {
    /// Starts exactly this program with exactly these arguments. What is secret of its environment is hidden from now on.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(
        server: &str,
        program: &str,
        arguments: &[String],
        env: &Headers,
        redactor: &Redactor,
    ) -> Result<(Self, Pipes), StartError> {
        let mut command = Command::new(program);
        command.args(arguments).env_clear();
        command.envs(
            INHERITED
                .iter()
                .filter_map(|name| Some((name, std::env::var_os(name)?))),
        );
        for (name, value) in env {
            command.env(name, resolved(name, value, redactor)?);
        }
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(StartError::Spawn)?;
        let group = child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw);
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let process = Self { child, group };
        let (Some(input), Some(output), Some(log)) = pipes else {
            return Err(StartError::Pipes);
        };
        tokio::spawn(keep_log(server.to_owned(), log, redactor.clone()));
        Ok((process, Pipes { input, output }))
    }

    /// Its id, which is its group's too.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits for its end, asks for it, and then ends it; its descendants with it. Its input must be closed before.
    pub async fn stop(&mut self) {
        if timeout(GRACE, self.child.wait()).await.is_err() {
            self.signal(Signal::SIGTERM);
            drop(timeout(GRACE, self.child.wait()).await);
        }
        self.signal(Signal::SIGKILL);
        self.group = None;
        // Until it is collected it would stay in the table of processes.
        drop(timeout(GRACE, self.child.wait()).await);
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // It fails where nobody is left, which is what is wanted.
            killpg(group, signal).unwrap_or_default();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

fn resolved(name: &str, value: &HeaderText, redactor: &Redactor) -> Result<String, StartError> {
    let (value, secret) = match value {
        HeaderText::Text(text) => (text.clone(), is_credential(name)),
        HeaderText::Secret(secret) => {
            let value = secret.resolve().map_err(|source| StartError::Environment {
                name: name.to_owned(),
                source,
            })?;
            (value, true)
        }
    };
    if secret {
        redactor.learn(&value);
    }
    Ok(value)
}

/// Reads to the end whatever it is, so that the server never waits for us.
async fn keep_log(server: String, log: ChildStderr, redactor: Redactor) {
    let mut lines = FramedRead::new(log, LinesCodec::new_with_max_length(MAX_LOG_LINE));
    let mut kept = 0_usize;
    while let Some(line) = lines.next().await {
        match line {
            Ok(line) if kept < MAX_LOG_LINES => tracing::info!(server, "its log: {}", redactor.text(line)),
            Ok(_) | Err(LinesCodecError::MaxLineLengthExceeded) => {}
            // Not text; the rest is not read as lines any more.
            Err(LinesCodecError::Io(_)) => break,
        }
        kept += 1;
        if kept == MAX_LOG_LINES {
            tracing::info!(server, "further lines of its log are left out");
        }
    }
    drop(tokio::io::copy(lines.get_mut(), &mut tokio::io::sink()).await);
}
