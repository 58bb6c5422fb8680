//! An OTLP receiver: keeps what telemetry arrives, over gRPC.

use anyhow::Result;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// A span as it arrived.
#[derive(Clone, Debug)]
pub struct Span {
    /// `service.name` of who sent it.
    pub service: String,
    /// Hexadecimal.
    pub trace_id: String,
    /// Hexadecimal.
    pub span_id: String,
    /// Hexadecimal; empty for a root.
    pub parent_id: String,
    /// Its name.
    pub name: String,
    /// As text.
    pub attributes: BTreeMap<String, String>,
}

/// A log record as it arrived.
#[derive(Clone, Debug)]
pub struct Log {
    /// `service.name` of who sent it.
    pub service: String,
    /// Hexadecimal.
    pub trace_id: String,
    /// Its message.
    pub body: String,
    /// As text.
    pub attributes: BTreeMap<String, String>,
}

/// What arrived so far.
#[derive(Clone, Debug, Default)]
pub struct Arrived {
    /// In order.
    pub spans: Vec<Span>,
    /// In order.
    pub logs: Vec<Log>,
    /// Names of metrics by service.
    pub metrics: BTreeMap<String, BTreeSet<String>>,
}

type Shared = Arc<Mutex<Arrived>>;

/// A receiver that listens until it is dropped.
#[derive(Debug)]
pub struct Collector {
    arrived: Shared,
    url: String,
    server: AbortHandle,
}

impl Collector {
    /// On a port of its own.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let arrived = Shared::default();
        let keeper = Keeper(Arc::clone(&arrived));
        let served = Server::builder()
            .add_service(TraceServiceServer::new(keeper.clone()))
            .add_service(MetricsServiceServer::new(keeper.clone()))
            .add_service(LogsServiceServer::new(keeper))
            .serve_with_incoming(TcpIncoming::from(listener));
        Ok(Self {
            arrived,
            url,
            server: tokio::spawn(served).abort_handle(),
        })
    }

    /// For `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What arrived so far.
    pub fn arrived(&self) -> Arrived {
        lock(&self.arrived).clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[derive(Clone)]
struct Keeper(Shared);

fn lock(shared: &Shared) -> MutexGuard<'_, Arrived> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        Some(Any::StringValue(text)) => text,
        Some(Any::IntValue(number)) => number.to_string(),
        Some(Any::BoolValue(truth)) => truth.to_string(),
        Some(Any::DoubleValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn attributes(pairs: Vec<KeyValue>) -> BTreeMap<String, String> {
    pairs.into_iter().map(|pair| (pair.key, text(pair.value))).collect()
}

fn service(resource: Option<Resource>) -> String {
    let attributes = resource
        .map(|resource| attributes(resource.attributes))
        .unwrap_or_default();
    attributes.get("service.name").cloned().unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tonic::async_trait]
impl TraceService for Keeper {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for part in request.into_inner().resource_spans {
            let service = service(part.resource);
            let spans = part.scope_spans.into_iter().flat_map(|scope| scope.spans);
            lock(&self.0).spans.extend(spans.map(|span| Span {
                service: service.clone(),
                trace_id: hex(&span.trace_id),
                span_id: hex(&span.span_id),
                parent_id: hex(&span.parent_span_id),
                name: span.name,
                attributes: attributes(span.attributes),
            }));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Keeper {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        for part in request.into_inner().resource_metrics {
            let service = service(part.resource);
            let metrics = part.scope_metrics.into_iter().flat_map(|scope| scope.metrics);
            let names = metrics.map(|metric| metric.name);
            lock(&self.0).metrics.entry(service).or_default().extend(names);
        }
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Keeper {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        for part in request.into_inner().resource_logs {
            let service = service(part.resource);
            let records = part.scope_logs.into_iter().flat_map(|scope| scope.log_records);
            lock(&self.0).logs.extend(records.map(|record| Log {
                service: service.clone(),
                trace_id: hex(&record.trace_id),
                body: text(record.body),
                attributes: attributes(record.attributes),
            }));
        }
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}
