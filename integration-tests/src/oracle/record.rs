//! What the oracle remembers.

use bytes::Bytes;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Everything that arrived.
#[derive(Debug, Default)]
pub struct Record {
    pub calls: BTreeMap<String, Vec<Call>>,
    pub arrivals: Vec<Arrival>,
}

/// A tool was called. Times are since the oracle's start.
#[derive(Clone, Debug)]
pub struct Call {
    /// Last part of the path.
    pub endpoint: String,
    /// The arguments as sent.
    pub arguments: Value,
    /// The body as sent.
    pub body: Bytes,
    /// `Idempotency-Key`, or empty.
    pub key: String,
    /// The calling process, where it could be told.
    pub caller: Option<u32>,
    /// When it began.
    pub started: Duration,
    /// When it was answered or the caller hung up.
    pub ended: Option<Duration>,
    /// The caller hung up before the answer.
    pub hung_up: bool,
    /// The answer's body.
    pub answer: Option<Bytes>,
}

impl Call {
    /// Both were under way at some moment.
    pub fn overlaps(&self, other: &Self) -> bool {
        let end = |call: &Self| call.ended.unwrap_or(Duration::MAX);
        self.started < end(other) && other.started < end(self)
    }
}

/// A webhook arrived.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The header `webhook-id`, or empty.
    pub key: String,
    /// Last part of the path.
    pub channel: String,
    /// The body as sent.
    pub body: Bytes,
    /// Headers of Standard Webhooks, for verifying.
    pub timestamp: String,
    /// Signature header.
    pub signature: String,
    /// Since the oracle's start.
    pub at: Duration,
    /// What it was answered.
    pub status: u16,
}
