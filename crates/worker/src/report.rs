//! What a model did, in the words of the work messages.

use bus::worker::Ended;
use contracts::work;
use llm::{EngineError, Failed};
use std::time::Duration;

/// What calls cost.
pub fn usage(usage: llm::Usage) -> work::Usage {
    work::Usage {
        usd_micros: usage.usd_micros,
        known_usd_micros: usage.known_usd_micros,
        input_tokens: usage.input_tokens,
        output_tokens: usage.output_tokens,
        cached_tokens: usage.cached_tokens,
        reasoning_tokens: usage.reasoning_tokens,
        calls: usage.calls,
        model: usage.model,
    }
}

/// What was called, in order.
pub fn calls(calls: Vec<llm::Call>) -> Vec<work::Call> {
    calls.into_iter().map(call).collect()
}

/// How a run ends for which an engine has no answer. Where nobody answers at all, nothing was wrong with the
/// work: it waits and costs no attempt.
pub fn ended(failed: Failed) -> Ended {
    let Failed { error, usage, calls } = failed;
    let ended = match &error {
        EngineError::Away { retry_after, .. } => Ended::postponed(error.code(), error.to_string(), *retry_after),
        EngineError::OverGrant { needs, .. } => Ended::short_of(
            error.code(),
            error.to_string(),
            work::Grant {
                usd_micros: needs.usd_micros,
                tokens: needs.tokens,
                calls: needs.calls,
                ..work::Grant::default()
            },
        ),
        _ => Ended::failure(error.code(), error.to_string(), error.retryable()),
    };
    ended.costing(self::usage(usage)).having_called(self::calls(calls))
}

fn call(call: llm::Call) -> work::Call {
    let text = |value: Option<_>| value.map_or_else(String::new, |value: serde_json::Value| value.to_string());
    work::Call {
        kind: call.kind.as_str().to_owned(),
        name: call.name,
        provider: call.provider,
        model: call.model,
        prompt: call.prompt,
        duration_ms: milliseconds(call.duration),
        usage: Some(usage(call.usage)),
        error: call.error,
        detail: call.detail,
        input_json: text(call.input),
        output_json: text(call.output),
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
