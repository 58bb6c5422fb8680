//! Choice of ports.

use super::random;
use anyhow::{Result, bail};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};

/// Below the range systems give to outgoing connections, so that a server that is down for a moment
/// finds its port free.
const RANDOM_FROM: u16 = 15_000;
const RANDOM_COUNT: u16 = 16_000;
const ATTEMPTS: usize = 2_000;

/// Hands out loopback ports, none twice.
#[derive(Debug)]
pub struct Ports {
    random: bool,
    given: BTreeSet<u16>,
}

impl Ports {
    /// With `random` every port is a free one, else the wanted one.
    pub fn new(random: bool) -> Self {
        Self {
            random,
            given: BTreeSet::new(),
        }
    }

    /// A port people type: the wanted one or none.
    ///
    /// # Errors
    /// When it is in use.
    pub fn public(&mut self, wanted: u16, what: &str) -> Result<u16> {
        if self.random {
            return self.any();
        }
        if !self.take(wanted) {
            bail!("port {wanted} ({what}) is in use; free it, or pick free ports with ORCHESTRATOR_RANDOM_PORTS=1");
        }
        Ok(wanted)
    }

    /// A port only our own processes use: the wanted one, or a free one when that is in use.
    ///
    /// # Errors
    /// When no port is free.
    pub fn internal(&mut self, wanted: u16) -> Result<u16> {
        if !self.random && self.take(wanted) {
            return Ok(wanted);
        }
        self.any()
    }

    fn any(&mut self) -> Result<u16> {
        for _ in 0..ATTEMPTS {
            let offset = u16::from_le_bytes(random::bytes()?) % RANDOM_COUNT;
            let port = RANDOM_FROM + offset;
            if self.take(port) {
                return Ok(port);
            }
        }
        bail!(
            "no free loopback port found in {RANDOM_FROM}-{}",
            RANDOM_FROM + RANDOM_COUNT
        )
    }

    fn take(&mut self, port: u16) -> bool {
        !self.given.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() && self.given.insert(port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_internal_port_in_use_is_replaced_and_a_public_one_refused() {
        let busy = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = busy.local_addr().unwrap().port();
        let mut ports = Ports::new(false);
        assert_ne!(ports.internal(port).unwrap(), port);
        assert!(
            ports
                .public(port, "REST")
                .unwrap_err()
                .to_string()
                .contains("ORCHESTRATOR_RANDOM_PORTS=1")
        );
    }

    #[test]
    fn no_port_is_given_twice() {
        let mut ports = Ports::new(true);
        let given: BTreeSet<u16> = (0..50).map(|_| ports.internal(4222).unwrap()).collect();
        assert_eq!(given.len(), 50);
    }
}
