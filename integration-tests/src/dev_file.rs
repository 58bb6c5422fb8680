//! `dev.json`: what runs, where it listens and under which process ids.

use anyhow::{Context as _, Result};
use serde::Deserialize;
use std::path::Path;

/// The document the supervisor keeps up to date.
#[derive(Clone, Debug, Deserialize)]
pub struct DevFile {
    /// Base of REST, without path.
    pub rest_url: String,
    /// The gateway's gRPC.
    pub grpc_url: String,
    /// With a credential that may read.
    pub nats_url: String,
    /// With a credential that may read.
    pub database_url: String,
    /// Every process, NATS and Postgres included.
    pub services: Vec<Service>,
}

/// One process.
#[derive(Clone, Debug, Deserialize)]
pub struct Service {
    /// `gateway-1` … `nats`, `postgres`.
    pub name: String,
    /// There only while the process is ready.
    #[serde(default)]
    pub pid: Option<u32>,
    /// Its health server.
    #[serde(default)]
    pub health_url: Option<String>,
}

impl Service {
    /// The kind of service: the name without its number.
    pub fn kind(&self) -> &str {
        match self.name.rsplit_once('-') {
            Some((kind, number)) if number.chars().all(|c| c.is_ascii_digit()) => kind,
            _ => &self.name,
        }
    }
}

impl DevFile {
    /// Reads the file. It is replaced by rename, so what is read is always whole.
    ///
    /// # Errors
    /// Not there yet, or not the document of the contract.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is not as promised: {text}", path.display()))
    }

    /// The process of that name, when it is ready.
    pub fn pid(&self, name: &str) -> Option<u32> {
        self.services
            .iter()
            .find(|service| service.name == name)
            .and_then(|service| service.pid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_the_name_without_its_number() {
        let kind = |name: &str| {
            Service {
                name: name.into(),
                pid: None,
                health_url: None,
            }
            .kind()
            .to_owned()
        };
        assert_eq!(kind("executor-4"), "executor");
        assert_eq!(kind("nats"), "nats");
    }
}
