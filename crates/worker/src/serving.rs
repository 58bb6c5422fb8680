//! From configuration to taking work.

use crate::readiness;
use bus::worker::{self, Coordinator, Handler, Serves, Sources, Status, WorkerConfig};
use bus::{Bus, BusConfig, Token};
use service::Context;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use workflow::vocabulary::WorkKind;

/// Seconds kept for results and hand-backs after the last running job was given up.
const HANDING_BACK_SECONDS: f64 = 10.0;

/// What a worker talks to.
#[derive(Clone)]
pub struct Connections {
    /// Work and results.
    pub bus: Bus,
    /// Heartbeats, effects, payloads, tools.
    pub coordinator: Coordinator,
}

/// Connects. A coordinator that is away is waited for later; NATS is waited for here.
///
/// # Errors
/// When the configuration cannot be served.
pub async fn connect(ctx: &Context) -> anyhow::Result<Connections> {
    let nats = &ctx.config.nats;
    let bus = Bus::connect(&BusConfig {
        url: nats.url.clone(),
        user: nats.user.clone(),
        password: nats.password.as_ref().map(|secret| secret.resolve()).transpose()?,
        prefix: nats.prefix.clone(),
        name: ctx.instance.clone(),
    })
    .await?;
    let addresses = ctx.config.worker.coordinator_url.split(',');
    let addresses: Vec<String> = addresses.map(|url| url.trim().to_owned()).collect();
    let coordinator = Coordinator::connect(&addresses)?;
    Ok(Connections { bus, coordinator })
}

/// Takes work of these kinds until the process is asked to end and what it holds is done.
///
/// # Errors
/// When the configuration cannot be served.
pub async fn serve<H: Handler>(
    ctx: &Context,
    connections: Connections,
    kinds: &[WorkKind],
    handler: Arc<H>,
) -> anyhow::Result<()> {
    let Connections { bus, coordinator } = connections;
    let status = watch::Sender::new(Status::default());
    let telling = readiness::keep_telling(ctx.clone(), bus.watch_connection(), status.subscribe());
    tokio::spawn(telling);
    let slots = usize::try_from(ctx.config.worker.slots())?;
    let config = WorkerConfig {
        worker_id: ctx.instance.clone(),
        pool: Token::parse(&ctx.config.worker.pool)?,
        serves: kinds.iter().map(|kind| Serves { kind: *kind, slots }).collect(),
        drain_deadline: time_for_running_jobs(ctx.config.service.drain_seconds),
        sources: Sources {
            run_id: service::ids::run_id,
            unix_ms: service::clock::now_ms,
        },
        status,
    };
    worker::run(bus, coordinator, config, handler, ctx.shutdown.clone()).await?;
    Ok(())
}

/// Of the time to drain, what running jobs get; the rest is for handing back what did not end.
fn time_for_running_jobs(drain_seconds: f64) -> Duration {
    Duration::from_secs_f64((drain_seconds - HANDING_BACK_SECONDS).max(drain_seconds / 2.0))
}
