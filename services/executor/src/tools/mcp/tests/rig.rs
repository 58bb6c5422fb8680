//! Servers under supervision, and calls of their tools.

use super::super::{Servers, Supervised};
use crate::discovery::Discovery;
use crate::effects::{EffectPort, Stop};
use crate::failure::RunFailure;
use crate::test_ledger::TestLedger;
use crate::tools::Call;
use crate::tools::registry::{Registry, Tools};
use crate::tools::served::Served;
use serde_json::{Map, Value, json};
use service::config::Config;
use service::metrics::names::MCP_SERVER_UP;
use service::metrics::{Gauge, Registry as Metrics};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(40);

pub struct Rig {
    pub registry: Registry,
    pub discovery: Discovery,
    pub servers: Servers,
    metrics: Metrics,
    supervised: Supervised,
}

impl Rig {
    pub fn new(servers: Value) -> Self {
        let config = Config {
            mcp_servers: serde_json::from_value(servers).unwrap(),
            ..Config::default()
        };
        let registry = Registry::build(&config, &llm::open("offline").unwrap()).unwrap();
        let servers = Servers::new(&config.mcp_servers, registry.in_force.clone()).unwrap();
        let discovery = Discovery::default();
        let metrics = Metrics::default();
        let supervised = servers.supervise(&registry, "default", &discovery, &metrics);
        Self {
            registry,
            discovery,
            servers,
            metrics,
            supervised,
        }
    }

    /// 1 while the server is connected.
    pub fn up(&self, server: &str) -> Gauge {
        self.metrics.gauge(MCP_SERVER_UP, &[("server", server)])
    }

    pub async fn until(&self, holds: impl Fn(&Tools) -> bool) {
        let mut changes = self.registry.changes();
        let held = timeout(PATIENCE, changes.wait_for(|tools| holds(tools))).await;
        let known: Vec<String> = self.registry.current().keys().cloned().collect();
        held.unwrap_or_else(|_| panic!("still {known:?}")).unwrap();
    }

    pub async fn serving(servers: Value, tool_id: &str) -> Self {
        let rig = Self::new(servers);
        rig.until(|tools| tools.contains_key(tool_id)).await;
        rig
    }

    pub fn tool(&self, tool_id: &str) -> Arc<Served> {
        self.registry.get(tool_id).unwrap()
    }

    pub async fn call(&self, tool_id: &str) -> Result<Value, RunFailure> {
        let run = TestLedger::with_deadline(Duration::from_secs(4));
        call(&self.tool(tool_id), &run, json!({})).await
    }

    /// Waits until the tool's server is there and answers.
    pub async fn until_answered(&self, tool_id: &str) {
        let answered = async { while self.call(tool_id).await.is_err() {} };
        timeout(PATIENCE, answered).await.unwrap();
    }

    pub async fn end(self) {
        self.supervised.end().await;
    }
}

/// Calls a tool as a step would.
pub async fn call(tool: &Served, run: &dyn EffectPort, arguments: Value) -> Result<Value, RunFailure> {
    match asked(tool, run, arguments, None, None).await {
        Ok(output) => Ok(output),
        Err(Stop::Failed(failure)) => Err(failure),
        Err(stop) => panic!("{stop:?}"),
    }
}

pub async fn asked(
    tool: &Served,
    run: &dyn EffectPort,
    arguments: Value,
    responses: Option<&Value>,
    request_state: Option<&str>,
) -> Result<Value, Stop> {
    let arguments: Map<String, Value> = arguments.as_object().unwrap().clone();
    let call = Call {
        tier: None,
        arguments: tool.checked(arguments)?,
        submission_json: "{}",
        feedback: &[],
        responses,
        request_state,
        run,
    };
    let output = tool.tool.call(call).await?;
    Ok(serde_json::from_str(&output.json).unwrap())
}

/// A folder of its own, removed at the end.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("mcp-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A list of tools without arguments.
pub fn list(names: &[&str]) -> Value {
    let tool =
        |name: &&str| json!({"name": name, "description": format!("{name}."), "inputSchema": {"type": "object"}});
    json!({"tools": names.iter().map(tool).collect::<Vec<_>>()})
}
