//! A server that dies with the test process.
//!
//! A shell supervises it and reads a pipe from this process: when the pipe closes, because the test
//! ended, panicked or was killed, the shell stops the server and removes its folder. This needs no
//! thread, no unsafe code and nothing that only Linux has.

use anyhow::{Context, bail};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const SUPERVISOR: &str = r#"
folder=$1; log=$2; signal=$3; shift 3
"$@" </dev/null >>"$log" 2>&1 &
server=$!
echo "$server"
while read -r word; do last=$word; done
kill -s "$signal" "$server" 2>/dev/null
wait "$server" 2>/dev/null
[ "$last" = keep ] || rm -rf "$folder"
"#;

/// A running server and the shell that watches it.
pub(crate) struct Process {
    supervisor: Child,
    pid: u32,
}

/// How a server is told to end.
#[derive(Clone, Copy)]
pub(crate) enum Signal {
    /// At once, nothing tidied.
    Kill,
    /// Postgres: immediate shutdown, which recovers at the next start.
    Quit,
}

impl Signal {
    const fn name(self) -> &'static str {
        match self {
            Self::Kill => "KILL",
            Self::Quit => "QUIT",
        }
    }
}

impl Process {
    /// Starts `command`; its folder is removed when this process ends.
    pub(crate) fn start(folder: &Path, log: &Path, end_with: Signal, command: &[String]) -> anyhow::Result<Self> {
        let mut supervisor = Command::new("sh")
            .args(["-c", SUPERVISOR, "supervisor"])
            .arg(folder)
            .arg(log)
            .arg(end_with.name())
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start a shell")?;
        let mut line = String::new();
        let output = supervisor.stdout.take().context("the supervisor has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        let pid = line.trim().parse().context("the supervisor named no process")?;
        Ok(Self { supervisor, pid })
    }

    /// Ends the server and keeps its folder, so that it can be started again.
    pub(crate) async fn end(mut self, signal: Signal) -> anyhow::Result<()> {
        let ended = tokio::task::spawn_blocking(move || {
            let sent = Command::new("kill")
                .args(["-s", signal.name(), &self.pid.to_string()])
                .status()?;
            let mut pipe = self.supervisor.stdin.take().context("the supervisor has no input")?;
            pipe.write_all(b"keep\n")?;
            drop(pipe);
            self.supervisor.wait()?;
            if !sent.success() {
                bail!("process {} was not running", self.pid);
            }
            Ok(())
        });
        ended.await?
    }
}

/// A folder of its own below the temporary one.
pub(crate) fn new_folder(what: &str) -> anyhow::Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("orchestrator-test-{what}-{}", crate::random::suffix()));
    std::fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// The end of a log, for an error message.
pub(crate) fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines.split_at(lines.len().saturating_sub(15)).1.join("\n")
}
