//! Where the learning from a task belongs in its trace.

use bus::intake::Delivery;
use contracts::trace;
use tracing::{Span, info_span};

/// The consumer's span of an event, below its publication. Events are taken many at a time: each has a span of
/// its own, which lasts until it is dropped.
pub fn process(delivery: &Delivery) -> Span {
    let parent = delivery.header(trace::TRACEPARENT).unwrap_or_default();
    let span = info_span!(
        "process",
        otel.kind = "consumer",
        otel.name = format!("process {}", delivery.subject()),
        messaging.system = "nats",
        messaging.operation.name = "process",
        messaging.operation.r#type = "process",
        messaging.destination.name = delivery.subject(),
        messaging.message.id = delivery.header("Nats-Msg-Id"),
        task_id = delivery.header("ce-subject"),
    );
    trace::below(span, parent)
}
