//! What is said when everything is ready.

use super::board::DevDocument;
use super::endpoints::Endpoints;
use super::say;
use crate::layout::Layout;
use crate::terminal;
use anyhow::Result;

/// Addresses, and what development mode means.
pub fn ready(layout: &Layout, endpoints: &Endpoints) {
    let Endpoints {
        rest_url,
        grpc_url,
        nats_url,
        database_url,
    } = endpoints;
    terminal::remark(format_args!(
        "\nThe Intelligent Orchestrator is ready.\n\n  \
         REST      {rest_url}/api/orchestrator\n  \
         gRPC      {}\n  \
         events    {nats_url}  (subject orchestrator.events.>, may read)\n  \
         database  {database_url}  (may read)\n  \
         state     {state}  (logs in {state}/logs)\n\n\
         *** DEVELOPMENT MODE: there is no login. Everything listens on 127.0.0.1 alone, and every\n\
         *** process of this machine may use it.\n",
        grpc_url.trim_start_matches("http://"),
        state = layout.state().display(),
    ));
}

/// There is a supervisor already.
///
/// # Errors
/// When what it wrote cannot be read.
pub fn already_running(layout: &Layout) -> Result<()> {
    match DevDocument::read(layout)? {
        Some(running) => {
            say(&format!("already running (supervisor {})", running.supervisor_pid));
            ready(layout, &running.endpoints);
        }
        None => say("already starting or stopping"),
    }
    Ok(())
}
