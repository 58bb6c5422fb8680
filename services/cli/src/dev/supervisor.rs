//! Everything that runs, from the first start to the last stop.

use super::account::Launcher;
use super::board::Board;
use super::child::{self, Shared, Specification};
use super::cluster::Cluster;
use super::credentials::Credentials;
use super::endpoints::{Addresses, Endpoints};
use super::fleet::{self, Fleet};
use super::probe::{Probe, Prober};
use super::records::{self, Records};
use super::settings::Settings;
use super::stage::Stage;
use super::{broker, database, programs, say};
use crate::layout::{self, Layout};
use anyhow::{Context, Result};
use futures::future::join_all;
use sqlx::postgres::PgConnectOptions;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const POSTGRES: &str = "postgres";
const NATS: &str = "nats";
/// Crash recovery of a large cluster takes a while.
const SERVERS_READY: Duration = Duration::from_secs(120);
const SERVICES_READY: Duration = Duration::from_secs(90);
const SERVER_GRACE: Duration = Duration::from_secs(30);
const TAIL: usize = 15;

/// A service refuses its configuration; starting it again cannot help.
#[derive(Debug, thiserror::Error)]
#[error("{name} refuses its configuration:\n{log}")]
pub struct ConfigurationFault {
    name: String,
    log: String,
}

impl ConfigurationFault {
    /// `log` tells every fault.
    pub fn new(name: impl Into<String>, log: String) -> Self {
        Self { name: name.into(), log }
    }
}

/// Something is not ready in time.
#[derive(Debug, thiserror::Error)]
#[error("not ready after {} s: {}\n{log}", limit.as_secs(), names.join(", "))]
pub struct NotReady {
    names: Vec<String>,
    limit: Duration,
    log: String,
}

/// A development installation.
pub struct Supervisor {
    shared: Arc<Shared>,
    endpoints: Endpoints,
    credentials: Credentials,
    superuser: PgConnectOptions,
    servers: Vec<Specification>,
    services: Vec<Specification>,
    hopeless: mpsc::UnboundedReceiver<String>,
    stops: BTreeMap<Stage, CancellationToken>,
    running: Vec<(Stage, JoinHandle<()>)>,
}

impl Supervisor {
    /// Clears what an earlier supervisor left, makes what is missing on disk, chooses ports; starts
    /// nothing yet.
    ///
    /// # Errors
    /// When a program is missing, a port is in use, or the configuration cannot work.
    pub async fn prepare(layout: &Layout) -> Result<Self> {
        layout.create()?;
        let settings = Settings::read(layout)?;
        let directory = programs::services()?;
        let nats = programs::nats_server(layout)?;
        let launcher = Launcher::new()?;
        let orphans = records::stop_orphans(layout).await?;
        if !orphans.is_empty() {
            say(&format!(
                "stopped what an earlier run left behind: {}",
                orphans.join(", ")
            ));
        }
        let credentials = Credentials::load_or_create(layout)?;
        let replicas = fleet::replicas(&settings);
        let addresses = Addresses::choose(
            settings.random_ports,
            settings.rest,
            settings.grpc,
            settings.coordinators,
            replicas.len(),
        )?;
        let cluster = Cluster::prepare(layout, &launcher, &credentials, addresses.postgres)?;
        let nats_argv = broker::prepare(
            layout,
            &launcher,
            &credentials,
            &nats.program,
            addresses.nats,
            addresses.nats_monitoring,
        )?;
        let superuser = database::superuser(addresses.postgres, &credentials);
        let nats_health = format!("http://127.0.0.1:{}/healthz", addresses.nats_monitoring);
        let server = |name: &str, stage, argv, probe| Specification {
            name: name.to_owned(),
            stage,
            argv,
            environment: Vec::new(),
            directory: PathBuf::from("/"),
            probe,
            grace: SERVER_GRACE,
        };
        let servers = vec![
            server(NATS, Stage::Nats, nats_argv, Probe::Http(nats_health)),
            server(
                POSTGRES,
                Stage::Postgres,
                cluster.argv(),
                Probe::Postgres(Box::new(superuser.clone())),
            ),
        ];
        let fleet = Fleet {
            layout,
            launcher: &launcher,
            settings: &settings,
            addresses: &addresses,
            credentials: &credentials,
            programs: &directory,
        };
        let services = fleet.specifications(&replicas);
        let endpoints = addresses.endpoints(&credentials);
        let listed = services
            .iter()
            .chain(&servers)
            .map(|process| (process.name.clone(), process.probe.url()))
            .collect();
        let (sender, hopeless) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            layout: layout.clone(),
            board: Board::new(layout, endpoints.clone(), listed)?,
            records: Records::new(layout),
            prober: Prober::new().context("building the health checker")?,
            hopeless: sender,
        });
        Ok(Self {
            shared,
            endpoints,
            credentials,
            superuser,
            servers,
            services,
            hopeless,
            stops: Stage::STOP_ORDER
                .into_iter()
                .map(|stage| (stage, CancellationToken::new()))
                .collect(),
            running: Vec::new(),
        })
    }

    /// Starts everything; returns when all of it is ready.
    ///
    /// # Errors
    /// When something is not ready in time. What runs goes on running until [`Self::stop`].
    pub async fn bring_up(&mut self) -> Result<()> {
        let servers = std::mem::take(&mut self.servers);
        say("starting Postgres and NATS");
        self.start(servers, SERVERS_READY).await?;
        database::provision(&self.superuser, &self.credentials).await?;
        let services = std::mem::take(&mut self.services);
        say(&format!("starting {} services", services.len()));
        self.start(services, SERVICES_READY).await
    }

    /// Where it can be reached.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Stops everything in order; nothing is left running.
    pub async fn stop(mut self) {
        for stage in Stage::STOP_ORDER {
            if let Some(token) = self.stops.get(&stage) {
                token.cancel();
            }
            let (ending, rest) = self.running.into_iter().partition(|(of, _)| *of == stage);
            self.running = rest;
            let ending: Vec<(Stage, JoinHandle<()>)> = ending;
            for ended in join_all(ending.into_iter().map(|(_, task)| task)).await {
                if let Err(error) = ended {
                    say(&format!("a supervising task failed: {error}"));
                }
            }
        }
        self.shared.board.remove();
    }

    async fn start(&mut self, specifications: Vec<Specification>, limit: Duration) -> Result<()> {
        let names: Vec<String> = specifications.iter().map(|process| process.name.clone()).collect();
        for specification in specifications {
            let stage = specification.stage;
            let stop = self.stops.entry(stage).or_default().clone();
            let task = tokio::spawn(child::supervise(specification, Arc::clone(&self.shared), stop));
            self.running.push((stage, task));
        }
        tokio::select! {
            () = self.shared.board.ready(&names) => Ok(()),
            Some(name) = self.hopeless.recv() => {
                let log = self.log_of(&name);
                Err(ConfigurationFault::new(name, log).into())
            }
            () = tokio::time::sleep(limit) => {
                let names: Vec<String> = self.shared.board.not_ready().into_iter().filter(|name| names.contains(name)).collect();
                let logs: Vec<String> = names.iter().map(|name| self.log_of(name)).collect();
                Err(NotReady { names, limit, log: logs.join("\n") }.into())
            }
        }
    }

    fn log_of(&self, name: &str) -> String {
        let path = self.shared.layout.log(name);
        let lines = layout::tail(&path, TAIL);
        format!("last lines of {}:\n    {}", path.display(), lines.join("\n    "))
    }
}
