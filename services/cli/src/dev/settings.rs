//! What the environment and the configuration say about a development installation.

use anyhow::{Context, Result, bail};
use std::net::SocketAddr;
use std::time::Duration;

/// Most replicas of one service; more is a mistyped number.
const MOST_REPLICAS: usize = 64;
/// On top of the services' own deadline for draining.
const DRAIN_MARGIN: Duration = Duration::from_secs(5);

/// Read once, before anything is started.
#[derive(Clone, Debug)]
pub struct Settings {
    pub random_ports: bool,
    pub executors: usize,
    pub coordinators: usize,
    pub rest: SocketAddr,
    pub grpc: SocketAddr,
    /// From SIGTERM to SIGKILL.
    pub grace: Duration,
    /// `host:port` services use in place of Postgres' own; for fault tests.
    pub database_proxy: Option<String>,
    /// `host:port` services use in place of nats-server's own; for fault tests.
    pub nats_proxy: Option<String>,
}

impl Settings {
    /// Reads `ORCHESTRATOR_*` and the services' configuration.
    ///
    /// # Errors
    /// When a number is none, or the configuration cannot work.
    pub fn read(layout: &crate::layout::Layout) -> Result<Self> {
        let config = super::configuration::load(layout)?;
        super::configuration::check_keys(&config)?;
        Ok(Self {
            random_ports: flag("ORCHESTRATOR_RANDOM_PORTS"),
            executors: replicas("ORCHESTRATOR_EXECUTORS")?,
            coordinators: replicas("ORCHESTRATOR_COORDINATORS")?,
            rest: config.gateway.rest_addr,
            grpc: config.gateway.grpc_addr,
            grace: Duration::from_secs_f64(config.service.drain_seconds) + DRAIN_MARGIN,
            database_proxy: text("ORCHESTRATOR_DATABASE_PROXY"),
            nats_proxy: text("ORCHESTRATOR_NATS_PROXY"),
        })
    }
}

/// True for a variable that is set to anything but nothing, 0 or false.
pub fn flag(name: &str) -> bool {
    text(name).is_some_and(|value| !matches!(value.as_str(), "0" | "false" | "no"))
}

fn text(name: &str) -> Option<String> {
    std::env::var(name)
        .ok()
        .map(|value| value.trim().to_owned())
        .filter(|value| !value.is_empty())
}

fn replicas(name: &str) -> Result<usize> {
    let Some(value) = text(name) else { return Ok(1) };
    let number: usize = value
        .parse()
        .with_context(|| format!("{name}={value} is not a number"))?;
    if !(1..=MOST_REPLICAS).contains(&number) {
        bail!("{name}={value}: from 1 to {MOST_REPLICAS} replicas");
    }
    Ok(number)
}
