//! One trace through every message: how the context of a span goes out, and becomes a parent elsewhere.
//!
//! The spans here have a field `otel.*` or `gen_ai.*`: they exist for telemetry alone, and where it is off they
//! are disabled and cost nothing. Then no context goes out either, and what a task brought along stays as it is.

use crate::TraceParent;
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tonic::metadata::MetadataValue;
use tracing::{Span, field, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Header, gRPC metadata and NATS header of the W3C trace context.
pub const TRACEPARENT: &str = "traceparent";

/// The only flag of version 00 that says something: sampled.
const SAMPLED: u8 = 1;

/// Puts a span that was not entered yet below `traceparent`; without one that can be read it stays a root.
pub fn below(span: Span, traceparent: &str) -> Span {
    if span.is_disabled() {
        return span;
    }
    if let Some(parent) = TraceParent::parse(traceparent) {
        let context = Context::new().with_remote_span_context(remote(parent));
        // It fails only for a span that is not exported, and such a span needs no parent.
        let (Ok(()) | Err(_)) = span.set_parent(context);
    }
    span
}

/// Names another cause of a span beside its parent.
pub fn link(span: &Span, traceparent: &str) {
    if !span.is_disabled()
        && let Some(cause) = TraceParent::parse(traceparent)
    {
        span.add_link(remote(cause));
    }
}

/// What a span hands on; none where it is not exported.
pub fn of(span: &Span) -> Option<TraceParent> {
    if span.is_disabled() {
        return None;
    }
    local(&span.context())
}

/// What the span that is entered now hands on.
pub fn current() -> Option<TraceParent> {
    local(&Context::current())
}

fn local(context: &Context) -> Option<TraceParent> {
    let span = context.span();
    let span = span.span_context();
    span.is_valid().then(|| TraceParent {
        trace_id: u128::from_be_bytes(span.trace_id().to_bytes()),
        span_id: u64::from_be_bytes(span.span_id().to_bytes()),
        flags: span.trace_flags().to_u8(),
    })
}

fn remote(parent: TraceParent) -> SpanContext {
    SpanContext::new(
        TraceId::from_bytes(parent.trace_id.to_be_bytes()),
        SpanId::from_bytes(parent.span_id.to_be_bytes()),
        TraceFlags::new(parent.flags & SAMPLED),
        true,
        TraceState::NONE,
    )
}

/// The trace id of a `traceparent`, for log lines; empty where it is none.
pub fn id_of(traceparent: &str) -> &str {
    let id = traceparent.get(3..35);
    id.filter(|_| TraceParent::parse(traceparent).is_some())
        .unwrap_or_default()
}

/// Client interceptor: the current span goes with the request.
///
/// # Errors
/// Never; the signature is the interceptor's.
pub fn inject(mut request: tonic::Request<()>) -> Result<tonic::Request<()>, tonic::Status> {
    // Without telemetry there is no context, and nothing to do.
    let current = current().map(|parent| MetadataValue::try_from(parent.to_string()));
    if let Some(Ok(value)) = current {
        request.metadata_mut().insert(TRACEPARENT, value);
    }
    Ok(request)
}

/// Server span of a gRPC request between services, for `tonic`'s `trace_fn`. Requests without a context, such
/// as beats and health checks, belong to no trace.
pub fn rpc(request: &http::Request<()>) -> Span {
    traceparent(request).map_or_else(Span::none, |parent| rpc_below(request, parent))
}

/// Server span of a client's gRPC request, which may begin a trace.
pub fn rpc_of_client(request: &http::Request<()>) -> Span {
    match traceparent(request) {
        Some(parent) => rpc_below(request, parent),
        // Health and reflection.
        None if request.uri().path().starts_with("/grpc.") => Span::none(),
        None => rpc_below(request, ""),
    }
}

fn traceparent(request: &http::Request<()>) -> Option<&str> {
    request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok())
}

fn rpc_below(request: &http::Request<()>, parent: &str) -> Span {
    let name = request.uri().path().trim_start_matches('/');
    let (service, method) = name.rsplit_once('/').unwrap_or_default();
    let span = info_span!(
        "rpc",
        otel.kind = "server",
        otel.name = name,
        rpc.system = "grpc",
        rpc.service = service,
        rpc.method = method,
        task_id = field::Empty,
    );
    below(span, parent)
}

/// Records that a span ended badly, under a stable code.
pub fn fail(span: &Span, code: &str) {
    if !span.is_disabled() {
        span.set_status(opentelemetry::trace::Status::error(""));
        span.set_attribute("error.type", code.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing::Instrument;
    use tracing_subscriber::layer::SubscriberExt;

    const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

    fn with_telemetry(test: impl FnOnce()) {
        let provider = SdkTracerProvider::builder().build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), test);
    }

    fn request(traceparent: &str) -> http::Request<()> {
        let request = http::Request::post("/orchestrator.coordinator.v1.TaskService/Submit");
        request.header(TRACEPARENT, traceparent).body(()).unwrap()
    }

    #[test]
    fn a_context_that_comes_in_goes_out_with_the_same_trace_and_sampling_under_a_new_span() {
        with_telemetry(|| {
            for given in [SAMPLED, UNSAMPLED] {
                let span = rpc(&request(given));
                let (parent, own) = (TraceParent::parse(given).unwrap(), of(&span).unwrap());
                assert_eq!((own.trace_id, own.flags), (parent.trace_id, parent.flags));
                assert_ne!(own.span_id, parent.span_id);
                let sent = span.in_scope(|| inject(tonic::Request::new(())).unwrap());
                let sent = sent.metadata().get(TRACEPARENT).unwrap().to_str().unwrap();
                assert_eq!(sent, own.to_string());
            }
        });
    }

    #[test]
    fn what_is_no_context_begins_a_trace_of_its_own_and_requests_without_one_belong_to_none() {
        with_telemetry(|| {
            let forged = of(&below(info_span!("a", otel.kind = "server"), "00-zz-zz-zz")).unwrap();
            let parent = TraceParent::parse(SAMPLED).unwrap();
            assert_ne!(forged.trace_id, parent.trace_id);
            assert!(rpc(&http::Request::new(())).is_disabled());
        });
    }

    #[test]
    fn without_telemetry_nothing_goes_out() {
        let span = rpc(&request(SAMPLED));
        assert_eq!(of(&span), None);
        let sent = span.in_scope(|| inject(tonic::Request::new(())).unwrap());
        assert!(sent.metadata().get(TRACEPARENT).is_none());
    }

    #[test]
    fn awaited_work_keeps_its_context_apart_from_its_neighbours() {
        with_telemetry(|| {
            let sent = |traceparent: &'static str| {
                let span = below(info_span!("job", otel.kind = "consumer"), traceparent);
                let work = async {
                    std::future::ready(()).await;
                    let sent = inject(tonic::Request::new(())).unwrap();
                    sent.metadata().get(TRACEPARENT).unwrap().to_str().unwrap().to_owned()
                };
                work.instrument(span)
            };
            let other = "00-00000000000000000000000000000001-0000000000000001-01";
            let both = futures::executor::block_on(futures::future::join(sent(SAMPLED), sent(other)));
            assert_eq!((id_of(&both.0), id_of(&both.1)), (id_of(SAMPLED), id_of(other)));
        });
    }

    #[test]
    fn a_trace_id_is_taken_from_a_context_only() {
        assert_eq!(id_of(SAMPLED), "4bf92f3577b34da6a3ce929d0e0e4736");
        for text in [
            "",
            "00-4bf9",
            "00-4bf92f3577b34da6a3ce929d0e0e47\u{e9}-00f067aa0ba902b7-01",
        ] {
            assert_eq!(id_of(text), "");
        }
    }
}
