//! The planner: makes intent and plan from a request, over the tools of the catalog.
//!
//! Stateless. What it makes is untrusted: the coordinator validates it again with the same function.

mod catalog;
mod planning;
#[cfg(test)]
mod planning_tests;
mod verified;

use anyhow::Context as _;
use bus::worker::{self, Coordinator, Ended, Handler, JobContext, Serves, Sources, Status, WorkerConfig};
use bus::{Bus, BusConfig, Token};
use catalog::KnownTools;
use contracts::work::job;
use llm::Engine;
use service::Context;
use service::config::{ProviderKind, Role};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use verified::Verifier;
use workflow::plan::PlanLimits;
use workflow::vocabulary::WorkKind;

/// Runs the planner until the process is asked to end and what it holds is done.
///
/// # Errors
/// When the configuration cannot be served.
pub async fn run(ctx: Context) -> anyhow::Result<()> {
    let config = &ctx.config;
    let engine = llm::open(kind_name(config.llm.provider(Role::Planner))).context("llm.roles.planner")?;
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
    let planner = Planner {
        engine,
        tools: KnownTools::new(coordinator.clone()),
        verifier: Verifier::new(PlanLimits {
            max_steps: config.policy.max_steps,
            max_fan_out: config.policy.max_fan_out,
            max_depth: config.policy.max_depth,
        }),
    };
    let settings = WorkerConfig {
        worker_id: ctx.instance.clone(),
        pool: Token::parse(&config.worker.pool)?,
        serves: vec![Serves {
            kind: WorkKind::Plan,
            slots: usize::try_from(config.worker.slots())?,
        }],
        drain_deadline: Duration::from_secs_f64(config.service.drain_seconds),
        sources: Sources {
            run_id: service::ids::run_id,
            unix_ms: service::clock::now_ms,
        },
        status,
    };
    worker::run(bus, coordinator, settings, Arc::new(planner), ctx.shutdown.clone()).await?;
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

struct Planner {
    engine: Arc<dyn Engine>,
    tools: KnownTools,
    verifier: Verifier,
}

impl Handler for Planner {
    async fn run(&self, job: JobContext) -> Ended {
        let Some(job::Spec::Plan(spec)) = &job.job.spec else {
            return Ended::failure("worker_protocol", "not a planning", false);
        };
        let context: llm::Context = match serde_json::from_str(&job.submission) {
            Ok(context) => context,
            Err(error) => return Ended::failure("worker_protocol", format!("the submission: {error}"), false),
        };
        planning::plan(
            &*self.engine,
            &self.tools,
            &self.verifier,
            &context,
            &spec.feedback,
            job.deadline,
        )
        .await
    }
}
