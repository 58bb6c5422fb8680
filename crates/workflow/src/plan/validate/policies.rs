//! A step's channel, retry policy and timeout.

use super::faults::Faults;
use crate::plan::model::PlanStep;
use crate::tool::RetryPolicy;

const MAX_CODES: usize = 32;
const MAX_CODE_BYTES: usize = 100;

pub(super) fn check(index: usize, step: &PlanStep, channels: &[String], faults: &mut Faults) {
    if let Some(channel) = &step.channel
        && !is_allowed(channel, channels)
    {
        let detail = match channels {
            [] => "the task publishes nothing; only `result` can be named".to_owned(),
            _ => format!("not a channel of this task; its channels are {}", channels.join(", ")),
        };
        faults.push("plan_channel", format!("/steps/{index}/channel"), detail);
    }
    if let Some(retry) = &step.retry {
        check_retry(index, retry, faults);
    }
    if step
        .timeout_seconds
        .is_some_and(|seconds| !(0.1..=86_400.0).contains(&seconds))
    {
        let at = format!("/steps/{index}/timeout_seconds");
        faults.push("plan_timeout", at, "0.1 to 86400 seconds");
    }
}

fn is_allowed(channel: &str, channels: &[String]) -> bool {
    match channels {
        [] => channel == "result",
        _ => channels.iter().any(|allowed| allowed == channel),
    }
}

fn check_retry(index: usize, retry: &RetryPolicy, faults: &mut Faults) {
    let mut refuse = |member: &str, rule: &str| {
        faults.push("plan_retry", format!("/steps/{index}/retry/{member}"), rule);
    };
    if !(1..=20).contains(&retry.max_attempts) {
        refuse("max_attempts", "1 to 20 attempts");
    }
    if !(0.0..=3600.0).contains(&retry.initial_interval) {
        refuse("initial_interval", "0 to 3600 seconds");
    }
    if !(1.0..=10.0).contains(&retry.backoff) {
        refuse("backoff", "a factor of 1 to 10");
    }
    if !(0.0..=86_400.0).contains(&retry.max_interval) {
        refuse("max_interval", "0 to 86400 seconds");
    }
    let codes = &retry.non_retryable;
    if codes.len() > MAX_CODES || codes.iter().any(|code| code.is_empty() || code.len() > MAX_CODE_BYTES) {
        refuse("non_retryable", "at most 32 error codes of 1 to 100 bytes");
    }
}
