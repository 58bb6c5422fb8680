//! The process: what it connects to, where it listens, how it ends.

use crate::application::{Application, Limits, Page};
use crate::caller::{Caller, TENANT};
use crate::coordinator::Coordinator;
use crate::figures;
use crate::grpc::{self, GrpcError};
use crate::learner::Learner;
use crate::live::{Hub, NatsFeed};
use crate::rest;
use crate::usual_channels::UsualChannels;
use bus::{Bus, BusConfig, Token};
use service::config::{Config, SecretError};
use service::health::Health;
use service::ready::ReadyFlag;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How often the coordinator is looked for, before it was found and after.
const LOOK_FOR: Duration = Duration::from_millis(200);
const LOOK_AFTER: Duration = Duration::from_secs(5);

/// Why the gateway cannot serve.
#[derive(thiserror::Error, Debug)]
pub enum GatewayError {
    /// There is no login, so nobody else may reach it.
    #[error("{0} is not a loopback address, and this build has no login; use 127.0.0.1 or [::1]")]
    NotLoopback(SocketAddr),
    /// The address is taken or not ours.
    #[error("cannot listen on {address}")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A service's address cannot be used.
    #[error("{key} is not a usable address")]
    Endpoint {
        /// Key of the configuration.
        key: &'static str,
        /// Why.
        #[source]
        source: tonic::transport::Error,
    },
    /// The NATS password leads nowhere.
    #[error("nats.password cannot be read")]
    Secret(#[from] SecretError),
    /// NATS cannot be used as configured.
    #[error("NATS cannot be used as configured")]
    Bus(#[from] bus::connection::ConnectError),
    /// The tenant cannot be a part of a subject.
    #[error("the tenant's name is not usable")]
    Tenant(#[from] bus::names::InvalidName),
    /// The REST server broke down.
    #[error("the REST server failed")]
    Rest(#[source] io::Error),
    /// The gRPC server broke down.
    #[error(transparent)]
    Grpc(#[from] GrpcError),
}

/// Serves until shutdown, then drains.
///
/// # Errors
/// It cannot be set up as configured, or a server breaks down.
pub async fn run(ctx: service::Context) -> Result<(), GatewayError> {
    let config = &ctx.config;
    let rest_listener = bind(config.gateway.rest_addr).await?;
    let grpc_listener = bind(config.gateway.grpc_addr).await?;
    let app = Arc::new(application(config, &ctx.instance, ctx.shutdown.clone()).await?);
    banner(config);
    ctx.ready.set("servers", true, "");
    let looking = tokio::spawn(follow_coordinator(Arc::clone(&app), ctx.ready.clone()));
    let figures = tokio::spawn(figures::follow(Arc::clone(&app), ctx.metrics.clone()));
    let health = Health {
        ready: ctx.ready.clone(),
        metrics: ctx.metrics.clone(),
    };
    let rest = rest::serve(rest_listener, Arc::clone(&app), health, ctx.shutdown.clone());
    let grpc = grpc::serve(grpc_listener, app, config.service.development, ctx.shutdown.clone());
    let served = tokio::try_join!(async { rest.await.map_err(GatewayError::Rest) }, async {
        grpc.await.map_err(GatewayError::Grpc)
    },);
    looking.abort();
    figures.abort();
    served.map(|((), ())| ())
}

async fn application(
    config: &Config,
    instance: &str,
    draining: CancellationToken,
) -> Result<Application, GatewayError> {
    let endpoint = |key| move |source| GatewayError::Endpoint { key, source };
    let coordinator = Coordinator::connect(&config.gateway.coordinator_url);
    let learner = Learner::connect(&config.gateway.learner_url);
    let nats = &config.nats;
    let bus = Bus::connect(&BusConfig {
        url: nats.url.clone(),
        user: nats.user.clone(),
        password: nats.password.as_ref().map(|secret| secret.resolve()).transpose()?,
        prefix: nats.prefix.clone(),
        name: instance.to_owned(),
    })
    .await?;
    Ok(Application {
        coordinator: coordinator.map_err(endpoint("gateway.coordinator_url"))?,
        learner: learner.map_err(endpoint("gateway.learner_url"))?,
        usual_channels: UsualChannels::default(),
        hub: Hub::new(Arc::new(NatsFeed::new(bus, Token::parse(TENANT)?))),
        limits: Limits {
            body_bytes: config.limits.body_bytes,
            json_depth: config.limits.json_depth,
            requests_in_flight: config.limits.requests_in_flight,
            model_bytes: config.models.max_file_bytes,
            ..Limits::default()
        },
        mcp: config.mcp.clone(),
        draining,
    })
}

/// Binds loopback addresses only.
async fn bind(address: SocketAddr) -> Result<TcpListener, GatewayError> {
    if !address.ip().is_loopback() {
        return Err(GatewayError::NotLoopback(address));
    }
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| GatewayError::Bind { address, source })
}

fn banner(config: &Config) {
    let (rest, grpc) = (config.gateway.rest_addr, config.gateway.grpc_addr);
    if config.service.development {
        eprintln!("DEVELOPMENT MODE: no login. Whoever reaches this machine's loopback address can do everything.");
    }
    tracing::info!(%rest, %grpc, "serving");
}

/// Keeps the readiness check of the coordinator: any answer at all will do.
async fn follow_coordinator(app: Arc<Application>, ready: ReadyFlag) {
    loop {
        let caller = Caller::new(None, service::ids::v7);
        let page = Page {
            limit: 1,
            cursor: String::new(),
        };
        let answered = app
            .tools(caller, page)
            .await
            .map_or_else(|refusal| refusal.status() != 503, |_| true);
        ready.set("coordinator", answered, "the coordinator does not answer");
        tokio::time::sleep(if answered { LOOK_AFTER } else { LOOK_FOR }).await;
    }
}
