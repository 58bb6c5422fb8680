//! The programs a development installation is made of.

use crate::layout::Layout;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Oldest nats-server with the JetStream features in use.
pub const NATS_MINIMUM: (u32, u32) = (2, 12);
/// Oldest Postgres in use.
pub const POSTGRES_MINIMUM: u32 = 15;

/// The six services, in the order they are listed.
pub const SERVICES: [&str; 6] = ["gateway", "coordinator", "planner", "executor", "assessor", "learner"];

/// A server program and the version it says it has.
#[derive(Clone, Debug)]
pub struct Server {
    pub program: PathBuf,
    pub version: String,
}

/// nats-server: `ORCHESTRATOR_NATS_SERVER`, the fetched one, or one in PATH.
///
/// # Errors
/// When none is new enough, with what was found.
pub fn nats_server(layout: &Layout) -> Result<Server> {
    let mut candidates: Vec<PathBuf> = std::env::var_os("ORCHESTRATOR_NATS_SERVER")
        .map(PathBuf::from)
        .into_iter()
        .collect();
    candidates.push(layout.programs().join("nats-server"));
    candidates.push(layout.root().join(".orchestrator/bin/nats-server"));
    candidates.extend(in_path("nats-server"));
    let mut too_old = Vec::new();
    for program in candidates {
        let Some(version) = version_of(&program) else { continue };
        if numbers(&version) >= NATS_MINIMUM {
            return Ok(Server { program, version });
        }
        too_old.push(format!("{} is {version}", program.display()));
    }
    let (major, minor) = NATS_MINIMUM;
    bail!(
        "nats-server {major}.{minor} or newer not found{}; run scripts/ensure-deps.sh",
        listed(&too_old)
    )
}

/// The directory with Postgres' programs: the newest, or the one of `major` where a cluster exists.
///
/// # Errors
/// When none fits, with what was found.
pub fn postgres(major: Option<u32>) -> Result<(PathBuf, Server)> {
    let mut directories: Vec<PathBuf> = std::env::var_os("ORCHESTRATOR_POSTGRES_BIN")
        .map(PathBuf::from)
        .into_iter()
        .collect();
    directories.extend(installed_postgres());
    directories.extend(
        in_path("initdb")
            .into_iter()
            .filter_map(|program| program.parent().map(Path::to_path_buf)),
    );
    let mut best: Option<(u32, PathBuf, Server)> = None;
    let mut unfit = Vec::new();
    for directory in directories {
        let program = directory.join("postgres");
        let Some(version) = version_of(&program).filter(|_| directory.join("initdb").exists()) else {
            continue;
        };
        let (found, _) = numbers(&version);
        if found < POSTGRES_MINIMUM || major.is_some_and(|major| major != found) {
            unfit.push(format!("{} is {version}", directory.display()));
        } else if best.as_ref().is_none_or(|(best, ..)| *best < found) {
            best = Some((found, directory, Server { program, version }));
        }
    }
    match (best, major) {
        (Some((_, directory, server)), _) => Ok((directory, server)),
        (None, Some(major)) => bail!(
            "the existing cluster needs Postgres {major}{}; install it, or delete the cluster with `make reset`",
            listed(&unfit)
        ),
        (None, None) => bail!(
            "Postgres {POSTGRES_MINIMUM} or newer not found{}; run scripts/ensure-deps.sh",
            listed(&unfit)
        ),
    }
}

/// The services' programs, beside our own.
///
/// # Errors
/// When one is not built.
pub fn services() -> Result<PathBuf> {
    let own = std::env::current_exe().context("finding our own program")?;
    let directory = own.parent().context("our own program has no directory")?.to_path_buf();
    let missing: Vec<&str> = SERVICES
        .into_iter()
        .filter(|name| !directory.join(name).is_file())
        .collect();
    if !missing.is_empty() {
        bail!(
            "not built in {}: {}; run cargo build --workspace --bins",
            directory.display(),
            missing.join(", ")
        );
    }
    Ok(directory)
}

fn installed_postgres() -> Vec<PathBuf> {
    let roots = ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"];
    let entries = roots
        .into_iter()
        .filter_map(|root| std::fs::read_dir(root).ok())
        .flatten()
        .flatten();
    entries
        .map(|entry| entry.path().join("bin"))
        .filter(|bin| bin.join("postgres").is_file())
        .collect()
}

fn in_path(name: &str) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|directory| directory.join(name));
    // Through links, so that a program in PATH leads to the directory of its siblings.
    found
        .filter(|program| program.is_file())
        .filter_map(|program| program.canonicalize().ok())
        .collect()
}

/// The first thing that looks like a version in what `--version` prints.
fn version_of(program: &Path) -> Option<String> {
    if !program.is_file() {
        return None;
    }
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let word = |word: &str| word.trim_start_matches('v').to_owned();
    text.split_whitespace()
        .map(word)
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))
}

/// Major and minor of a dotted version; what is missing counts as 0.
fn numbers(version: &str) -> (u32, u32) {
    let mut parts = version
        .split(|c: char| !c.is_ascii_digit())
        .map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

fn listed(found: &[String]) -> String {
    if found.is_empty() {
        String::new()
    } else {
        format!(" ({})", found.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert!(numbers("2.9.10") < NATS_MINIMUM);
        assert!(numbers("2.15.1") > NATS_MINIMUM);
        assert_eq!(numbers("15.18"), (15, 18));
        assert_eq!(numbers("17beta1").0, 17);
    }
}
