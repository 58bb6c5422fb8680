//! A fault proxy between the services and Postgres. Its port must be known before the supervisor starts;
//! where the server is, the starting system tells.

use crate::eventually::eventually;
use crate::system::System;
use anyhow::{Context as _, Result};
use std::time::Duration;
use testkit::FaultProxy;

/// The supervisor writes `dev.json` before it starts services.
const SERVER_LIMIT: Duration = Duration::from_secs(60);

/// What the supervisor is told, so that services connect to the proxy.
pub fn environment(proxy: &FaultProxy) -> (String, String) {
    ("ORCHESTRATOR_DATABASE_PROXY".to_owned(), proxy.address().to_string())
}

/// Learns from the starting system where its server is. Connections wait until then.
///
/// # Errors
/// The system does not tell.
pub async fn serve(proxy: &FaultProxy, system: &System) -> Result<()> {
    let server = eventually("dev.json names the database", SERVER_LIMIT, || async {
        let url = reqwest::Url::parse(&system.dev()?.database_url)?;
        let host = url.host_str().context("no host")?;
        Ok(format!("{host}:{}", url.port().context("no port")?))
    })
    .await?;
    proxy.set_target(server);
    Ok(())
}
