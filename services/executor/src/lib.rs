//! The executor: runs steps with their tools, formats deliverables and publishes them.
//!
//! Stateless: everything it does may be asked for again after a crash. It holds no database
//! credentials; outside effects are licensed and recorded by the coordinator.

mod announce;
mod arguments;
mod channels;
mod condition;
mod credentials;
mod deliverable;
mod effects;
#[cfg(test)]
mod effects_tests;
mod failure;
mod format;
mod scope;
mod template;
#[cfg(test)]
mod test_ledger;
mod tools;
mod when;
mod work;
#[cfg(test)]
mod worker_tests;

use channels::Channels;
use service::Context;
use service::config::{Config, Faults, Role};
use std::sync::Arc;
use tools::openapi;
use std::time::Duration;
use tokio::sync::watch;
use tools::mcp::Servers;
use tools::registry::Registry;
use work::Executor;
use workflow::vocabulary::WorkKind;

/// Finds what this process needs and cannot read: keys of models, secrets of tools and channels.
///
/// # Errors
/// The references that lead nowhere.
pub fn check(config: &Config) -> Result<(), Faults> {
    let keys = config.llm.check_keys(Role::Writer);
    let secrets = config.check_tool_secrets();
    let faults = [keys, secrets].into_iter().filter_map(Result::err);
    let faults: Vec<_> = faults.flat_map(|faults| faults.0).collect();
    if faults.is_empty() { Ok(()) } else { Err(Faults(faults)) }
}

/// How long being ready waits for servers that have not been heard of yet.
const FIRST_TRIES: Duration = Duration::from_secs(15);

/// Runs the executor until the process is asked to end and what it holds is done.
///
/// # Errors
/// When the configuration cannot be served.
pub async fn run(ctx: Context) -> anyhow::Result<()> {
    let executor = Arc::new(executor(&ctx.config)?);
    for api in &ctx.config.apis {
        if api.openapi.as_deref().is_some_and(openapi::is_remote) {
            let (pool, tools) = (ctx.config.worker.pool.clone(), executor.tools.clone());
            tokio::spawn(openapi::keep_loading(api.clone(), pool, tools, ctx.shutdown.clone()));
        }
    }
    let connections = worker::connect(&ctx).await?;
    let servers = executor
        .servers
        .supervise(&executor.tools, &ctx.config.worker.pool, &executor.discover.subscribe());
    let known = servers.tried(FIRST_TRIES);
    let announcing = announce::keep_announcing(
        ctx.clone(),
        connections.coordinator.clone(),
        Arc::clone(&executor),
        known,
    );
    tokio::spawn(announcing);
    let kinds = [WorkKind::Execute, WorkKind::Format, WorkKind::Publish];
    let served = worker::serve(&ctx, connections, &kinds, executor).await;
    // Not before: what is still being called is called to its end.
    servers.end().await;
    served
}

fn executor(config: &Config) -> anyhow::Result<Executor> {
    let engine = worker::engine(&config.llm, Role::Writer)?;
    let servers = Servers::new(&config.mcp_servers)?;
    Ok(Executor {
        tools: Registry::build(config, &engine)?,
        channels: Channels::build(config, &servers)?,
        servers,
        discover: watch::Sender::new(0),
        max_output_bytes: config.limits.output_bytes,
    })
}
