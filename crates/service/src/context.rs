use crate::config::Config;
use crate::metrics::Registry;
use crate::ready::ReadyFlag;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What a service is given to run with.
#[derive(Clone, Debug)]
pub struct Context {
    /// gateway, coordinator, planner …
    pub binary: &'static str,
    /// Name of this process: `service.instance`, or binary, host and pid.
    pub instance: String,
    /// The configuration, checked.
    pub config: Arc<Config>,
    /// Cancelled once, when the process is to end; what runs then has `service.drain_seconds` left.
    pub shutdown: CancellationToken,
    /// Set a check for everything the service needs: its own server, NATS, the database.
    pub ready: ReadyFlag,
    /// Shown by `/metrics`.
    pub metrics: Registry,
}

impl Context {
    /// A context without process: for `run` and for tests.
    pub fn new(binary: &'static str, config: Config) -> Self {
        let instance = config
            .service
            .instance
            .clone()
            .unwrap_or_else(|| default_instance(binary));
        Self {
            binary,
            instance,
            config: Arc::new(config),
            shutdown: CancellationToken::new(),
            ready: ReadyFlag::default(),
            metrics: Registry::default(),
        }
    }
}

fn default_instance(binary: &str) -> String {
    let kernel = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let host = std::env::var("HOSTNAME").ok().or_else(kernel).unwrap_or_default();
    let host = host.trim();
    let host = if host.is_empty() { "localhost" } else { host };
    format!("{binary}-{host}-{}", std::process::id())
}
