//! The coordinator: applies submissions, results, decisions and timers to tasks, dispatches work and
//! emits events. The decisions are `workflow`'s; this is the shell around them.

mod beats;
mod catalog;
mod clock;
mod erasing;
mod expectation;
mod forking;
mod grpc;
mod judges;
mod lanes;
mod metrics;
mod notices;
mod policy;
mod results;
mod rollouts;
mod store;
mod sweep;
mod tenant_budgets;
mod view;
mod work;
mod writer;

use anyhow::Context as _;
use bus::{Bus, BusConfig};
use catalog::SharedCatalog;
use clock::DatabaseClock;
use contracts::coordinator::notice_service_server::NoticeServiceServer;
use contracts::coordinator::rollout_service_server::RolloutServiceServer;
use contracts::coordinator::task_service_server::TaskServiceServer;
use contracts::coordinator::tool_service_server::ToolServiceServer;
use contracts::coordinator::worker_service_server::WorkerServiceServer;
use metrics::Metrics;
use service::Context;
use service::config::Config;
use sqlx::PgPool;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;
use tokio::sync::watch;
use tracing::warn;
use workflow::plan::PlanLimits;
use writer::inbox::Inbox;
use writer::{Shared, Writer, WriterConfig};

/// Who tells the events of tasks and tools.
const EVENTS_SOURCE: &str = "/orchestrator/coordinator";

/// Largest message of the internal gRPC services: a payload chunk, a status document.
const MAX_MESSAGE: usize = 64 << 20;

/// Runs the coordinator until shutdown.
///
/// # Errors
/// When it cannot start; what fails later is retried.
pub async fn run(ctx: Context) -> anyhow::Result<()> {
    let config = Arc::clone(&ctx.config);
    let url = config.database.url.resolve().context("database.url")?;
    let pool = store::pool(&url, config.database.max_connections)?;
    prepare(&ctx, &pool).await?;
    let bus = Bus::connect(&bus_config(&config, &ctx.instance)?).await?;
    let clock = Arc::new(DatabaseClock::new(database_time(&pool).await?));
    let (beats_in, beats) = watch::channel(beats::Beats::default());
    let (inbox, envelopes) = Inbox::new();
    let shared = Arc::new(Shared {
        bus: bus.clone(),
        pool: pool.clone(),
        clock,
        catalog: SharedCatalog::default(),
        judges: judges::SharedJudges::new(&config.quality.judge_floor),
        limits: plan_limits(&config),
        inbox,
        lane: lanes::home(&ctx.instance),
        leases_end: AtomicBool::new(false),
        outages: AtomicU64::new(0),
        events_stream: Arc::default(),
        beats,
        metrics: Metrics::new(&ctx.metrics),
        paces: work::pace::Paces::default(),
        measures: catalog::measures::Measures::default(),
        tenant_budgets: tenant_budgets::TenantBudgets::new(&config.policy.tenant_budgets),
        shown: tenant_budgets::Shown::default(),
        subscriptions: notices::Subscriptions::new(&config.webhooks),
        rollouts: rollouts::SharedRollouts::default(),
        erasure_ordered: tokio::sync::Notify::new(),
    });
    if !shared.tenant_budgets.is_empty() {
        let (tenants, all) = shared.tenant_budgets.tenants();
        store::spending::take_stock(&pool, &tenants, all).await?;
    }
    shared.catalog.refresh(&pool).await?;
    shared.judges.refresh(&pool).await?;
    shared.subscriptions.refresh(&pool).await?;
    shared.rollouts.refresh(&pool).await?;
    let background = spawn_background(&ctx, &shared, beats_in);
    let settings = WriterConfig {
        database_url: url,
        max_batch: config.coordinator.max_batch,
        cached_tasks: config.coordinator.cached_tasks,
    };
    // The writer goes on after the servers have stopped, so that everything accepted is decided.
    let stop_writer = tokio_util::sync::CancellationToken::new();
    let mut writer = tokio::spawn(Writer::new(Arc::clone(&shared), settings).run(envelopes, stop_writer.clone()));
    let served = tokio::select! {
        served = serve(&ctx, &shared) => served,
        // Without its writer a coordinator accepts nothing and must be started again.
        ended = &mut writer => return ended.context("the writer"),
    };
    stop_writer.cancel();
    writer.await.context("the writer")?;
    background.into_iter().for_each(|task| task.abort());
    shared.measures.flush(&pool).await;
    served
}

/// Waits for the database and brings the schema up to date.
async fn prepare(ctx: &Context, pool: &PgPool) -> anyhow::Result<()> {
    loop {
        match store::migrate(pool).await {
            Ok(()) => return Ok(()),
            Err(error) if error.is_outage() && !ctx.shutdown.is_cancelled() => {
                ctx.ready.set("database", false, "the database does not answer");
                warn!(error = &error as &dyn std::error::Error, "waits for the database");
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

async fn database_time(pool: &PgPool) -> anyhow::Result<chrono::DateTime<chrono::Utc>> {
    Ok(sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(pool).await?)
}

fn bus_config(config: &Config, instance: &str) -> anyhow::Result<BusConfig> {
    Ok(BusConfig {
        url: config.nats.url.clone(),
        user: config.nats.user.clone(),
        password: config
            .nats
            .password
            .as_ref()
            .map(|p| p.resolve())
            .transpose()
            .context("nats.password")?,
        prefix: config.nats.prefix.clone(),
        name: instance.to_owned(),
    })
}

fn plan_limits(config: &Config) -> PlanLimits {
    PlanLimits {
        max_steps: config.policy.max_steps,
        max_fan_out: config.policy.max_fan_out,
        max_depth: config.policy.max_depth,
    }
}

fn spawn_background(
    ctx: &Context,
    shared: &Arc<Shared>,
    beats_in: watch::Sender<beats::Beats>,
) -> Vec<tokio::task::JoinHandle<()>> {
    let relay = outbox::Relay::new(
        shared.pool.clone(),
        shared.bus.clone(),
        ctx.config.events.max_age_days,
        Arc::clone(&shared.events_stream),
    );
    let sweep_every = Duration::from_secs_f64(ctx.config.coordinator.sweep_seconds);
    vec![
        tokio::spawn(beats::run(shared.pool.clone(), ctx.instance.clone(), beats_in)),
        tokio::spawn(lanes::run(
            Arc::clone(shared),
            ctx.instance.clone(),
            ctx.shutdown.clone(),
        )),
        tokio::spawn(results::guard_leases(Arc::clone(shared))),
        tokio::spawn(sweep::run(Arc::clone(shared), sweep_every)),
        tokio::spawn(sweep::watch_connection(Arc::clone(shared))),
        tokio::spawn(refresh_catalog(Arc::clone(shared))),
        tokio::spawn(refresh_rollouts(Arc::clone(shared))),
        tokio::spawn(tenant_budgets::report(Arc::clone(shared))),
        tokio::spawn(sum_measures(Arc::clone(shared))),
        tokio::spawn(count_labels(Arc::clone(shared))),
        tokio::spawn(notices::keeping::run(Arc::clone(shared))),
        tokio::spawn(erasing::run(Arc::clone(shared))),
        tokio::spawn(relay.run()),
        tokio::spawn(report_readiness(ctx.clone(), Arc::clone(shared))),
    ]
}

/// Other replicas and operators change the catalog too.
async fn refresh_catalog(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let read = async {
            shared.catalog.refresh(&shared.pool).await?;
            shared.subscriptions.refresh(&shared.pool).await
        };
        if let Err(error) = read.await {
            warn!(
                error = &error as &dyn std::error::Error,
                "the catalog could not be read"
            );
        }
    }
}

/// Apart from the rest: a rollout that is turned back must reach new work whatever else cannot be read.
async fn refresh_rollouts(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = shared.rollouts.refresh(&shared.pool).await {
            warn!(error = &error as &dyn std::error::Error, "rollouts could not be read");
        }
    }
}

async fn sum_measures(shared: Arc<Shared>) {
    shared.measures.keep_flushing(&shared.pool).await;
}

async fn count_labels(shared: Arc<Shared>) {
    shared.judges.keep_counting(&shared.pool, &shared.metrics).await;
}

/// NATS away is no reason not to accept tasks; without the database nothing can be accepted.
async fn report_readiness(ctx: Context, shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(500));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut topology = false;
    loop {
        ticks.tick().await;
        let answers = sqlx::query("SELECT 1").execute(&shared.pool).await.is_ok();
        ctx.ready.set("database", answers, "the database does not answer");
        // Once, before anything is dispatched; later losses are repaired while the service goes on.
        if !topology {
            topology = shared.bus.is_connected() && bus::topology::ensure(&shared.bus).await.is_ok();
            ctx.ready.set("topology", topology, "the streams are not there yet");
        }
    }
}

async fn serve(ctx: &Context, shared: &Arc<Shared>) -> anyhow::Result<()> {
    let tasks = grpc::tasks::Tasks {
        shared: Arc::clone(shared),
        config: Arc::clone(&ctx.config),
    };
    let workers = grpc::worker::Workers::new(Arc::clone(shared), Arc::clone(&ctx.config));
    let tools = grpc::tools::Tools {
        shared: Arc::clone(shared),
        config: Arc::clone(&ctx.config),
    };
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<TaskServiceServer<grpc::tasks::Tasks>>().await;
    health.set_serving::<WorkerServiceServer<grpc::worker::Workers>>().await;
    health
        .set_serving::<NoticeServiceServer<grpc::notices::Notices>>()
        .await;
    health.set_serving::<ToolServiceServer<grpc::tools::Tools>>().await;
    let address = ctx.config.coordinator.grpc_addr;
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    ctx.ready.set("grpc", true, "");
    let incoming = tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true));
    tonic::transport::Server::builder()
        .trace_fn(contracts::trace::rpc)
        .http2_keepalive_interval(Some(Duration::from_secs(10)))
        .max_concurrent_streams(Some(4096))
        .add_service(health_service)
        .add_service(
            TaskServiceServer::new(tasks)
                .max_decoding_message_size(MAX_MESSAGE)
                .max_encoding_message_size(MAX_MESSAGE),
        )
        .add_service(ToolServiceServer::new(tools).max_encoding_message_size(MAX_MESSAGE))
        .add_service(NoticeServiceServer::new(grpc::notices::Notices(Arc::clone(shared))))
        .add_service(RolloutServiceServer::new(grpc::rollouts::Rollouts(Arc::clone(shared))))
        .add_service(WorkerServiceServer::new(workers).max_decoding_message_size(MAX_MESSAGE))
        .serve_with_incoming_shutdown(incoming, ctx.shutdown.clone().cancelled_owned())
        .await
        .context("the gRPC server")
}
