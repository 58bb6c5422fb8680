//! What a run tells of itself beside its outcome. It is a worker's word: kept within bounds, decided on never.

use contracts::work::{Call, JobResult, job_result};
use serde::Serialize;
use serde_json::Value;
use workflow::ids::{JobId, RunId};

/// Calls of one run that are kept.
const MAX_CALLS: usize = 64;
/// Bytes of a call's input and output together; longer ones are left out whole, so that what stays is JSON.
const MAX_CONTENT: usize = 16 << 10;
/// Characters of a name, and of an explanation.
const MAX_NAME: usize = 200;
const MAX_DETAIL: usize = 2000;
/// The end of the year 9999: later is no time a column could hold.
const LAST_MS: i64 = 253_402_300_799_999;

/// What a run told.
#[derive(Debug)]
pub struct Account {
    pub job: JobId,
    pub run: RunId,
    /// W3C trace context of the run; empty where it is not traced.
    pub traceparent: String,
    /// succeeded, skipped, failed, released or waiting_approval.
    pub outcome: &'static str,
    /// Code of its failure, or empty.
    pub error: String,
    /// Why it was handed back, or empty.
    pub message: String,
    /// Milliseconds since the Unix epoch, by the worker's clock.
    pub started_ms: i64,
    pub finished_ms: i64,
    pub calls: Vec<KeptCall>,
}

/// A call as it is kept and shown.
#[derive(Serialize, Debug)]
pub struct KeptCall {
    pub kind: String,
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub provider: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub model: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub prompt: String,
    pub duration_seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<KeptUsage>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
}

/// What a call cost; a price nobody knows is null.
#[derive(Serialize, Debug)]
pub struct KeptUsage {
    pub usd: Option<f64>,
    pub input_tokens: i64,
    pub output_tokens: i64,
    pub cached_tokens: i64,
    pub reasoning_tokens: i64,
}

impl Account {
    /// Of a result; none where there is nothing to tell.
    pub fn of(job: JobId, run: RunId, result: &mut JobResult) -> Option<Self> {
        let message = match &result.outcome {
            Some(job_result::Outcome::Released(released)) => cut(&released.message, MAX_DETAIL),
            _ => String::new(),
        };
        let calls = std::mem::take(&mut result.calls);
        let (outcome, error) = match &result.outcome {
            Some(job_result::Outcome::Failure(failure)) => ("failed", cut(&failure.code, MAX_NAME)),
            Some(job_result::Outcome::Released(released)) => ("released", cut(&released.code, MAX_NAME)),
            Some(job_result::Outcome::Awaiting(_)) => ("waiting_approval", String::new()),
            Some(job_result::Outcome::Skipped(_)) => ("skipped", String::new()),
            Some(_) | None => ("succeeded", String::new()),
        };
        let account = Self {
            job,
            run,
            traceparent: std::mem::take(&mut result.traceparent),
            outcome,
            error,
            message,
            started_ms: result.started_unix_ms.clamp(0, LAST_MS),
            finished_ms: result.finished_unix_ms.clamp(0, LAST_MS),
            calls: calls.into_iter().take(MAX_CALLS).map(kept).collect(),
        };
        let tells = !account.calls.is_empty() || !account.traceparent.is_empty() || account.is_postponed();
        tells.then_some(account)
    }

    /// Handed back with a reason, to be tried again when its pause is over.
    pub fn is_postponed(&self) -> bool {
        self.outcome == "released" && !self.error.is_empty()
    }
}

fn kept(call: Call) -> KeptCall {
    let fits = call.input_json.len() + call.output_json.len() <= MAX_CONTENT;
    let content = |json: String| {
        let json = Some(json).filter(|_| fits)?;
        serde_json::from_str(&json).ok()
    };
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are far below 2^52")]
    let seconds = call.duration_ms.max(0) as f64 / 1000.0;
    // Of tools only what was charged.
    let used = call.usage.filter(|usage| call.kind == "model" || usage.calls > 0);
    KeptCall {
        kind: cut(&call.kind, MAX_NAME),
        name: cut(&call.name, MAX_NAME),
        provider: cut(&call.provider, MAX_NAME),
        model: cut(&call.model, MAX_NAME),
        prompt: cut(&call.prompt, MAX_NAME),
        duration_seconds: seconds,
        usage: used.map(|usage| KeptUsage {
            usd: usage.usd_micros.map(crate::view::usd),
            input_tokens: usage.input_tokens.max(0),
            output_tokens: usage.output_tokens.max(0),
            cached_tokens: usage.cached_tokens.max(0),
            reasoning_tokens: usage.reasoning_tokens.max(0),
        }),
        error: cut(&call.error, MAX_NAME),
        detail: cut(&call.detail, MAX_DETAIL),
        input: content(call.input_json),
        output: content(call.output_json),
    }
}

/// Cut, and without what a column cannot hold.
fn cut(text: &str, characters: usize) -> String {
    text.chars().filter(|c| *c != '\0').take(characters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::work::Usage;
    use serde_json::json;
    use uuid::Uuid;

    fn account(calls: Vec<Call>) -> Option<Account> {
        let mut result = JobResult {
            calls,
            outcome: Some(job_result::Outcome::Published(Default::default())),
            ..JobResult::default()
        };
        Account::of(JobId(Uuid::nil()), RunId(Uuid::nil()), &mut result)
    }

    #[test]
    fn what_a_worker_tells_is_kept_within_bounds_and_stays_json() {
        let call = Call {
            kind: "model".to_owned(),
            name: "n\0".repeat(500),
            duration_ms: -5,
            usage: Some(Usage::default()),
            input_json: "{\"a\":\"\\u0000\"}".to_owned(),
            output_json: "not json".to_owned(),
            ..Call::default()
        };
        let long = Call {
            input_json: format!("\"{}\"", "x".repeat(MAX_CONTENT)),
            ..Call::default()
        };
        let calls = [vec![call], vec![long; 100]].concat();
        let kept = account(calls).unwrap();
        assert_eq!(kept.calls.len(), MAX_CALLS);
        let shown: Value = serde_json::to_value(&kept.calls[0]).unwrap();
        assert_eq!(shown["name"], "n".repeat(MAX_NAME));
        assert_eq!(
            (&shown["duration_seconds"], &shown["usage"]["usd"]),
            (&json!(0.0), &Value::Null)
        );
        assert_eq!((&shown["input"], shown.get("output")), (&json!({"a": "\0"}), None));
        assert!(kept.calls[1].input.is_none());
    }

    #[test]
    fn a_tool_that_was_charged_tells_its_price_and_one_of_unknown_price_none() {
        let tool = |usage| Call {
            kind: "tool".to_owned(),
            usage: Some(usage),
            ..Call::default()
        };
        let charged = Usage {
            usd_micros: Some(250_000),
            calls: 1,
            ..Usage::default()
        };
        let kept = account(vec![tool(charged), tool(Usage::default())]).unwrap();
        let shown = serde_json::to_value(&kept.calls).unwrap();
        assert_eq!(shown[0]["usage"]["usd"], 0.25);
        assert_eq!(shown[1].get("usage"), None);
    }

    #[test]
    fn a_run_that_called_nothing_and_is_not_traced_tells_nothing() {
        assert!(account(Vec::new()).is_none());
    }
}
