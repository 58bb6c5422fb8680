//! nats-server: configuration and command line.

use super::account::Launcher;
use super::credentials::Credentials;
use crate::layout::{self, Layout};
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::path::Path;

/// NATS user of the services.
pub const SERVICE: &str = "orchestrator";
/// NATS user that may only read.
pub const READER: &str = "reader";

/// Writes the configuration and tells how to start the server.
///
/// # Errors
/// When a file cannot be written.
pub fn prepare(
    layout: &Layout,
    launcher: &Launcher,
    credentials: &Credentials,
    program: &Path,
    port: u16,
    monitoring: u16,
) -> Result<Vec<OsString>> {
    let store = layout.nats_store();
    std::fs::create_dir_all(&store).with_context(|| format!("creating {}", store.display()))?;
    let conf = layout.nats_conf();
    layout::replace_private(&conf, configuration(&store, credentials, port, monitoring)?.as_bytes())?;
    let mut argv = launcher.own(program, "TERM");
    argv.extend(["--config".into(), conf.into()]);
    Ok(argv)
}

/// The reader reads everything of ours, makes consumers on the events stream alone, and publishes
/// nothing.
fn configuration(store: &Path, credentials: &Credentials, port: u16, monitoring: u16) -> Result<String> {
    let store = serde_json::to_string(&store.to_string_lossy())?;
    let Credentials {
        nats_service,
        nats_reader,
        ..
    } = credentials;
    Ok(format!(
        r#"# Written by the supervisor at every start.
server_name: orchestrator-dev
listen: "127.0.0.1:{port}"
http: "127.0.0.1:{monitoring}"
max_payload: 1MB
jetstream {{ store_dir: {store} }}
authorization {{
  users = [
    {{ user: {SERVICE}, password: "{nats_service}" }}
    {{ user: {READER}, password: "{nats_reader}", permissions: {{
      publish: {{ allow: [
        "$JS.API.INFO"
        "$JS.API.STREAM.NAMES"
        "$JS.API.STREAM.LIST"
        "$JS.API.STREAM.INFO.*"
        "$JS.API.STREAM.MSG.GET.*"
        "$JS.API.DIRECT.GET.>"
        "$JS.API.CONSUMER.NAMES.*"
        "$JS.API.CONSUMER.LIST.*"
        "$JS.API.CONSUMER.INFO.*.*"
        "$JS.API.CONSUMER.CREATE.ORCHESTRATOR_EVENTS"
        "$JS.API.CONSUMER.CREATE.ORCHESTRATOR_EVENTS.>"
        "$JS.API.CONSUMER.DURABLE.CREATE.ORCHESTRATOR_EVENTS.*"
        "$JS.API.CONSUMER.MSG.NEXT.ORCHESTRATOR_EVENTS.*"
        "$JS.API.CONSUMER.DELETE.ORCHESTRATOR_EVENTS.*"
        "$JS.ACK.ORCHESTRATOR_EVENTS.>"
        "$JS.FC.ORCHESTRATOR_EVENTS.>"
      ] }}
      subscribe: {{ allow: ["orchestrator.>", "_INBOX.>"] }}
    }} }}
  ]
}}
"#
    ))
}
