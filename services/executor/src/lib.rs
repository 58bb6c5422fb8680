//! The executor: runs steps with their tools, formats deliverables and publishes them.
//!
//! Stateless: everything it does may be asked for again after a crash. It holds no database
//! credentials; outside effects are licensed and recorded by the coordinator.

mod announce;
mod arguments;
mod channels;
mod deliverable;
mod effects;
#[cfg(test)]
mod effects_tests;
mod failure;
mod format;
mod readiness;
mod scope;
mod template;
#[cfg(test)]
mod test_ledger;
mod tools;
mod when;
mod work;
#[cfg(test)]
mod worker_tests;

use anyhow::Context as _;
use bus::worker::{self, Coordinator, Serves, Sources, Status, WorkerConfig};
use bus::{Bus, BusConfig, Token};
use channels::Channels;
use service::Context;
use service::config::{Config, ProviderKind, Role, SecretError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tools::registry::Registry;
use work::Executor;
use workflow::vocabulary::WorkKind;

/// Seconds kept for results and hand-backs after the last running job was given up.
const HANDING_BACK_SECONDS: f64 = 10.0;

/// Runs the executor until the process is asked to end and what it holds is done.
///
/// # Errors
/// When the configuration cannot be served.
pub async fn run(ctx: Context) -> anyhow::Result<()> {
    let executor = Arc::new(executor(&ctx.config)?);
    let bus = Bus::connect(&bus_config(&ctx)?).await?;
    let addresses = ctx.config.worker.coordinator_url.split(',');
    let addresses: Vec<String> = addresses.map(|url| url.trim().to_owned()).collect();
    let coordinator = Coordinator::connect(&addresses)?;
    let status = watch::Sender::new(Status::default());
    let announcing = announce::keep_announcing(ctx.clone(), coordinator.clone(), Arc::clone(&executor));
    tokio::spawn(announcing);
    let telling = readiness::keep_telling(ctx.clone(), bus.watch_connection(), status.subscribe());
    tokio::spawn(telling);
    let config = worker_config(&ctx, status)?;
    worker::run(bus, coordinator, config, executor, ctx.shutdown.clone()).await?;
    Ok(())
}

fn executor(config: &Config) -> anyhow::Result<Executor> {
    let kind = match config.llm.provider(Role::Writer) {
        ProviderKind::Null => "null",
        ProviderKind::Offline => "offline",
        ProviderKind::Openai => "openai",
        ProviderKind::Anthropic => "anthropic",
    };
    let engine = llm::open(kind).context("llm.roles.writer")?;
    Ok(Executor {
        tools: Registry::build(config, &engine)?,
        channels: Channels::build(config)?,
        max_output_bytes: config.limits.output_bytes,
    })
}

fn bus_config(ctx: &Context) -> Result<BusConfig, SecretError> {
    let nats = &ctx.config.nats;
    Ok(BusConfig {
        url: nats.url.clone(),
        user: nats.user.clone(),
        password: nats.password.as_ref().map(|secret| secret.resolve()).transpose()?,
        prefix: nats.prefix.clone(),
        name: ctx.instance.clone(),
    })
}

fn worker_config(ctx: &Context, status: watch::Sender<Status>) -> anyhow::Result<WorkerConfig> {
    let slots = usize::try_from(ctx.config.worker.slots())?;
    let kinds = [WorkKind::Execute, WorkKind::Format, WorkKind::Publish];
    Ok(WorkerConfig {
        worker_id: ctx.instance.clone(),
        pool: Token::parse(&ctx.config.worker.pool)?,
        serves: kinds.into_iter().map(|kind| Serves { kind, slots }).collect(),
        drain_deadline: time_for_running_jobs(ctx.config.service.drain_seconds),
        sources: Sources {
            run_id: service::ids::run_id,
            unix_ms: service::clock::now_ms,
        },
        status,
    })
}

/// Of the time to drain, what running jobs get; the rest is for handing back what did not end.
fn time_for_running_jobs(drain_seconds: f64) -> Duration {
    Duration::from_secs_f64((drain_seconds - HANDING_BACK_SECONDS).max(drain_seconds / 2.0))
}
