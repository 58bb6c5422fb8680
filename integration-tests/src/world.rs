//! A system and the outside world it acts on.

use crate::configuration;
use crate::database_proxy;
use crate::event_stream;
use crate::oracle::{Oracle, Rule};
use crate::rest::Rest;
use crate::system::{Options, System};
use anyhow::Result;
use async_nats::Client;
use testkit::FaultProxy;

/// Everything a scenario needs.
pub struct World {
    /// Dropped first, so that nothing calls an oracle that is gone.
    pub system: System,
    /// The outside.
    pub oracle: Oracle,
    /// The gateway.
    pub rest: Rest,
    /// Between the services and Postgres, where asked for.
    pub proxy: Option<FaultProxy>,
}

impl World {
    /// Starts both.
    ///
    /// # Errors
    /// The system does not start.
    pub async fn start(label: &str, seed: u64, default_rule: Rule, change: impl FnOnce(&mut Options)) -> Result<Self> {
        let oracle = Oracle::start(seed, default_rule).await?;
        let mut options = Options::new(label, configuration::with_oracle(&oracle));
        change(&mut options);
        let system = System::start(options).await?;
        let rest = Rest::new(&system.dev()?.rest_url)?;
        Ok(Self {
            system,
            oracle,
            rest,
            proxy: None,
        })
    }

    /// Starts both, with a fault proxy between the services and Postgres.
    ///
    /// # Errors
    /// The system does not start.
    pub async fn start_behind_proxy(label: &str, seed: u64, default_rule: Rule) -> Result<Self> {
        let oracle = Oracle::start(seed, default_rule).await?;
        let proxy = FaultProxy::listen().await?;
        let mut options = Options::new(label, configuration::with_oracle(&oracle));
        options.environment.push(database_proxy::environment(&proxy));
        let system = System::prepare(options)?;
        futures::future::try_join(system.launch(), database_proxy::serve(&proxy, &system)).await?;
        let rest = Rest::new(&system.dev()?.rest_url)?;
        Ok(Self {
            system,
            oracle,
            rest,
            proxy: Some(proxy),
        })
    }

    /// NATS with the credential every subscriber gets.
    ///
    /// # Errors
    /// No server.
    pub async fn subscriber(&self) -> Result<Client> {
        event_stream::connect(&self.system.dev()?.nats_url).await
    }

    /// NATS with the credential of the services, which the supervisor keeps in its state directory.
    ///
    /// # Errors
    /// No such file, or no server.
    pub async fn service_client(&self) -> Result<Client> {
        self.system.service_client().await
    }
}
