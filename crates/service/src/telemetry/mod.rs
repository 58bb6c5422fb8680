//! JSON logs on stderr; traces, metrics and logs by OTLP where the standard variables name a receiver.
//!
//! There are two kinds of spans. Those with a field `otel.*` or `gen_ai.*` are for traces alone: without a
//! receiver nobody is interested in them, and they cost nothing. All others name what a log line is about.

mod exporters;
mod line;
mod settings;

pub use settings::SettingError;

use crate::metrics::Registry;
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::TracerProvider;
use opentelemetry::{KeyValue, Value};
use opentelemetry_appender_tracing::layer::{OpenTelemetryTracingBridge, TracingSpanAttributes};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::SdkTracerProvider;
use settings::Signal;
use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer, fmt};

/// Who made the spans and figures.
const SCOPE: &str = "orchestrator";
/// Names of spans that go with every log record.
const LINE_NAMES: [&str; 4] = ["task_id", "job_id", "kind", "trace_id"];
/// What sends telemetry must not be told of by it.
const SENDERS: [&str; 6] = ["opentelemetry", "tonic", "h2", "hyper", "tower", "reqwest"];

/// Keeps the exporters; [`Telemetry::flush`] sends what they hold.
#[derive(Debug)]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
    logs: Option<SdkLoggerProvider>,
}

/// Logs or telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The environment asks for something else than OTLP.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// An OTLP exporter refused its settings.
    #[error("an OTLP exporter cannot be built")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// The client for OTLP over HTTP could not be made.
    #[error("the client for OTLP over HTTP cannot be built")]
    Client(#[source] reqwest::Error),
    /// Something else already takes the logs.
    #[error("logging is already set up")]
    Subscriber(#[from] TryInitError),
}

/// Sets up logs (`RUST_LOG`, default `info`) and what the `OTEL_*` variables ask for; `registry` is what
/// metrics are exported from. Call it inside the runtime: the exporters' connections live there.
///
/// # Errors
/// The environment asks for what cannot be done, or logging is set up already.
pub fn init(binary: &str, instance: &str, registry: &Registry) -> Result<Telemetry, TelemetryError> {
    let telemetry = Telemetry::of_environment(&resource(binary, instance))?;
    if let Some(provider) = &telemetry.metrics {
        registry.export_by(provider.meter(SCOPE));
    }
    tracing_subscriber::registry()
        .with(lines().with_filter(for_lines()))
        .with(telemetry.span_layer())
        .with(telemetry.log_layer())
        .try_init()?;
    Ok(telemetry)
}

fn lines<S>() -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fmt::layer()
        .fmt_fields(JsonFields::new())
        .event_format(line::Line)
        .with_writer(std::io::stderr)
}

/// What is told where nobody chose. The library of the Model Context Protocol tells what servers say.
const USUAL: &str = "info,rmcp=warn";

/// What is written to stderr, and sent as logs.
fn for_lines<S>() -> impl tracing_subscriber::layer::Filter<S> {
    let chosen = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(USUAL));
    chosen.and(filter_fn(|metadata| !is_for_traces(metadata)))
}

fn is_for_traces(metadata: &Metadata<'_>) -> bool {
    let marks = |name: &str| name.starts_with("otel.") || name.starts_with("gen_ai.");
    metadata.is_span() && metadata.fields().iter().any(|field| marks(field.name()))
}

fn is_of_senders(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    SENDERS.iter().any(|sender| target.starts_with(sender))
}

/// Who this process is. What the environment says of it counts more.
fn resource(binary: &str, instance: &str) -> Resource {
    let named = std::env::var("OTEL_SERVICE_NAME").ok().filter(|name| !name.is_empty());
    let resource = Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", format!("orchestrator-{binary}")),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", instance.to_owned()),
        ])
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_detector(Box::new(EnvResourceDetector::new()));
    match named {
        Some(name) => resource.with_service_name(Value::from(name)).build(),
        None => resource.build(),
    }
}

impl Telemetry {
    fn of_environment(resource: &Resource) -> Result<Self, TelemetryError> {
        let protocol = |signal: Signal| signal.protocol(|name| std::env::var(name).ok());
        let traces = protocol(Signal::Traces)?.map(exporters::spans).transpose()?;
        let metrics = protocol(Signal::Metrics)?.map(exporters::metrics).transpose()?;
        let logs = protocol(Signal::Logs)?.map(exporters::logs).transpose()?;
        let resource = || resource.clone();
        Ok(Self {
            traces: traces.map(|exporter| {
                let provider = SdkTracerProvider::builder().with_batch_exporter(exporter);
                provider.with_resource(resource()).build()
            }),
            metrics: metrics.map(|exporter| {
                let provider = SdkMeterProvider::builder().with_periodic_exporter(exporter);
                provider.with_resource(resource()).build()
            }),
            logs: logs.map(|exporter| {
                let provider = SdkLoggerProvider::builder().with_batch_exporter(exporter);
                provider.with_resource(resource()).build()
            }),
        })
    }

    fn span_layer<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let tracer = self.traces.as_ref()?.tracer(SCOPE);
        let layer = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_level(false)
            .with_tracked_inactivity(false);
        let wanted = filter_fn(|metadata| is_for_traces(metadata) && !is_of_senders(metadata));
        Some(layer.with_filter(wanted.with_max_level_hint(LevelFilter::INFO)))
    }

    fn log_layer<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let names = TracingSpanAttributes::allowlist(LINE_NAMES);
        let bridge = OpenTelemetryTracingBridge::builder(self.logs.as_ref()?).with_tracing_span_attributes(names);
        let foreign = filter_fn(|metadata| !is_of_senders(metadata));
        Some(bridge.build().with_filter(for_lines().and(foreign)))
    }

    /// Sends what is left, all at the same time: a receiver that does not answer must not hold up the end for
    /// long.
    pub async fn flush(self) {
        let Self { traces, metrics, logs } = self;
        tokio::join!(
            ending("traces", traces.map(|provider| move || provider.shutdown())),
            ending("metrics", metrics.map(|provider| move || provider.shutdown())),
            ending("logs", logs.map(|provider| move || provider.shutdown())),
        );
    }
}

/// Off the runtime's own thread: the exporters need that one to reach their receiver.
async fn ending(what: &str, shutdown: Option<impl FnOnce() -> OTelSdkResult + Send + 'static>) {
    let Some(shutdown) = shutdown else { return };
    match tokio::task::spawn_blocking(shutdown).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, what, "the last telemetry was not sent"),
        Err(error) => tracing::warn!(%error, what, "the last telemetry was not sent"),
    }
}
