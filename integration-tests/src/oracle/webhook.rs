//! The webhook receiver.

use super::Shared;
use super::record::Arrival;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use std::sync::Arc;

/// One key in so many is refused when it first comes, so that resending is part of every run.
const REFUSED_ONE_IN: u32 = 5;

/// `POST /webhook/{channel}`.
pub async fn receive(
    State(shared): State<Arc<Shared>>,
    Path(channel): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    let key = header("webhook-id");
    let at = shared.started.elapsed();
    shared.read(|record| {
        let first = !record.arrivals.iter().any(|arrival| arrival.key == key);
        let unlucky = key.bytes().map(u32::from).sum::<u32>().is_multiple_of(REFUSED_ONE_IN);
        let status = if first && unlucky {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::NO_CONTENT
        };
        record.arrivals.push(Arrival {
            key,
            channel,
            body,
            timestamp: header("webhook-timestamp"),
            signature: header("webhook-signature"),
            at,
            status: status.as_u16(),
        });
        status
    })
}
