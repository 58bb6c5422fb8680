//! A fault proxy between the services and Postgres. Its port must be known before the supervisor starts,
//! the server's port is known only afterwards, so that a plain relay stands in front until then.

use crate::eventually::eventually;
use crate::system::System;
use anyhow::{Context as _, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use testkit::FaultProxy;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The supervisor writes `dev.json` before it starts services.
const SERVER_LIMIT: Duration = Duration::from_secs(60);

/// Stands in front of the system's database.
pub struct DatabaseProxy {
    address: SocketAddr,
    target: watch::Sender<Option<SocketAddr>>,
    relay: JoinHandle<()>,
}

impl DatabaseProxy {
    /// Listens; connections wait until [`DatabaseProxy::serve`].
    ///
    /// # Errors
    /// No port.
    pub async fn listen() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let target = watch::Sender::new(None);
        let relay = tokio::spawn(accept(listener, target.subscribe()));
        Ok(Self { address, target, relay })
    }

    /// What the supervisor is told.
    pub fn environment(&self) -> (String, String) {
        ("ORCHESTRATOR_DATABASE_PROXY".to_owned(), self.address.to_string())
    }

    /// Learns from the starting system where its server is and forwards there.
    ///
    /// # Errors
    /// The system does not tell.
    pub async fn serve(&self, system: &System) -> Result<Arc<FaultProxy>> {
        let server = eventually("dev.json names the database", SERVER_LIMIT, || async {
            let url = reqwest::Url::parse(&system.dev()?.database_url)?;
            let host = url.host_str().context("no host")?;
            Ok(format!("{host}:{}", url.port().context("no port")?))
        })
        .await?;
        let proxy = FaultProxy::start(server).await?;
        self.target.send_replace(Some(proxy.address()));
        Ok(Arc::new(proxy))
    }
}

impl Drop for DatabaseProxy {
    fn drop(&mut self) {
        self.relay.abort();
    }
}

async fn accept(listener: TcpListener, target: watch::Receiver<Option<SocketAddr>>) {
    while let Ok((mut client, _)) = listener.accept().await {
        let mut target = target.clone();
        tokio::spawn(async move {
            let Ok(address) = target.wait_for(Option::is_some).await.map(|address| *address) else {
                return;
            };
            if let Some(address) = address
                && let Ok(mut server) = TcpStream::connect(address).await
            {
                // Either side may be cut off; that is what the proxy is for.
                drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
            }
        });
    }
}
