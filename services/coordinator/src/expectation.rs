//! What a planner says it expects of its plan: bounded and checked, shown, and never looked at by a decision.
//!
//! A worker's word like any other. What is no sound number is not known; what is too long is cut.

use contracts::work::{Candidate, DroppedOrder, Forecast, PlanOutcome, ToldIssue};
use serde_json::{Map, Value, json};
use workflow::forecast;

/// Most candidates that are kept.
const CANDIDATES: usize = 3;
/// Most orders left out that are told; a plan has 200 steps at most.
const ORDERS: usize = 200;
const NAME_CHARS: usize = 64;
const REASON_CHARS: usize = 500;
/// A task that costs more, or takes longer (a year), is not planned.
const MAX_USD: f64 = 1e6;
const MAX_SECONDS: f64 = 31_536_000.0;

/// Most associations that are told.
const ASSOCIATIONS: usize = 20;
/// Most issues that are told.
const ISSUES: usize = 20;
const CONDITION_CHARS: usize = 200;

/// Members of the planning document: `forecast`, `candidates`, `dropped_orders`, `associations`, `issues`, each where there is something to tell.
pub fn members(planned: &PlanOutcome) -> Map<String, Value> {
    let mut members = Map::new();
    if let Some(forecast) = &planned.forecast {
        members.insert("forecast".to_owned(), document(forecast));
    }
    if !planned.candidates.is_empty() {
        let candidates = planned.candidates.iter().take(CANDIDATES).map(candidate);
        members.insert("candidates".to_owned(), candidates.collect());
    }
    if !planned.dropped_orders.is_empty() {
        let dropped = planned.dropped_orders.iter().take(ORDERS).map(order);
        members.insert("dropped_orders".to_owned(), dropped.collect());
    }
    if !planned.associations.is_empty() {
        let told = planned.associations.iter().take(ASSOCIATIONS);
        let told = told.map(|one| Value::from(cut(one, REASON_CHARS)));
        members.insert("associations".to_owned(), told.collect());
    }
    if !planned.issues.is_empty() {
        let told = planned.issues.iter().take(ISSUES).map(issue);
        members.insert("issues".to_owned(), told.collect());
    }
    members
}

fn issue(told: &ToldIssue) -> Value {
    json!({
        "issue_id": cut(&told.issue_id, NAME_CHARS),
        "code": cut(&told.code, NAME_CHARS),
        "tool": cut(&told.tool_id, CONDITION_CHARS),
        "condition": cut(&told.condition, CONDITION_CHARS),
    })
}

/// The numbers that are told with the plan.
pub fn told(planned: &PlanOutcome) -> Option<forecast::Forecast> {
    let forecast = planned.forecast.as_ref()?;
    Some(forecast::Forecast {
        quality: within(forecast.quality, 1.0),
        cost_usd: within(forecast.cost_usd, MAX_USD),
        duration_seconds: within(forecast.duration_seconds, MAX_SECONDS),
    })
}

/// `{quality:{value,n,interval}|null, cost_usd:{expected,at_most}, duration_seconds:{expected,at_most}}`.
fn document(forecast: &Forecast) -> Value {
    let interval = within(forecast.quality_low, 1.0).zip(within(forecast.quality_high, 1.0));
    let quality = within(forecast.quality, 1.0).map(|value| {
        let interval = interval.filter(|(low, high)| *low <= value && value <= *high);
        json!({"value": value, "n": forecast.quality_n, "interval": interval.map(|(low, high)| [low, high])})
    });
    let range = |expected, at_most, most| json!({"expected": within(expected, most), "at_most": within(at_most, most)});
    json!({
        "quality": quality,
        "cost_usd": range(forecast.cost_usd, forecast.cost_usd_at_most, MAX_USD),
        "duration_seconds": range(forecast.duration_seconds, forecast.duration_seconds_at_most, MAX_SECONDS),
    })
}

fn candidate(candidate: &Candidate) -> Value {
    let source = if candidate.source == "pattern" {
        "pattern"
    } else {
        "scratch"
    };
    let pattern = Some(cut(&candidate.pattern_id, NAME_CHARS)).filter(|id| !id.is_empty());
    json!({
        "source": source,
        "pattern_id": pattern,
        "forecast": document(&candidate.forecast.unwrap_or_default()),
        "chosen": candidate.chosen,
        "reason": cut(&candidate.reason, REASON_CHARS),
    })
}

fn order(order: &DroppedOrder) -> Value {
    json!({"step": cut(&order.step_key, NAME_CHARS), "waits_for": cut(&order.waits_for, NAME_CHARS)})
}

/// Rounded to six digits behind the point, as money is.
fn within(value: Option<f64>, most: f64) -> Option<f64> {
    value
        .filter(|value| (0.0..=most).contains(value))
        .map(|value| (value * 1e6).round() / 1e6)
}

fn cut(text: &str, characters: usize) -> String {
    text.chars().filter(|c| *c != '\0').take(characters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_sound_number_is_not_known_and_nothing_grows_without_bounds() {
        let odd = Forecast {
            quality: Some(f64::NAN),
            quality_low: Some(0.9),
            quality_high: Some(0.1),
            quality_n: u64::MAX,
            cost_usd: Some(f64::INFINITY),
            cost_usd_at_most: Some(-1.0),
            duration_seconds: Some(1e300),
            duration_seconds_at_most: None,
        };
        let long = Candidate {
            source: "<script>".repeat(1000),
            pattern_id: "x".repeat(100_000),
            forecast: Some(odd),
            chosen: true,
            reason: "y\0".repeat(100_000),
        };
        let order = DroppedOrder {
            step_key: "k".repeat(1_000),
            waits_for: String::new(),
        };
        let planned = PlanOutcome {
            forecast: Some(odd),
            candidates: vec![long; 20],
            dropped_orders: vec![order; 5_000],
            associations: vec!["a\0".repeat(10_000); 100],
            issues: vec![
                ToldIssue {
                    condition: "c\0".repeat(10_000),
                    ..ToldIssue::default()
                };
                100
            ],
            ..PlanOutcome::default()
        };
        let found = Value::Object(members(&planned));
        let unknown = json!({"expected": null, "at_most": null});
        assert_eq!(
            found["forecast"],
            json!({"quality": null, "cost_usd": unknown, "duration_seconds": unknown})
        );
        assert_eq!(found["candidates"].as_array().unwrap().len(), 3);
        assert_eq!(found["associations"].as_array().unwrap().len(), 20);
        assert_eq!(found["issues"].as_array().unwrap().len(), 20);
        assert_eq!(found["candidates"][0]["source"], "scratch");
        assert!(found.to_string().len() < 60_000 && !found.to_string().contains("\\u0000"));
        assert_eq!(told(&planned), Some(forecast::Forecast::default()));
        assert_eq!(members(&PlanOutcome::default()), Map::new());
        assert_eq!(told(&PlanOutcome::default()), None);
    }

    #[test]
    fn an_interval_stands_around_its_value_and_money_keeps_six_digits() {
        let forecast = |low, high| Forecast {
            quality: Some(0.8),
            quality_low: Some(low),
            quality_high: Some(high),
            quality_n: 4,
            cost_usd: Some(0.1 + 0.2),
            ..Forecast::default()
        };
        let shown = document(&forecast(0.7, 0.9));
        assert_eq!(shown["quality"], json!({"value": 0.8, "n": 4, "interval": [0.7, 0.9]}));
        assert_eq!(shown["cost_usd"]["expected"], json!(0.3));
        assert_eq!(document(&forecast(0.85, 0.9))["quality"]["interval"], Value::Null);
    }
}
