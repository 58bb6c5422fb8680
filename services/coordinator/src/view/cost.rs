//! What a task cost, and what it may.

use super::Facts;
use serde_json::{Value, json};
use workflow::submission::Policy;

/// The sum of what its runs told, those included that came too late to count: `{usd, input_tokens, output_tokens, calls}`. `usd` is null where runs used something and none of
/// them could name its whole price: null is never 0.
pub(super) fn cost(facts: &Facts) -> Value {
    let costs = facts.costs;
    let known = costs.lines == 0 || costs.priced > 0;
    json!({
        "usd": known.then(|| usd(costs.usd_micros)),
        "input_tokens": costs.input_tokens,
        "output_tokens": costs.output_tokens,
        "calls": costs.calls,
    })
}

/// The limits in force, humans' raises included; null: no limit.
pub(super) fn budget(facts: &Facts) -> Value {
    let policy: &Policy = &facts.submission.policy;
    let extra = facts.task.extra_budget;
    json!({
        "max_cost_usd": policy.max_cost_usd_micros.map(|most| usd(most.saturating_add(extra.usd_micros))),
        "max_tokens": policy.max_tokens.map(|most| most.saturating_add(extra.tokens)),
        "max_calls": policy.max_calls.map(|most| most.saturating_add(extra.calls)),
        "max_duration_seconds": policy.max_duration_seconds.map(|most| most + facts.task.extra_time.as_secs_f64()),
    })
}

/// Dollars of micro-dollars.
pub fn usd(micros: i64) -> f64 {
    micros as f64 / 1e6
}
