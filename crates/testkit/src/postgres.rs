//! Postgres, fsync on.

use crate::process::{Process, Signal, new_folder, tail};
use crate::{binary, container, random};
use anyhow::{Context, bail};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tokio::sync::{Mutex, OnceCell};
use tokio::time::{Instant, sleep, timeout};

const START_WITHIN: Duration = Duration::from_secs(30);
const USER: &str = "orchestrator";

/// A database that no other test has.
#[derive(Clone, Debug)]
pub struct TestDatabase {
    /// `postgres://user@127.0.0.1:port/name`.
    pub url: String,
}

/// The Postgres that the tests of this process share.
pub struct Postgres {
    url: String,
    /// Kept so that it lives as long as the process.
    _server: Option<PostgresServer>,
}

impl Postgres {
    /// Starts it at the first call.
    ///
    /// # Errors
    /// When there is neither `ORCHESTRATOR_TEST_DATABASE_URL` nor a binary nor a container engine.
    pub async fn shared() -> anyhow::Result<&'static Self> {
        static SHARED: OnceCell<Postgres> = OnceCell::const_new();
        SHARED.get_or_try_init(Self::find).await
    }

    async fn find() -> anyhow::Result<Self> {
        if let Ok(url) = std::env::var("ORCHESTRATOR_TEST_DATABASE_URL") {
            return Ok(Self { url, _server: None });
        }
        if binary::postgres_folder().is_some() {
            let server = PostgresServer::start().await?;
            return Ok(Self {
                url: server.url(),
                _server: Some(server),
            });
        }
        let url = container::postgres()
            .await
            .context("no Postgres binaries (package postgresql has them), and no container engine")?;
        Ok(Self { url, _server: None })
    }

    /// Creates an empty database.
    ///
    /// # Errors
    /// When the server does not let us.
    pub async fn database(&self) -> anyhow::Result<TestDatabase> {
        create_database(&self.url).await
    }
}

/// A Postgres of a test's own, to be stopped.
pub struct PostgresServer {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    process: Mutex<Option<Process>>,
}

impl PostgresServer {
    /// Makes a cluster and starts it on a free loopback port.
    ///
    /// # Errors
    /// When there are no binaries or it does not come up.
    pub async fn start() -> anyhow::Result<Self> {
        let programs = binary::postgres_folder().context("no Postgres binaries; package postgresql has them")?;
        let server = tokio::task::spawn_blocking(move || -> anyhow::Result<Self> {
            let folder = new_folder("postgres")?;
            initialise(&programs, &folder)?;
            Ok(Self {
                programs,
                folder,
                port: random::free_port()?,
                process: Mutex::new(None),
            })
        });
        let server = server.await??;
        server.restart().await?;
        Ok(server)
    }

    /// URL of the database `postgres`; the same after a restart.
    pub fn url(&self) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/postgres", self.port)
    }

    /// `127.0.0.1:port`, for a proxy.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Creates an empty database.
    ///
    /// # Errors
    /// When the server does not let us.
    pub async fn database(&self) -> anyhow::Result<TestDatabase> {
        create_database(&self.url()).await
    }

    /// Stops it as `pg_ctl stop -m immediate` does: connections die, the next start recovers.
    ///
    /// # Errors
    /// When it was not running.
    pub async fn stop_immediate(&self) -> anyhow::Result<()> {
        let process = self.process.lock().await.take().context("Postgres is not running")?;
        process.end(Signal::Quit).await
    }

    /// Starts it again on the same port and files.
    ///
    /// # Errors
    /// When it is running, or does not come up within 30 s.
    pub async fn restart(&self) -> anyhow::Result<()> {
        let mut process = self.process.lock().await;
        if process.is_some() {
            bail!("Postgres is running");
        }
        let mut command = as_server_user()?;
        command.push(self.programs.join("postgres").display().to_string());
        command.push("-D".to_owned());
        command.push(self.folder.join("data").display().to_string());
        let port = format!("port={}", self.port);
        for setting in [
            port.as_str(),
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=400",
            "shared_buffers=64MB",
            "fsync=on",
        ] {
            command.push("-c".to_owned());
            command.push(setting.to_owned());
        }
        let log = self.folder.join("postgres.log");
        *process = Some(Process::start(&self.folder, &log, Signal::Quit, &command)?);
        wait_for_query(&self.url(), &log).await
    }
}

/// The words before a command that must not run as root.
fn as_server_user() -> anyhow::Result<Vec<String>> {
    let id = Command::new("id").arg("-u").output().context("cannot run id")?;
    if id.stdout.trim_ascii() != b"0" {
        return Ok(Vec::new());
    }
    let words = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"];
    Ok(words.map(str::to_owned).to_vec())
}

fn initialise(programs: &Path, folder: &Path) -> anyhow::Result<()> {
    let data = folder.join("data");
    std::fs::create_dir(&data)?;
    let mut command = as_server_user()?;
    if !command.is_empty() {
        run(Command::new("chown").arg("postgres").arg(&data))?;
    }
    command.push(programs.join("initdb").display().to_string());
    let (first, rest) = command.split_first().context("no command")?;
    run(Command::new(first)
        .args(rest)
        .args([
            "--no-sync",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
            "--username",
            USER,
        ])
        .arg("-D")
        .arg(&data))
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

async fn wait_for_query(url: &str, log: &Path) -> anyhow::Result<()> {
    let deadline = Instant::now() + START_WITHIN;
    while Instant::now() < deadline {
        if let Ok(Ok(mut connection)) = timeout(Duration::from_secs(2), PgConnection::connect(url)).await
            && connection.execute("SELECT 1").await.is_ok()
        {
            return Ok(());
        }
        sleep(Duration::from_millis(20)).await;
    }
    bail!("Postgres did not start:\n{}", tail(log))
}

async fn create_database(server: &str) -> anyhow::Result<TestDatabase> {
    let name = format!("test_{}", random::suffix());
    let mut connection = PgConnection::connect(server).await?;
    // The name is made of hex digits here; identifiers cannot be bound.
    connection
        .execute(sqlx::raw_sql(AssertSqlSafe(format!(
            "CREATE DATABASE {name} TEMPLATE template0"
        ))))
        .await?;
    connection.close().await?;
    let (base, _) = server.rsplit_once('/').context("the database URL has no path")?;
    Ok(TestDatabase {
        url: format!("{base}/{name}"),
    })
}
