//! Addresses of everything, and the configuration that follows from them.

use super::credentials::Credentials;
use super::ports::Ports;
use super::{broker, database};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// What others connect to; part of `dev.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Endpoints {
    pub rest_url: String,
    pub grpc_url: String,
    /// With a credential that may read.
    pub nats_url: String,
    /// With a credential that may read.
    pub database_url: String,
}

/// Every port of an installation.
#[derive(Clone, Debug)]
pub struct Addresses {
    pub rest: u16,
    pub grpc: u16,
    pub nats: u16,
    pub nats_monitoring: u16,
    pub postgres: u16,
    pub coordinators: Vec<u16>,
    pub learner: u16,
    /// One a replica, in the order of the fleet.
    pub health: Vec<u16>,
}

/// Where the servers listen unless told otherwise.
const NATS: u16 = 4222;
const NATS_MONITORING: u16 = 8222;
const POSTGRES: u16 = 5432;
const COORDINATOR: u16 = 9101;
const LEARNER: u16 = 9102;
const HEALTH: u16 = 9111;

impl Addresses {
    /// Chooses them; REST and gRPC at the configured addresses unless ports are random.
    ///
    /// # Errors
    /// When a port people type is in use, or none is free.
    pub fn choose(
        random: bool,
        rest: SocketAddr,
        grpc: SocketAddr,
        coordinators: usize,
        replicas: usize,
    ) -> Result<Self> {
        let mut ports = Ports::new(random);
        let rest = ports.public(rest.port(), "REST")?;
        let grpc = ports.public(grpc.port(), "gRPC")?;
        // One after the other, so that a second coordinator does not take the learner's usual port.
        let first_coordinator = ports.internal(COORDINATOR)?;
        let learner = ports.internal(LEARNER)?;
        let mut all = vec![first_coordinator];
        for _ in 1..coordinators {
            all.push(ports.internal(LEARNER + 1)?);
        }
        let mut health = Vec::new();
        for (wanted, _) in (HEALTH..).zip(0..replicas) {
            health.push(ports.internal(wanted)?);
        }
        Ok(Self {
            rest,
            grpc,
            nats: ports.internal(NATS)?,
            nats_monitoring: ports.internal(NATS_MONITORING)?,
            postgres: ports.internal(POSTGRES)?,
            coordinators: all,
            learner,
            health,
        })
    }

    /// What others are told.
    pub fn endpoints(&self, credentials: &Credentials) -> Endpoints {
        Endpoints {
            rest_url: format!("http://127.0.0.1:{}", self.rest),
            grpc_url: format!("http://127.0.0.1:{}", self.grpc),
            nats_url: format!(
                "nats://{}:{}@127.0.0.1:{}",
                broker::READER,
                credentials.nats_reader,
                self.nats
            ),
            database_url: format!(
                "postgres://{}:{}@127.0.0.1:{}/{}",
                database::READER,
                credentials.postgres_reader,
                self.postgres,
                database::SERVICE
            ),
        }
    }
}
