//! Who asks, and under which trace.

use axum::extract::FromRequestParts;
use contracts::{TraceParent, coordinator, trace};
use http::HeaderMap;
use http::request::Parts;
use std::convert::Infallible;
use tracing::Span;
use uuid::Uuid;

pub use contracts::trace::TRACEPARENT;

/// Tenant of development mode; nothing a client sends can change it.
pub const TENANT: &str = "default";

/// Actor of development mode, which has no login.
const ACTOR: &str = "local";

/// One request's caller.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// The client's trace context, or a new one.
    pub trace: TraceParent,
}

impl Caller {
    /// From the trace context a client sent, if it is one; `fresh` seeds a new one otherwise.
    pub fn new(traceparent: Option<&str>, fresh: impl Fn() -> Uuid) -> Self {
        let trace = traceparent.and_then(TraceParent::parse).unwrap_or_else(|| {
            let (trace_id, span_id) = (fresh().as_u128(), fresh().as_u64_pair().1);
            TraceParent {
                trace_id: trace_id.max(1),
                span_id: span_id.max(1),
                flags: 1,
            }
        });
        Self { trace }
    }

    /// From HTTP headers.
    pub fn of(headers: &HeaderMap, fresh: impl Fn() -> Uuid) -> Self {
        Self::new(headers.get(TRACEPARENT).and_then(|v| v.to_str().ok()), fresh)
    }

    /// Below the span that serves the request, where that is exported; else from HTTP headers.
    pub fn within(span: &Span, headers: &HeaderMap, fresh: impl Fn() -> Uuid) -> Self {
        trace::of(span).map_or_else(|| Self::of(headers, fresh), |trace| Self { trace })
    }

    /// As the coordinator wants it.
    pub fn to_message(self) -> coordinator::Caller {
        coordinator::Caller {
            tenant: TENANT.to_owned(),
            actor: ACTOR.to_owned(),
            traceparent: self.trace.to_string(),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // The edge puts it there; a router without it still tells traces apart.
        let known = parts.extensions.get::<Self>().copied();
        Ok(known.unwrap_or_else(|| Self::of(&parts.headers, service::ids::v7)))
    }
}
