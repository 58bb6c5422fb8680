//! The life of a process: flags, configuration, runtime, telemetry, health, the service itself, drain.

use crate::config::{self, Config, Faults, Sources};
use crate::context::Context;
use crate::flags::{Flags, usage};
use crate::health::Health;
use crate::metrics::names;
use crate::signals::Signals;
use crate::telemetry;
use anyhow::Context as _;
use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

/// The command line or the configuration cannot work (`EX_USAGE`).
const EXIT_USAGE: u8 = 64;

/// Most threads for blocking calls; there are few of those.
const BLOCKING_THREADS: usize = 32;

/// Runs `binary` from its flags to its end.
///
/// `body` is the service. It ends by itself after `ctx.shutdown` is cancelled; when it has not after
/// `service.drain_seconds`, or at a second signal, it is dropped. Exit codes: 0 it ended well, 1 it failed or was
/// dropped, 64 the flags or the configuration cannot work; nothing was bound then.
pub fn run<F, Fut>(binary: &'static str, body: F) -> ExitCode
where
    F: FnOnce(Context) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    run_checked(binary, |_| Ok(()), body)
}

/// As [`run`], where `check` finds what this binary cannot work with, such as secrets it needs that are not there.
pub fn run_checked<F, Fut>(binary: &'static str, check: fn(&Config) -> Result<(), Faults>, body: F) -> ExitCode
where
    F: FnOnce(Context) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let flags = match Flags::parse(std::env::args().skip(1)) {
        Ok(flags) => flags,
        Err(error) => {
            eprintln!("{error}\n{}", usage(binary));
            return ExitCode::from(EXIT_USAGE);
        }
    };
    if flags.help {
        println!("{}", usage(binary));
        return ExitCode::SUCCESS;
    }
    if flags.version {
        println!("{binary} {}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    if flags.default_config {
        return match config::documented_defaults() {
            Ok(text) => {
                print!("{text}");
                ExitCode::SUCCESS
            }
            Err(reason) => {
                eprintln!("{reason}");
                ExitCode::FAILURE
            }
        };
    }
    match config::load(&Sources::of_process(flags.overrides)) {
        Err(faults) => {
            eprintln!("{faults}");
            ExitCode::from(EXIT_USAGE)
        }
        Ok(config) if flags.check_config => print_config(&config),
        Ok(config) => match check(&config) {
            Ok(()) => start(Context::new(binary, config), body),
            Err(faults) => {
                eprintln!("{faults}");
                ExitCode::from(EXIT_USAGE)
            }
        },
    }
}

fn print_config(config: &Config) -> ExitCode {
    match config.to_toml() {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("the configuration cannot be printed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start<F, Fut>(ctx: Context, body: F) -> ExitCode
where
    F: FnOnce(Context) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let runtime = match runtime(ctx.config.service.runtime_threads) {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(live(ctx, body));
    // Blocking calls that still run must not hold the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    code
}

fn runtime(threads: usize) -> std::io::Result<Runtime> {
    let mut builder = if threads == 1 {
        Builder::new_current_thread()
    } else {
        Builder::new_multi_thread()
    };
    if threads > 1 {
        builder.worker_threads(threads);
    }
    builder.max_blocking_threads(BLOCKING_THREADS).enable_all().build()
}

async fn live<F, Fut>(ctx: Context, body: F) -> ExitCode
where
    F: FnOnce(Context) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let telemetry = match telemetry::init(ctx.binary, &ctx.instance, &ctx.metrics) {
        Ok(telemetry) => telemetry,
        Err(error) => {
            eprintln!("{:#}", anyhow::Error::new(error));
            return ExitCode::FAILURE;
        }
    };
    let outcome = serve(ctx, body).await;
    if let Err(error) = &outcome {
        tracing::error!(error = format!("{error:#}"), "ended with an error");
    }
    telemetry.flush().await;
    if outcome.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn serve<F, Fut>(ctx: Context, body: F) -> anyhow::Result<()>
where
    F: FnOnce(Context) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    // Fails only where a provider is installed already, and then there is one.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    let version = [("service", ctx.binary), ("version", env!("CARGO_PKG_VERSION"))];
    ctx.metrics.gauge(names::BUILD_INFO, &version).set(1.0);

    let health_addr = ctx.config.service.health_addr(ctx.binary);
    let listener = TcpListener::bind(health_addr).await;
    let listener = listener.with_context(|| format!("cannot listen on {health_addr} for health"))?;
    let health = Health {
        ready: ctx.ready.clone(),
        metrics: ctx.metrics.clone(),
    };
    let health_stop = CancellationToken::new();
    // Health is answered to the very end of the drain, then cut with everything else.
    let health_guard = health_stop.clone().drop_guard();
    tokio::spawn(async move {
        if let Err(error) = health.serve(listener, health_stop).await {
            tracing::error!(%error, "the health server ended");
        }
    });
    let development = ctx.config.service.development;
    tracing::info!(service = ctx.binary, instance = ctx.instance, %health_addr, development, "starting");

    let outcome = until_drained(&ctx, &mut signals, body(ctx.clone())).await;
    drop(health_guard);
    outcome
}

async fn until_drained(
    ctx: &Context,
    signals: &mut Signals,
    body: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let mut body = std::pin::pin!(body);
    let signal = tokio::select! {
        outcome = &mut body => return outcome,
        signal = signals.next() => signal,
    };
    let drain = Duration::from_secs_f64(ctx.config.service.drain_seconds);
    tracing::info!(signal, drain_seconds = drain.as_secs_f64(), "draining");
    ctx.ready.set("shutdown", false, "draining");
    ctx.shutdown.cancel();
    tokio::select! {
        outcome = &mut body => outcome.inspect(|()| tracing::info!("drained")),
        () = tokio::time::sleep(drain) => anyhow::bail!("not drained after {} s", drain.as_secs_f64()),
        second = signals.next() => anyhow::bail!("{second} ended the drain"),
    }
}
