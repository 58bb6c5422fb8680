//! nats-server with JetStream.

use crate::process::{Process, Signal, new_folder, tail};
use crate::{binary, container, random};
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::sync::{Mutex, OnceCell};
use tokio::time::{Instant, sleep, timeout};

const START_WITHIN: Duration = Duration::from_secs(20);

/// The NATS that the tests of this process share.
pub struct Nats {
    url: String,
    /// Kept so that it lives as long as the process.
    _server: Option<NatsServer>,
}

impl Nats {
    /// Starts it at the first call.
    ///
    /// # Errors
    /// When there is neither `ORCHESTRATOR_TEST_NATS_URL` nor a binary nor a container engine.
    pub async fn shared() -> anyhow::Result<&'static Self> {
        static SHARED: OnceCell<Nats> = OnceCell::const_new();
        SHARED.get_or_try_init(Self::find).await
    }

    async fn find() -> anyhow::Result<Self> {
        if let Ok(url) = std::env::var("ORCHESTRATOR_TEST_NATS_URL") {
            return Ok(Self { url, _server: None });
        }
        if binary::nats_server().is_some() {
            let server = NatsServer::start().await?;
            return Ok(Self {
                url: server.url(),
                _server: Some(server),
            });
        }
        let url = container::nats()
            .await
            .context("no nats-server binary (scripts/ensure-nats fetches one), and no container engine")?;
        Ok(Self { url, _server: None })
    }

    /// `nats://127.0.0.1:port`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A stream prefix that no other test has.
    pub fn prefix(&self) -> String {
        format!("test{}", random::suffix())
    }
}

/// A nats-server of a test's own, to be killed.
pub struct NatsServer {
    program: PathBuf,
    folder: PathBuf,
    port: u16,
    process: Mutex<Option<Process>>,
}

impl NatsServer {
    /// Starts one on a free loopback port.
    ///
    /// # Errors
    /// When there is no binary or it does not come up.
    pub async fn start() -> anyhow::Result<Self> {
        let server = Self {
            program: binary::nats_server().context("no nats-server binary; scripts/ensure-nats fetches one")?,
            folder: new_folder("nats")?,
            port: random::free_port()?,
            process: Mutex::new(None),
        };
        server.restart().await?;
        Ok(server)
    }

    /// `nats://127.0.0.1:port`; the same after a restart.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// `127.0.0.1:port`, for a proxy.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where JetStream keeps its files.
    pub fn store_dir(&self) -> PathBuf {
        self.folder.join("store")
    }

    /// Kills it with SIGKILL.
    ///
    /// # Errors
    /// When it was not running.
    pub async fn kill(&self) -> anyhow::Result<()> {
        let process = self.process.lock().await.take().context("nats-server is not running")?;
        process.end(Signal::Kill).await
    }

    /// Starts it again on the same port and files.
    ///
    /// # Errors
    /// When it is running, or does not come up within 20 s.
    pub async fn restart(&self) -> anyhow::Result<()> {
        let mut process = self.process.lock().await;
        if process.is_some() {
            bail!("nats-server is running");
        }
        let config = self.folder.join("nats.conf");
        // Far above the machine, since each test reserves room for streams of its own.
        let text = format!(
            "listen: 127.0.0.1:{}\njetstream {{ store_dir: \"{}\", max_memory_store: 1000TB, max_file_store: 1000TB }}\n",
            self.port,
            self.store_dir().display(),
        );
        std::fs::write(&config, text)?;
        let command = [
            self.program.display().to_string(),
            "-c".to_owned(),
            config.display().to_string(),
        ];
        let log = self.folder.join("nats.log");
        *process = Some(Process::start(&self.folder, &log, Signal::Kill, &command)?);
        wait_for_banner(&self.address(), &log).await
    }

    /// Deletes JetStream's files of a killed server, as if its disk was lost.
    ///
    /// # Errors
    /// When it is running, or the files cannot be deleted.
    pub async fn wipe(&self) -> anyhow::Result<()> {
        if self.process.lock().await.is_some() {
            bail!("nats-server is running");
        }
        std::fs::remove_dir_all(self.store_dir()).context("cannot delete the store")
    }
}

/// The server speaks first, once JetStream is up.
async fn wait_for_banner(address: &str, log: &Path) -> anyhow::Result<()> {
    let deadline = Instant::now() + START_WITHIN;
    while Instant::now() < deadline {
        if let Ok(mut stream) = tokio::net::TcpStream::connect(address).await {
            let mut banner = [0_u8; 4];
            let read = timeout(Duration::from_secs(1), stream.read_exact(&mut banner)).await;
            if matches!(read, Ok(Ok(_))) && &banner == b"INFO" {
                return Ok(());
            }
        }
        sleep(Duration::from_millis(10)).await;
    }
    bail!("nats-server at {address} did not start:\n{}", tail(log))
}
