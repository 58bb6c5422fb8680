//! The six services and their replicas: what each is told about the others.

use super::account::Launcher;
use super::child::Specification;
use super::configuration;
use super::credentials::Credentials;
use super::endpoints::Addresses;
use super::probe::Probe;
use super::programs::SERVICES;
use super::settings::Settings;
use super::stage::Stage;
use super::{broker, database};
use crate::layout::Layout;
use std::ffi::OsString;
use std::path::Path;

/// One process of a service.
#[derive(Clone, Debug)]
pub struct Replica {
    service: &'static str,
    /// From 0.
    index: usize,
    /// `executor-1`.
    pub name: String,
}

/// Every replica, in the order they are listed.
pub fn replicas(settings: &Settings) -> Vec<Replica> {
    let count = |service: &str| match service {
        "coordinator" => settings.coordinators,
        "executor" => settings.executors,
        _ => 1,
    };
    let of = |service| {
        (0..count(service)).map(move |index| Replica {
            service,
            index,
            name: format!("{service}-{}", index + 1),
        })
    };
    SERVICES.into_iter().flat_map(of).collect()
}

/// What the fleet is built from.
pub struct Fleet<'a> {
    pub layout: &'a Layout,
    pub launcher: &'a Launcher,
    pub settings: &'a Settings,
    pub addresses: &'a Addresses,
    pub credentials: &'a Credentials,
    /// Where the programs are.
    pub programs: &'a Path,
}

impl Fleet<'_> {
    /// How to run each replica.
    pub fn specifications(&self, replicas: &[Replica]) -> Vec<Specification> {
        let with_port = replicas.iter().zip(&self.addresses.health);
        with_port
            .map(|(replica, health)| self.specification(replica, *health))
            .collect()
    }

    fn specification(&self, replica: &Replica, health: u16) -> Specification {
        let mut environment = self.everyones(replica, health);
        environment.extend(self.own(replica));
        Specification {
            name: replica.name.clone(),
            stage: stage(replica.service),
            argv: self.launcher.own(&self.programs.join(replica.service), "TERM"),
            environment: environment
                .into_iter()
                .map(|(key, value)| (format!("ORCHESTRATOR_{key}"), value))
                .collect(),
            directory: self.layout.here().to_path_buf(),
            probe: Probe::Http(health_url(health)),
            grace: self.settings.grace,
        }
    }

    fn everyones(&self, replica: &Replica, health: u16) -> Vec<(&'static str, OsString)> {
        let nats = self
            .settings
            .nats_proxy
            .clone()
            .unwrap_or_else(|| loopback(self.addresses.nats));
        let local = configuration::local_file(self.layout).map(|path| ("LOCAL_CONFIG", path.into()));
        let mut all: Vec<(&'static str, OsString)> = vec![
            ("SERVICE__INSTANCE", replica.name.clone().into()),
            ("SERVICE__DEVELOPMENT", "true".into()),
            ("SERVICE__STATE_DIR", self.layout.state().into()),
            ("SERVICE__HEALTH_PORT", health.to_string().into()),
            ("NATS__URL", format!("nats://{nats}").into()),
            ("NATS__USER", broker::SERVICE.into()),
            ("NATS__PASSWORD", self.credentials.nats_service.clone().into()),
        ];
        all.extend(local);
        all
    }

    /// Only coordinator and learner learn of the database.
    fn own(&self, replica: &Replica) -> Vec<(&'static str, OsString)> {
        let coordinator = self.coordinator(replica.index).into();
        let learner = format!("http://{}", loopback(self.addresses.learner)).into();
        match replica.service {
            "gateway" => vec![
                ("GATEWAY__REST_ADDR", loopback(self.addresses.rest).into()),
                ("GATEWAY__GRPC_ADDR", loopback(self.addresses.grpc).into()),
                ("GATEWAY__COORDINATOR_URL", self.all_coordinators().into()),
                ("GATEWAY__LEARNER_URL", learner),
            ],
            "coordinator" => {
                let port = self
                    .addresses
                    .coordinators
                    .get(replica.index)
                    .copied()
                    .unwrap_or_default();
                vec![
                    ("COORDINATOR__GRPC_ADDR", loopback(port).into()),
                    ("DATABASE__URL", self.database_url()),
                ]
            }
            "learner" => vec![
                ("LEARNER__GRPC_ADDR", loopback(self.addresses.learner).into()),
                ("LEARNER__COORDINATOR_URL", coordinator),
                ("DATABASE__URL", self.database_url()),
            ],
            _ => vec![
                ("WORKER__COORDINATOR_URL", coordinator),
                ("WORKER__LEARNER_URL", learner),
            ],
        }
    }

    /// Replicas are spread over the coordinators.
    fn coordinator(&self, index: usize) -> String {
        let ports = &self.addresses.coordinators;
        let port = ports.get(index % ports.len().max(1)).copied().unwrap_or_default();
        format!("http://{}", loopback(port))
    }

    fn all_coordinators(&self) -> String {
        let urls: Vec<String> = (0..self.addresses.coordinators.len())
            .map(|index| self.coordinator(index))
            .collect();
        urls.join(",")
    }

    fn database_url(&self) -> OsString {
        let address = self
            .settings
            .database_proxy
            .clone()
            .unwrap_or_else(|| loopback(self.addresses.postgres));
        let password = &self.credentials.postgres_service;
        format!(
            "postgres://{role}:{password}@{address}/{role}?sslmode=disable",
            role = database::SERVICE
        )
        .into()
    }
}

/// Where a service says whether it is ready.
pub fn health_url(port: u16) -> String {
    format!("http://{}/readyz", loopback(port))
}

fn loopback(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn stage(service: &str) -> Stage {
    match service {
        "gateway" => Stage::Gateway,
        "coordinator" => Stage::Coordinator,
        "learner" => Stage::Learner,
        _ => Stage::Workers,
    }
}
