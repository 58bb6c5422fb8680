//! Programs, disk, ports, and directories that must be writable.

use super::finding::Finding;
use crate::dev::programs;
use crate::layout::Layout;
use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};
use service::config::{ChannelKind, Config};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

const GB: u64 = 1 << 30;
/// Postgres and JetStream stop where the disk is full.
const NEEDED: u64 = GB;
/// A busy day's worth.
const COMFORTABLE: u64 = 5 * GB;

pub fn programs(layout: &Layout) -> Vec<Finding> {
    let of = |name: &str, found: anyhow::Result<String>, fix: &str| match found {
        Ok(detail) => Finding::ok(name, detail),
        Err(error) => Finding::fail(name, format!("{error:#}"), fix),
    };
    let nats = programs::nats_server(layout).map(|server| format!("{}  {}", server.version, server.program.display()));
    let postgres =
        programs::postgres(None).map(|(_, server)| format!("{}  {}", server.version, server.program.display()));
    let services = programs::services().map(|directory| directory.display().to_string());
    vec![
        of("nats-server", nats, "make deps"),
        of("postgres", postgres, "make deps"),
        of("services built", services, "make up"),
    ]
}

/// Room where the state is.
#[cfg_attr(
    target_os = "linux",
    expect(clippy::unnecessary_cast, reason = "other systems count in 32 bits")
)]
pub fn disk(layout: &Layout) -> Finding {
    const NAME: &str = "disk";
    let place = existing(layout.state());
    let room = match statvfs(place) {
        Ok(volume) => volume.blocks_available() as u64 * volume.fragment_size() as u64,
        Err(error) => {
            return Finding::warn(
                NAME,
                format!("{}: {error}", place.display()),
                "look at it yourself: df -h",
            );
        }
    };
    let detail = format!("{:.1} GB free at {}", room as f64 / GB as f64, place.display());
    let fix = "free some, delete the state with `make reset`, or put it elsewhere with ORCHESTRATOR_STATE_DIR";
    match room {
        0..NEEDED => Finding::fail(NAME, detail, fix),
        NEEDED..COMFORTABLE => Finding::warn(NAME, detail, fix),
        _ => Finding::ok(NAME, detail),
    }
}

/// The two ports people type, while nothing of ours holds them.
pub fn ports(config: &Config) -> Vec<Finding> {
    [
        ("REST port", config.gateway.rest_addr),
        ("gRPC port", config.gateway.grpc_addr),
    ]
    .map(|(name, address)| port(name, address))
    .to_vec()
}

fn port(name: &str, address: SocketAddr) -> Finding {
    match TcpListener::bind(address) {
        Ok(_) => Finding::ok(name, format!("{address} is free")),
        Err(error) => Finding::fail(
            name,
            format!("{address}: {error}"),
            "end the process that holds it, or start with ORCHESTRATOR_RANDOM_PORTS=1 make up",
        ),
    }
}

/// The state itself, and each folder that results are published to.
pub fn directories(layout: &Layout, config: &Config) -> Vec<Finding> {
    let mut findings = vec![writable("state", layout.state())];
    for channel in config
        .channels
        .iter()
        .filter(|channel| channel.kind == ChannelKind::Directory)
    {
        let path = layout.state().join(channel.directory());
        findings.push(writable(&format!("channel {}", channel.name), &path));
    }
    findings
}

fn writable(name: &str, path: &Path) -> Finding {
    let place = existing(path);
    let fix = || format!("let your user write there: chmod u+w {}", place.display());
    if !place.is_dir() {
        return Finding::fail(
            name,
            format!("{} is no directory", place.display()),
            "move it away, or configure another path",
        );
    }
    match access(place, AccessFlags::W_OK | AccessFlags::X_OK) {
        Ok(()) => Finding::ok(name, path.display().to_string()),
        Err(error) => Finding::fail(name, format!("{} is not writable: {error}", place.display()), fix()),
    }
}

/// The path, or the nearest directory above it that is there.
fn existing(path: &Path) -> &Path {
    path.ancestors().find(|place| place.exists()).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn a_port_somebody_holds_is_told_before_the_start_fails() {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = holder.local_addr().unwrap();
        assert_eq!(port("REST port", address).verdict, Verdict::Fail);
        drop(holder);
        assert_eq!(port("REST port", address).verdict, Verdict::Ok);
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_judged_by_the_one_it_will_be_made_in() {
        let root = std::env::temp_dir().join(format!("doctor-{}", std::process::id()));
        std::fs::create_dir_all(&root).unwrap();
        assert_eq!(writable("channel", &root.join("published/blog")).verdict, Verdict::Ok);
        std::fs::write(root.join("published"), "a file in its place").unwrap();
        assert_eq!(writable("channel", &root.join("published/blog")).verdict, Verdict::Fail);
        std::fs::remove_dir_all(&root).unwrap();
    }
}
