use super::checks::Checks;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// What every binary does the same way.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServiceConfig {
    /// Name of this process in logs, beats and traces. Absent: `<binary>-<host>-<pid>`.
    pub instance: Option<String>,
    /// Development mode: no login, loopback only, `deploy/local.toml` is read, secrets may stand in files as plain text.
    pub development: bool,
    /// Threads of the runtime; 1 is a runtime on the main thread alone.
    #[schemars(range(min = 1, max = 256))]
    pub runtime_threads: usize,
    /// Seconds a process may go on after SIGTERM or SIGINT before it is ended.
    #[schemars(range(min = 0.0, max = 3600.0))]
    pub drain_seconds: f64,
    /// Where the process keeps files; relative channel paths start here.
    pub state_dir: PathBuf,
    /// Address the health server listens on.
    #[schemars(with = "String", extend("format" = "ip-address"))]
    pub health_host: IpAddr,
    /// Port of `/livez`, `/readyz` and `/metrics`. 0: the binary's own, gateway 9111, coordinator 9112, planner 9113,
    /// executor 9114, assessor 9115, learner 9116.
    pub health_port: u16,
}

impl Default for ServiceConfig {
    fn default() -> Self {
        Self {
            instance: None,
            development: false,
            runtime_threads: 1,
            drain_seconds: 30.0,
            state_dir: PathBuf::from(".orchestrator"),
            health_host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            health_port: 0,
        }
    }
}

impl ServiceConfig {
    /// Where the health server of `binary` listens.
    pub fn health_addr(&self, binary: &str) -> SocketAddr {
        let port = match (self.health_port, binary) {
            (0, "gateway") => 9111,
            (0, "coordinator") => 9112,
            (0, "planner") => 9113,
            (0, "executor") => 9114,
            (0, "assessor") => 9115,
            (0, "learner") => 9116,
            (port, _) => port,
        };
        SocketAddr::new(self.health_host, port)
    }

    pub(super) fn check(&self, checks: &mut Checks) {
        if self
            .instance
            .as_ref()
            .is_some_and(|name| name.is_empty() || name.len() > 128)
        {
            checks.add(
                "service.instance",
                "a name has 1 to 128 bytes",
                "shorten it or leave it out",
            );
        }
    }
}
