//! What was expected of a plan, and what it was chosen from.

use crate::text::{duration, field, items, percent, present, usd};
use serde_json::Value;
use std::time::Duration;

/// A line for the plan in force, one for each candidate, and one for what was left out of it.
pub fn lines(plan: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(forecast) = present(plan, "forecast") {
        lines.push(format!("forecast: {}", expected(forecast)));
    }
    for candidate in items(plan, "candidates") {
        lines.push(described(candidate));
    }
    let dropped = items(plan, "dropped_orders").iter();
    let dropped: Vec<String> = dropped
        .map(|order| {
            format!(
                "{} need not wait for {}",
                field(order, "step"),
                field(order, "waits_for")
            )
        })
        .collect();
    if !dropped.is_empty() {
        lines.push(format!("side by side: {}", dropped.join(", ")));
    }
    lines
}

fn described(candidate: &Value) -> String {
    let name = match present(candidate, "pattern_id") {
        Some(_) => format!("pattern {}", field(candidate, "pattern_id")),
        None => "from scratch".to_owned(),
    };
    let verdict = if candidate.get("chosen") == Some(&Value::Bool(true)) {
        "chosen"
    } else {
        "not chosen"
    };
    let forecast = candidate.get("forecast").map(expected).unwrap_or_default();
    format!("{verdict}: {name}: {}; {forecast}", field(candidate, "reason"))
}

/// `quality 80 % (70 %-90 %, of 9), $0.02 (at most $0.06), 30 s (at most 2 min)`; what is not known is said to be so.
fn expected(forecast: &Value) -> String {
    let quality = match present(forecast, "quality") {
        Some(quality) => {
            let range = quality.get("interval").and_then(Value::as_array).map(|ends| {
                let ends: Vec<String> = ends.iter().map(|end| percent(Some(end))).collect();
                format!("{}, ", ends.join("-"))
            });
            let range = range.unwrap_or_default();
            format!(
                "quality {} ({range}of {})",
                percent(quality.get("value")),
                field(quality, "n")
            )
        }
        None => "quality unknown".to_owned(),
    };
    let cost = bounded(forecast, "cost_usd", "price", |value| usd(Some(value)));
    let time = bounded(forecast, "duration_seconds", "time", |value| {
        let seconds = value
            .as_f64()
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        seconds.map_or_else(String::new, duration)
    });
    format!("{quality}, {cost}, {time}")
}

fn bounded(forecast: &Value, name: &str, what: &str, shown: impl Fn(&Value) -> String) -> String {
    let range = forecast.get(name).unwrap_or(&Value::Null);
    let most = present(range, "at_most").map(|most| format!(" (at most {})", shown(most)));
    match present(range, "expected") {
        Some(expected) => format!("{}{}", shown(expected), most.unwrap_or_default()),
        None => format!("{what} unknown{}", most.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_expected_and_why_others_lost_can_be_read() {
        let unknown = json!({"quality": null, "cost_usd": {"expected": null, "at_most": null},
            "duration_seconds": {"expected": null, "at_most": 90.0}});
        let plan = json!({
            "forecast": {"quality": {"value": 0.8, "n": 9, "interval": [0.7, 0.9]}, "cost_usd": {"expected": 0.02, "at_most": 0.06},
                "duration_seconds": {"expected": 30.0, "at_most": null}},
            "candidates": [
                {"source": "pattern", "pattern_id": "p1", "chosen": true, "reason": "the best by quality", "forecast": null},
                {"source": "scratch", "pattern_id": null, "chosen": false, "reason": "nobody knows", "forecast": unknown}],
            "dropped_orders": [{"step": "b", "waits_for": "a"}],
        });
        let lines = lines(&plan);
        assert_eq!(
            lines[0],
            "forecast: quality 80 % (70 %-90 %, of 9), $0.02 (at most $0.06), 30 s"
        );
        assert_eq!(
            lines[1],
            "chosen: pattern p1: the best by quality; quality unknown, price unknown, time unknown"
        );
        assert!(
            lines[2].starts_with("not chosen: from scratch: nobody knows; quality unknown, price unknown"),
            "{}",
            lines[2]
        );
        assert_eq!(lines[3], "side by side: b need not wait for a");
        assert!(super::lines(&json!({"version": 1})).is_empty());
    }
}
