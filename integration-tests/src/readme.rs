//! The README's code blocks, and a shell that runs them as they would be pasted.

use crate::system::{System, binary, workspace};
use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// Begins the line that tells whose output follows.
const MARK: &str = "@@ README line ";

/// A fenced block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// Line of its fence, from 1.
    pub line: usize,
    /// What stands behind the fence.
    pub language: String,
    /// Its lines, without the indentation of its fence.
    pub text: String,
}

impl Block {
    /// Its commands' first words and what follows them, comments and continued lines apart.
    pub fn commands(&self) -> impl Iterator<Item = &str> {
        self.text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with(['#', ' ', '}']))
    }

    /// Whether one of its commands is this program.
    pub fn uses(&self, program: &str) -> bool {
        self.commands()
            .any(|line| line.split_whitespace().next() == Some(program))
    }
}

/// Every fenced block of a Markdown document.
///
/// # Errors
/// A fence that is never closed.
pub fn blocks(markdown: &str) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut open: Option<(Block, usize)> = None;
    for (number, line) in (1..).zip(markdown.lines()) {
        let bare = line.trim_start();
        match (&mut open, bare.strip_prefix("```")) {
            (None, Some(language)) => {
                let block = Block {
                    line: number,
                    language: language.trim().to_owned(),
                    text: String::new(),
                };
                open = Some((block, line.len() - bare.len()));
            }
            (Some(_), Some(_)) => blocks.extend(open.take().map(|(block, _)| block)),
            (Some((block, indent)), None) => {
                block.text.push_str(line.get(*indent..).unwrap_or_default());
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    match open {
        Some((block, _)) => bail!("the block of line {} is never closed", block.line),
        None => Ok(blocks),
    }
}

/// A directory that looks like a checkout in which `make up` has just run: what was built, the
/// configuration, and the state of a running system.
#[derive(Debug)]
pub struct Checkout {
    root: PathBuf,
    rewrites: [(&'static str, String); 2],
}

impl Checkout {
    /// Makes it beside the system's state.
    ///
    /// # Errors
    /// It cannot be made, or the programs were not built.
    pub fn of(system: &System) -> Result<Self> {
        let root = system.state().join("checkout");
        fs::create_dir_all(root.join("target"))?;
        let programs = binary("orchestrator")?;
        let programs = programs.parent().context("programs have a folder")?;
        symlink(programs, root.join("target/debug"))?;
        symlink(workspace().join("deploy").canonicalize()?, root.join("deploy"))?;
        symlink(system.state(), root.join(".orchestrator"))?;
        let dev = system.dev()?;
        let address = |url: &str| url.trim_start_matches("http://").to_owned();
        Ok(Self {
            root,
            // The README's are the usual ports, which only one system at a time can have.
            rewrites: [
                ("127.0.0.1:8080", address(&dev.rest_url)),
                ("127.0.0.1:9090", address(&dev.grpc_url)),
            ],
        })
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Runs blocks one after the other in one shell, as somebody would paste them, and returns the
    /// output of each. Every command must succeed.
    ///
    /// # Errors
    /// A command fails, with the output up to there, or all take longer than `limit`.
    pub async fn paste(&self, blocks: &[&Block], limit: Duration) -> Result<Vec<String>> {
        let mut script = String::from("exec 2>&1\n");
        for block in blocks {
            script.push_str(&format!(
                "echo '{MARK}{}'\n{}\n",
                block.line,
                self.rewritten(&block.text)
            ));
        }
        let child = Command::new("bash")
            .args(["--noprofile", "--norc", "-eu", "-o", "pipefail", "-c", &script])
            .current_dir(&self.root)
            .env_remove("ORCHESTRATOR_STATE_DIR")
            .env_remove("ORCHESTRATOR_CONFIG")
            .env_remove("ORCHESTRATOR_URL")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .context("starting bash")?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        let Ok(output) = tokio::time::timeout(limit, child.wait_with_output()).await else {
            if let Some(group) = group {
                killpg(group, Signal::SIGKILL)?;
            }
            bail!("the blocks took longer than {} s", limit.as_secs());
        };
        let output = output?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(
            output.status.success(),
            "a command ended with {}:\n{text}",
            output.status
        );
        let pieces = text.split(MARK).skip(1);
        Ok(pieces
            .map(|piece| piece.split_once('\n').map_or("", |(_, output)| output).to_owned())
            .collect())
    }

    fn rewritten(&self, text: &str) -> String {
        self.rewrites
            .iter()
            .fold(text.to_owned(), |text, (usual, here)| text.replace(usual, here))
    }
}

/// Whether a program is in PATH.
pub fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_with_their_lines_indented_or_not() {
        let text = "a\n```sh\n# no\nmake up\n\n  -x\n```\n- b\n\n  ```toml\n  [llm]\n    x = 1\n  ```\n";
        let found = blocks(text).unwrap();
        assert_eq!((found[0].line, found[0].language.as_str()), (2, "sh"));
        assert_eq!(found[0].commands().collect::<Vec<_>>(), ["make up"]);
        assert!(found[0].uses("make") && !found[0].uses("up"));
        assert_eq!((found[1].line, found[1].text.as_str()), (10, "[llm]\n  x = 1\n"));
        assert!(blocks("```sh\nmake up\n").is_err());
    }
}
