//! Processes that are not, or no longer, our children: told apart by id and birth.

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(50);

/// When a process was born, in a form that differs for every later owner of the same id; `None` when
/// there is no such process, or it is dead and merely not collected yet.
pub fn birth(pid: u32) -> Option<String> {
    if cfg!(target_os = "linux") {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold spaces and parentheses itself.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        if matches!(*fields.first()?, "Z" | "X") {
            return None;
        }
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        return Some(format!("{} {}", boot.trim(), fields.get(19)?));
    }
    ps(pid, "lstart=")
}

/// Name of the program a process runs.
pub fn program_name(pid: u32) -> Option<String> {
    if cfg!(target_os = "linux") {
        return std::fs::read_to_string(format!("/proc/{pid}/comm"))
            .ok()
            .map(|name| name.trim().to_owned());
    }
    ps(pid, "comm=").map(|path| path.rsplit('/').next().unwrap_or_default().to_owned())
}

fn ps(pid: u32, column: &str) -> Option<String> {
    let output = Command::new("ps")
        .args(["-o", column, "-p", &pid.to_string()])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

/// Sends a signal; a process that is gone has already done what was asked of it.
pub fn send(pid: u32, signal: Signal) {
    if let Ok(raw) = i32::try_from(pid) {
        match signal::kill(Pid::from_raw(raw), signal) {
            Ok(()) | Err(nix::errno::Errno::ESRCH) => {}
            Err(error) => super::say(&format!("signalling process {pid}: {error}")),
        }
    }
}

/// Kills what is left of a process group whose leader was our child.
pub fn kill_group(leader: u32) {
    if let Ok(raw) = i32::try_from(leader) {
        // Usually nothing is left, which is an error to the system and fine here.
        signal::killpg(Pid::from_raw(raw), Signal::SIGKILL).ok();
    }
}

/// Waits until the process born then is gone; false when it still lives after `limit`.
pub async fn gone(pid: u32, born: &str, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    while birth(pid).as_deref() == Some(born) {
        if Instant::now() >= deadline {
            return false;
        }
        tokio::time::sleep(POLL).await;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_process_has_one_birth_and_a_collected_one_none() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let born = birth(child.id()).unwrap();
        assert_eq!(birth(child.id()).unwrap(), born);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_ne!(birth(child.id()), Some(born));
    }
}
