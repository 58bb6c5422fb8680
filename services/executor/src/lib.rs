//! The executor: runs steps with their tools, formats deliverables and publishes them.
//!
//! Stateless: everything it does may be asked for again after a crash. It holds no database
//! credentials; outside effects are licensed and recorded by the coordinator.

mod announce;
mod arguments;
mod channels;
mod definitions;
mod deliverable;
mod discovery;
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
use definitions::Definitions;
use discovery::Discovery;
use service::Context;
use service::config::{Config, Role};
use std::sync::Arc;
use tools::registry::Registry;
use work::Executor;
use workflow::vocabulary::WorkKind;

/// Runs the executor until the process is asked to end and what it holds is done.
///
/// # Errors
/// When the configuration cannot be served.
pub async fn run(ctx: Context) -> anyhow::Result<()> {
    let tools = tools(&ctx.config)?;
    let channels = Channels::build(&ctx.config)?;
    let connections = worker::connect(&ctx).await?;
    let coordinator = connections.coordinator.clone();
    let executor = Arc::new(Executor {
        definitions: Definitions::new(Arc::clone(&ctx.config), coordinator, tools.clone()),
        discovery: Discovery::default(),
        tools,
        channels,
        max_output_bytes: ctx.config.limits.output_bytes,
    });
    let announcing = announce::keep_announcing(ctx.clone(), connections.coordinator.clone(), Arc::clone(&executor));
    tokio::spawn(announcing);
    tokio::spawn(follow_definitions(ctx.clone(), Arc::clone(&executor)));
    let kinds = [WorkKind::Execute, WorkKind::Format, WorkKind::Publish];
    worker::serve(&ctx, connections, &kinds, executor).await
}

async fn follow_definitions(ctx: Context, executor: Arc<Executor>) {
    executor.definitions.follow(ctx, executor.discovery.clone()).await;
}

fn tools(config: &Config) -> anyhow::Result<Registry> {
    let engine = worker::engine(&config.llm, Role::Writer)?;
    Ok(Registry::build(config, &engine)?)
}
