//! The learner: keeps the record of every finished task, learns patterns from those that went well, offers them to
//! later plans, and exports training data.
//!
//! Events tell it which tasks ended; it asks the coordinator for their records. It stands beside the hot path:
//! whatever it misses, its catch-up finds later.

mod backoff;
mod business;
mod cluster;
mod coordinator;
mod driver;
mod erasures;
mod export;
mod feedback;
mod figure;
mod files;
mod fine_tunes;
mod imports;
mod ingest;
mod interval;
mod issues;
mod lesson;
mod metrics;
mod patterns;
mod preferences;
mod record;
mod rpc;
mod scrub;
mod statistics;
mod store;
mod success;

pub mod models;
pub mod rollout;

#[cfg(test)]
mod tests;

use crate::backoff::Backoff;
use crate::business::Settling;
use crate::coordinator::Coordinator;
use crate::driver::Driver;
use crate::erasures::Erasures;
use crate::export::{Exports, Rules};
use crate::fine_tunes::{FineTunes, Providers};
use crate::imports::Imports;
use crate::ingest::{CatchUp, Fetcher, Ingestion};
use crate::metrics::Gauges;
use crate::patterns::{Embedding, Patterns};
use crate::preferences::Preferences;
use crate::scrub::Scrubber;
use crate::store::Store;
use crate::success::Study;
use anyhow::Context as _;
use bus::{Bus, BusConfig, Token};
use contracts::learner::fine_tune_service_server::FineTuneServiceServer;
use contracts::learner::learner_service_server::LearnerServiceServer;
use contracts::learner::model_service_server::ModelServiceServer;
use outbox::Relay;
use service::config::{Config, Faults, Secret};
use service::metrics::names;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;

/// Name of the durable consumer, on the stream of events.
const CONSUMER: &str = "learner";
/// Pause between two looks at whether the database answers.
const READY_EVERY: Duration = Duration::from_secs(5);

/// Pause between two times at which all patterns are settled.
const SETTLE_EVERY: Duration = Duration::from_secs(86_400);

/// Finds the keys this process needs and cannot read.
///
/// # Errors
/// The references that lead nowhere.
pub fn check(config: &Config) -> Result<(), Faults> {
    let embeddings = config.check_embeddings_key().err();
    let serving = config.llm.check_serving_keys().err();
    let training = config.llm.check_fine_tuning_keys().err();
    let faults: Vec<_> = embeddings
        .into_iter()
        .chain(serving)
        .chain(training)
        .flat_map(|faults| faults.0)
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(Faults(faults)) }
}

/// Runs the learner until `ctx.shutdown`.
///
/// # Errors
/// When the configuration cannot work, the port is taken, or the schema is not ours. Outages are waited out.
pub async fn run(ctx: service::Context) -> anyhow::Result<()> {
    let config = &ctx.config;
    let url = config
        .database
        .learner()
        .resolve()
        .context("database.url cannot be read")?;
    let store = Store::open(&url, config.database.max_connections)?;
    let coordinator = Coordinator::at(&config.learner.coordinator_url)?;
    let embedder = worker::embedder(config)?;
    let trainers = Arc::new(Providers::open(&config.llm, &config.learning.fine_tunes)?);
    let bus = Bus::connect(&bus_config(&ctx)?).await?;
    let store = store.by(store::Rules {
        trial_after: config.learning.trial_after,
        fragment_support: config.learning.fragment_support,
        names: Some(bus.names().clone()),
    });
    if !migrated(&store, &ctx).await? {
        return Ok(());
    }

    let address = config.learner.grpc_addr;
    let listener = TcpListener::bind(address).await;
    let listener = listener.with_context(|| format!("cannot listen on {address} for gRPC"))?;
    let rules = Rules {
        scrubber: Scrubber::new(&config.learning.scrub_patterns)?,
        consent: config.learning.training_consent,
    };
    let scrubber = rules.scrubber.clone();
    let imports = Imports::new(store.clone(), scrubber.clone())?;
    let exports = Exports::new(store.clone(), rules, ctx.shutdown.clone());
    if let Err(error) = exports.resume().await {
        // Whoever asks for one takes it up, too.
        tracing::warn!(error = chain(&error), "exports of an earlier process were not taken up");
    }
    let kept_days = config.learning.export_retention_days;
    tokio::spawn(export::expiry::run(store.clone(), kept_days, ctx.shutdown.clone()));
    tokio::spawn(settle(store.clone(), ctx.shutdown.clone()));
    let relay = Relay::new(
        Store::events(&url)?,
        bus.clone(),
        config.events.max_age_days,
        Arc::default(),
    );
    let relay = tokio::spawn(relay.run());
    let kept = ctx.metrics.counter(names::TASKS_INGESTED, &[]);
    let erasures = Erasures {
        store: store.clone(),
        coordinator: coordinator.clone(),
    };
    tokio::spawn(erasures.clone().run(ctx.shutdown.clone()));
    if config.learning.enabled {
        let driver = Driver::new(store.clone(), coordinator.clone());
        tokio::spawn(driver.run(ctx.shutdown.clone()));
    }
    let ingestion = config.learning.enabled.then(|| {
        let fetcher = Fetcher::new(
            coordinator.clone(),
            store.clone(),
            kept.clone(),
            config.learning.min_quality,
        );
        let ingestion = Ingestion {
            bus,
            catch_up: CatchUp {
                coordinator,
                store: store.clone(),
                fetcher: fetcher.clone(),
            },
            fetcher,
            catch_up_every: Duration::from_secs_f64(config.learner.catch_up_seconds),
        };
        anyhow::Ok(tokio::spawn(
            ingestion.run(Token::parse(CONSUMER)?, ctx.shutdown.clone()),
        ))
    });
    let ingestion = ingestion.transpose()?;
    tokio::spawn(watch_database(store.clone(), ctx.clone()));
    let gauges = Gauges {
        store: store.clone(),
        registry: ctx.metrics.clone(),
        days: config.learning.window_days,
    };
    tokio::spawn(gauges.run(kept.clone(), ctx.shutdown.clone()));
    let study = Study {
        store: store.clone(),
        scrubber,
    };
    tokio::spawn(study.run(kept, ctx.shutdown.clone()));
    ctx.ready.set("grpc", true, "");
    tracing::info!(%address, "serving");

    let patterns = Patterns::new(store.clone(), config.learning.clone());
    if let Some(embedder) = embedder {
        let embedding = Embedding::new(store.clone(), embedder, patterns.offered_states());
        tokio::spawn(embedding.run(ctx.shutdown.clone()));
    }
    let teams = config.learning.teams.iter();
    let teams = teams.map(|team| (team.name.clone(), team.members.clone())).collect();
    let preferences = Preferences::new(store.clone(), teams).telling(erasures);
    let days = config.learning.window_days;
    let learner = rpc::Learner::new(exports.clone(), imports, patterns, preferences, store.clone(), days);
    let settling = Settling {
        store: store.clone(),
        turns: learner.business_turns(),
    };
    tokio::spawn(settling.run(ctx.shutdown.clone()));
    let providers = config.llm.all_providers().into_keys().collect();
    let intake = files::open(config, &store, &ctx.shutdown)?;
    let models = rpc::ModelRegistry::new(store.clone(), providers).taking(intake);
    let models = ModelServiceServer::new(models);
    let rules = config.learning.fine_tunes.clone();
    let jobs = FineTunes::new(store.clone(), Arc::clone(&trainers), rules.clone());
    tokio::spawn(jobs.run(ctx.shutdown.clone()));
    let fine_tunes = FineTuneServiceServer::new(rpc::FineTuneJobs::new(store.clone(), trainers, rules));
    let service = LearnerServiceServer::new(learner).max_decoding_message_size(65 << 20);
    let shutdown = ctx.shutdown.clone();
    Server::builder()
        .trace_fn(contracts::trace::rpc)
        .add_service(service)
        .add_service(models)
        .add_service(fine_tunes)
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), shutdown.cancelled_owned())
        .await
        .context("the gRPC server ended")?;
    if let Some(ingestion) = ingestion {
        ingestion.await.context("ingestion ended")?;
    }
    exports.ended().await;
    relay.abort();
    store.close().await;
    Ok(())
}

fn bus_config(ctx: &service::Context) -> anyhow::Result<BusConfig> {
    let nats = &ctx.config.nats;
    let password = nats.password.as_ref().map(Secret::resolve).transpose();
    Ok(BusConfig {
        url: nats.url.clone(),
        user: nats.user.clone(),
        password: password.context("nats.password cannot be read")?,
        prefix: nats.prefix.clone(),
        name: ctx.instance.clone(),
    })
}

/// Brings the schema up to date as soon as the database answers. False: told to stop before.
async fn migrated(store: &Store, ctx: &service::Context) -> anyhow::Result<bool> {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
    loop {
        match store.migrate().await {
            Ok(()) => {
                ctx.ready.set("database", true, "");
                return Ok(true);
            }
            Err(error) if error.is_retryable() => ctx.ready.set("database", false, &chain(&error)),
            Err(error) => return Err(error.into()),
        }
        if !slept(backoff.pause(), &ctx.shutdown).await {
            return Ok(false);
        }
    }
}

/// Once, since what is configured may have changed, and every day: a learner of another version may have been beside this one.
async fn settle(store: Store, shutdown: CancellationToken) {
    loop {
        if let Err(error) = store.settle_all().await {
            tracing::warn!(
                error = chain(&error),
                "states of patterns wait for what comes of them next"
            );
        }
        if !slept(SETTLE_EVERY, &shutdown).await {
            return;
        }
    }
}

async fn watch_database(store: Store, ctx: service::Context) {
    while slept(READY_EVERY, &ctx.shutdown).await {
        match store.ping().await {
            Ok(()) => ctx.ready.set("database", true, ""),
            Err(error) => ctx.ready.set("database", false, &chain(&error)),
        }
    }
}

/// False: told to stop.
async fn slept(pause: Duration, shutdown: &CancellationToken) -> bool {
    tokio::select! {
        () = shutdown.cancelled() => false,
        () = sleep(pause) => true,
    }
}

/// An error with what caused it, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
