//! The assessor: deterministic checks first, then a judge for each quality dimension.
//!
//! Stateless. Scores are the judge's; what they mean is the coordinator's to say.

mod acceptance;
mod case;
mod judging;
#[cfg(test)]
mod judging_tests;

use anyhow::Context as _;
use bus::worker::{self, Coordinator, Ended, Handler, JobContext, Serves, Sources, Status, WorkerConfig};
use bus::{Bus, BusConfig, Token};
use contracts::work::job;
use llm::Engine;
use service::Context;
use service::config::{ProviderKind, Role};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use workflow::vocabulary::WorkKind;

/// Runs the assessor until the process is asked to end and what it holds is done.
///
/// # Errors
/// When the configuration cannot be served.
pub async fn run(ctx: Context) -> anyhow::Result<()> {
    let config = &ctx.config;
    let engine = llm::open(kind_name(config.llm.provider(Role::Judge))).context("llm.roles.judge")?;
    let nats = &config.nats;
    let bus = Bus::connect(&BusConfig {
        url: nats.url.clone(),
        user: nats.user.clone(),
        password: nats.password.as_ref().map(|secret| secret.resolve()).transpose()?,
        prefix: nats.prefix.clone(),
        name: ctx.instance.clone(),
    })
    .await?;
    let addresses: Vec<String> = config
        .worker
        .coordinator_url
        .split(',')
        .map(|url| url.trim().to_owned())
        .collect();
    let coordinator = Coordinator::connect(&addresses)?;
    let status = watch::Sender::new(Status::default());
    tokio::spawn(keep_telling(ctx.clone(), bus.clone(), status.subscribe()));
    let settings = WorkerConfig {
        worker_id: ctx.instance.clone(),
        pool: Token::parse(&config.worker.pool)?,
        serves: vec![Serves {
            kind: WorkKind::Assess,
            slots: usize::try_from(config.worker.slots())?,
        }],
        drain_deadline: Duration::from_secs_f64(config.service.drain_seconds),
        sources: Sources {
            run_id: service::ids::run_id,
            unix_ms: service::clock::now_ms,
        },
        status,
    };
    worker::run(
        bus,
        coordinator,
        settings,
        Arc::new(Assessor { engine }),
        ctx.shutdown.clone(),
    )
    .await?;
    Ok(())
}

fn kind_name(kind: ProviderKind) -> &'static str {
    match kind {
        ProviderKind::Null => "null",
        ProviderKind::Offline => "offline",
        ProviderKind::Openai => "openai",
        ProviderKind::Anthropic => "anthropic",
    }
}

/// Keeps `/readyz` up to date until shutdown.
async fn keep_telling(ctx: Context, bus: Bus, mut status: watch::Receiver<Status>) {
    let mut connection = bus.watch_connection();
    loop {
        ctx.ready
            .set("nats", connection.borrow_and_update().up, "not connected");
        let admitting = status.borrow_and_update().admitting;
        ctx.ready.set(
            "coordinator",
            admitting,
            "no new work: the coordinator does not answer beats",
        );
        let changed = tokio::select! {
            changed = connection.changed() => changed,
            changed = status.changed() => changed,
            () = ctx.shutdown.cancelled() => return,
        };
        if changed.is_err() {
            return;
        }
    }
}

struct Assessor {
    engine: Arc<dyn Engine>,
}

impl Handler for Assessor {
    async fn run(&self, job: JobContext) -> Ended {
        let Some(job::Spec::Assess(spec)) = &job.job.spec else {
            return Ended::failure("worker_protocol", "not an assessment", false);
        };
        judging::assess(&*self.engine, &job.submission, spec).await
    }
}
