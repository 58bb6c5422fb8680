//! Restate beside us, as its peers kit runs it: single node, TypeScript service, logging silenced.

use super::figures::Roots;
use crate::eventually::eventually;
use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const START_LIMIT: Duration = Duration::from_secs(60);

/// Server and service. Dropping it stops both and removes their data.
#[derive(Debug)]
pub struct Restate {
    server: Child,
    service: Child,
    folder: PathBuf,
    /// `host:port` of the ingress.
    pub host: String,
}

impl Restate {
    /// Starts both from a prepared copy of the peers kit (its `node` folder installed).
    ///
    /// # Errors
    /// Not installed, or not ready in time.
    pub async fn start(kit: &Path) -> Result<Self> {
        let program = kit.join("node/node_modules/@restatedev/restate-server-linux-x64/bin/restate-server");
        ensure!(
            program.is_file(),
            "{} is missing: (cd {}/node && npm i --ignore-scripts --no-audit --no-fund)",
            program.display(),
            kit.display()
        );
        let (ingress, admin, node, port) = (free_port()?, free_port()?, free_port()?, free_port()?);
        let folder = std::env::temp_dir().join(format!("restate-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let log = File::create(folder.join("restate.log"))?;
        let server = Command::new(program)
            .env("RESTATE_INGRESS__BIND_ADDRESS", format!("127.0.0.1:{ingress}"))
            .env("RESTATE_ADMIN__BIND_ADDRESS", format!("127.0.0.1:{admin}"))
            .env("RESTATE_BIND_ADDRESS", format!("127.0.0.1:{node}"))
            .env("RESTATE_ADVERTISED_ADDRESS", format!("http://127.0.0.1:{node}"))
            .env("RESTATE_BASE_DIR", folder.join("data"))
            .env("TMPDIR", &folder)
            .env("RESTATE_DISABLE_TELEMETRY", "true")
            .env("DO_NOT_TRACK", "1")
            .env("RUST_LOG", "warn")
            .env("RESTATE_LOG_FILTER", "warn")
            .env("RESTATE_CLUSTER_NAME", "bench")
            .env("RESTATE_NODE_NAME", "n1")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log.try_clone()?)
            .spawn()
            .context("starting restate-server")?;
        let service = Command::new("node")
            .arg(kit.join("node/restate_svc.mjs"))
            .arg(port.to_string())
            // A rival is measured without its per-invocation log lines.
            .env("RESTATE_LOGGING", "ERROR")
            .env("NODE_ENV", "production")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("starting its service")?;
        let restate = Self {
            server,
            service,
            folder,
            host: format!("127.0.0.1:{ingress}"),
        };
        restate.register(admin, port).await?;
        Ok(restate)
    }

    async fn register(&self, admin: u16, service: u16) -> Result<()> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(10))
            .build()?;
        let deployment = json!({"uri": format!("http://127.0.0.1:{service}"), "force": true});
        eventually("Restate knows its service", START_LIMIT, || async {
            let answer = http
                .post(format!("http://127.0.0.1:{admin}/deployments"))
                .json(&deployment)
                .send()
                .await?;
            ensure!(
                answer.status().is_success(),
                "{}",
                answer.text().await.unwrap_or_default()
            );
            Ok(())
        })
        .await?;
        eventually("Restate answers", START_LIMIT, || async {
            let answer = http
                .post(format!("http://{}/Wf/run", self.host))
                .json(&1)
                .send()
                .await?;
            ensure!(
                answer.status().is_success(),
                "{}",
                answer.text().await.unwrap_or_default()
            );
            Ok(())
        })
        .await
    }

    /// What counts as Restate.
    pub fn roots(&self) -> Roots {
        [
            ("restate-server".to_owned(), self.server.id()),
            ("restate-service".to_owned(), self.service.id()),
        ]
        .into()
    }
}

impl Drop for Restate {
    fn drop(&mut self) {
        for child in [&mut self.service, &mut self.server] {
            if let Err(error) = child.kill().and_then(|()| child.wait().map(|_| ())) {
                eprintln!("stopping Restate: {error}");
            }
        }
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            eprintln!("removing {}: {error}", self.folder.display());
        }
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
