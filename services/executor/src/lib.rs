//! The executor: runs steps with their tools, formats deliverables and publishes them.
//!
//! Stateless: everything it does may be asked for again after a crash. It holds no database
//! credentials; outside effects are licensed and recorded by the coordinator.

mod announce;
mod arguments;
mod channels;
mod condition;
mod credentials;
mod definitions;
mod deliverable;
mod discovery;
mod effects;
#[cfg(test)]
mod effects_tests;
mod failure;
mod format;
mod scope;
mod signing;
mod template;
#[cfg(test)]
mod test_ledger;
mod tools;
mod webhooks;
mod when;
mod work;
#[cfg(test)]
mod worker_tests;

use channels::Channels;
use definitions::Definitions;
use discovery::Discovery;
use service::Context;
use service::config::{Config, Faults, Role};
use std::sync::Arc;
use std::time::Duration;
use tools::mcp::Servers;
use tools::openapi;
use tools::registry::Registry;
use webhooks::Webhooks;
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
    let engine = worker::engine(&ctx.config.llm, Role::Writer)?;
    let tools = Registry::build(&ctx.config, &engine)?;
    let servers = Servers::new(&ctx.config.mcp_servers, tools.in_force.clone())?;
    let channels = Channels::build(&ctx.config, &servers)?;
    let webhooks = Webhooks::new(&ctx.config.webhooks)?;
    let pool = ctx.config.worker.pool.clone();
    let discovery = Discovery::default();
    for api in &ctx.config.apis {
        if api.openapi.as_deref().is_some_and(openapi::is_remote) {
            let source = discovery.join(&format!("api {}", api.name));
            let (pool, shutdown) = (pool.clone(), ctx.shutdown.clone());
            tokio::spawn(openapi::keep_loading(
                api.clone(),
                pool,
                tools.clone(),
                source,
                shutdown,
            ));
        }
    }
    let connections = worker::connect(&ctx).await?;
    let coordinator = connections.coordinator.clone();
    let posting = tokio::spawn(webhooks.run(coordinator.notices(), ctx.shutdown.clone()));
    let supervised = servers.supervise(&tools, &pool, &discovery, &ctx.metrics);
    let executor = Arc::new(Executor {
        definitions: Definitions::new(Arc::clone(&ctx.config), coordinator.clone(), tools.clone()),
        discovery,
        tools,
        channels,
        max_output_bytes: ctx.config.limits.output_bytes,
    });
    let known = supervised.tried(FIRST_TRIES);
    let announcing = announce::keep_announcing(ctx.clone(), coordinator, Arc::clone(&executor), known);
    tokio::spawn(announcing);
    tokio::spawn(follow_definitions(ctx.clone(), Arc::clone(&executor)));
    let kinds = [WorkKind::Execute, WorkKind::Format, WorkKind::Publish];
    let served = worker::serve(&ctx, connections, &kinds, executor).await;
    posting.await?;
    // Not before: what is still being called is called to its end.
    supervised.end().await;
    served
}

async fn follow_definitions(ctx: Context, executor: Arc<Executor>) {
    executor.definitions.follow(ctx, executor.discovery.clone()).await;
}
