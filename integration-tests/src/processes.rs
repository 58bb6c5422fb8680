//! What Linux tells about processes: children, CPU time, memory, and who owns a socket.

use anyhow::{Context as _, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// CPU ticks a second; fixed at 100 by the kernel's user interface.
const TICKS_PER_SECOND: f64 = 100.0;

/// One line of `/proc/<pid>/stat`, as far as it matters here.
#[derive(Clone, Debug)]
struct Stat {
    name: String,
    parent: u32,
    /// user + system, own and of children already waited for.
    ticks: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold spaces and brackets; the last bracket closes it.
    let (head, tail) = line.rsplit_once(") ")?;
    let name = head.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = tail.split(' ').collect();
    let number = |index: usize| fields.get(index).and_then(|text| text.parse::<u64>().ok());
    Some(Stat {
        name,
        parent: u32::try_from(number(1)?).ok()?,
        ticks: number(11)? + number(12)? + number(13)? + number(14)?,
    })
}

fn all_pids() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// The process and everything below it that is alive, the process first.
pub fn tree(root: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for pid in all_pids() {
        if let Some(stat) = stat(pid) {
            children.entry(stat.parent).or_default().push(pid);
        }
    }
    let mut found = vec![root];
    let mut next = 0;
    while let Some(pid) = found.get(next).copied() {
        found.extend(children.get(&pid).into_iter().flatten());
        next += 1;
    }
    found
}

/// The process name, at most 15 bytes of it.
pub fn name(pid: u32) -> Option<String> {
    stat(pid).map(|stat| stat.name)
}

/// Whether the process exists and is more than an exit status nobody fetched.
pub fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|line| line.rsplit_once(") ").map(|(_, tail)| !tail.starts_with(['Z', 'X'])))
        .unwrap_or(false)
}

/// The command line, one argument an item.
pub fn command_line(pid: u32) -> Vec<String> {
    fs::read(format!("/proc/{pid}/cmdline"))
        .map(|bytes| {
            bytes
                .split(|b| *b == 0)
                .map(|a| String::from_utf8_lossy(a).into_owned())
                .collect()
        })
        .unwrap_or_default()
}

/// What a process and its children have used and hold.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// User and system time since the start, seconds.
    pub cpu_seconds: f64,
    /// Resident memory with shared pages split among their users, MiB.
    pub proportional_mb: f64,
    /// Resident memory of the largest single process, MiB.
    pub resident_mb: f64,
}

/// CPU seconds of a process tree, ended children included.
pub fn cpu_seconds(root: u32) -> f64 {
    let ticks: u64 = tree(root).into_iter().filter_map(stat).map(|stat| stat.ticks).sum();
    #[expect(clippy::cast_precision_loss, reason = "ticks of a test run are far below 2^52")]
    let ticks = ticks as f64;
    ticks / TICKS_PER_SECOND
}

/// CPU and memory of a process tree.
pub fn usage(root: u32) -> Usage {
    let pids = tree(root);
    let proportional = pids.iter().map(|pid| proportional_kb(*pid)).sum::<f64>() / 1024.0;
    let resident = pids
        .iter()
        .filter_map(|pid| status_kb(*pid, "VmRSS:"))
        .fold(0.0, f64::max)
        / 1024.0;
    Usage {
        cpu_seconds: cpu_seconds(root),
        proportional_mb: proportional,
        resident_mb: resident,
    }
}

/// PSS; where another user's process may not be looked into that closely, its own pages alone.
fn proportional_kb(pid: u32) -> f64 {
    field_kb(&format!("/proc/{pid}/smaps_rollup"), "Pss:")
        .or_else(|| status_kb(pid, "RssAnon:"))
        .unwrap_or(0.0)
}

fn status_kb(pid: u32, field: &str) -> Option<f64> {
    field_kb(&format!("/proc/{pid}/status"), field)
}

fn field_kb(path: &str, field: &str) -> Option<f64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(field))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// The process that owns the side of `port` of an established IPv4 loopback connection to `remote`.
///
/// Both ports name the connection: others may use the same port towards somebody else.
///
/// # Errors
/// The connection or its owner cannot be found.
pub fn owner_of_connection(port: u16, remote: u16) -> Result<u32> {
    let table = fs::read_to_string("/proc/net/tcp").context("reading the TCP table")?;
    let (near, far) = (format!(":{port:04X}"), format!(":{remote:04X}"));
    let ends_with = |fields: &[&str], at: usize, suffix: &str| fields.get(at).is_some_and(|f| f.ends_with(suffix));
    let inode = table
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .find(|fields| ends_with(fields, 1, &near) && ends_with(fields, 2, &far) && fields.get(3) == Some(&"01"))
        .and_then(|fields| fields.get(9).map(|inode| format!("socket:[{inode}]")))
        .with_context(|| format!("no established connection from port {port} to {remote}"))?;
    all_pids()
        .into_iter()
        .find(|pid| open_files(*pid).contains(&inode))
        .with_context(|| format!("nobody owns port {port}"))
}

fn open_files(pid: u32) -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return BTreeSet::new();
    };
    entries
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .map(|target| target.to_string_lossy().into_owned())
        .collect()
}

/// A variable of a process's environment.
///
/// # Errors
/// The process is gone, or has none of that name.
pub fn environment(pid: u32, name: &str) -> Result<String> {
    let bytes = std::fs::read(format!("/proc/{pid}/environ"))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let mut variables = text.split('\0').filter_map(|variable| variable.split_once('='));
    let value = variables
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value.to_owned());
    value.with_context(|| format!("process {pid} has no {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_sees_itself() {
        let own = std::process::id();
        assert!(is_alive(own));
        assert_eq!(tree(own).first(), Some(&own));
        assert!(usage(own).proportional_mb > 0.0);
    }

    #[test]
    fn a_connection_leads_to_its_owner() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let remote = listener.local_addr().unwrap();
        let stream = std::net::TcpStream::connect(remote).unwrap();
        let port = stream.local_addr().unwrap().port();
        assert_eq!(owner_of_connection(port, remote.port()).unwrap(), std::process::id());
        assert!(owner_of_connection(port, remote.port() ^ 1).is_err());
    }
}
