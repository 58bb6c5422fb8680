//! What was expected of a task, beside what came of it.

use serde_json::Value;

/// What was expected of a task, beside what came of it; none: not known, or not to be compared.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Foreseen {
    /// The forecast overall score; the actual one is the record's.
    pub quality: Option<f64>,
    /// USD of its steps, repairs included.
    pub usd: Option<Pair>,
    /// Seconds from its first step's start to its last step's end. Of tasks without repairs, and without people
    /// between the steps: neither is foreseen.
    pub seconds: Option<Pair>,
}

/// Two numbers of one task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    pub expected: f64,
    pub actual: f64,
}

impl Foreseen {
    /// From a raw record. What a task cost and took is compared where its plan was run to the end.
    pub fn of(raw: &Value) -> Self {
        let Some(forecast) = raw
            .pointer("/task/plan/forecast")
            .filter(|forecast| forecast.is_object())
        else {
            return Self::default();
        };
        let status = raw.pointer("/task/status").and_then(Value::as_str);
        let is_whole = matches!(status, Some("completed" | "rejected"));
        let pair = |expected: &str, actual: fn(&Value) -> Option<f64>| {
            let expected = forecast.pointer(expected).and_then(number)?;
            Some(Pair {
                expected,
                actual: actual(raw).filter(|_| is_whole)?,
            })
        };
        Self {
            quality: forecast.pointer("/quality/value").and_then(number),
            usd: pair("/cost_usd/expected", usd_of_steps),
            seconds: pair("/duration_seconds/expected", seconds_of_steps),
        }
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().filter(|number| number.is_finite() && *number >= 0.0)
}

/// None where some price, or what it was paid for, is unknown.
fn usd_of_steps(raw: &Value) -> Option<f64> {
    let mut sum = 0.0;
    for line in raw.get("costs")?.as_array()? {
        if line.get("kind")?.as_str()? == "execute" {
            sum += number(line.get("usd")?)?;
        }
    }
    Some(sum)
}

fn seconds_of_steps(raw: &Value) -> Option<f64> {
    let is_undisturbed = raw.pointer("/task/refinements").and_then(Value::as_u64) == Some(0);
    let mut gates = raw.get("gates").and_then(Value::as_array).into_iter().flatten();
    let between = |gate: &Value| matches!(gate.get("kind").and_then(Value::as_str), Some("step" | "attention"));
    if !is_undisturbed || gates.any(between) {
        return None;
    }
    let steps = || {
        raw.pointer("/task/plan/steps")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let moments = |name: &'static str| steps().filter_map(move |step| time(step.get(name)?));
    let took = moments("finished_at").max()? - moments("started_at").min()?;
    let seconds = took.num_milliseconds() as f64 / 1000.0;
    Some(seconds).filter(|seconds| *seconds >= 0.0)
}

fn time(value: &Value) -> Option<chrono::DateTime<chrono::FixedOffset>> {
    chrono::DateTime::parse_from_rfc3339(value.as_str()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record() -> Value {
        json!({
            "task": {
                "status": "completed", "refinements": 0,
                "plan": {
                    "forecast": {"quality": {"value": 0.8, "n": 9, "interval": null}, "cost_usd": {"expected": 0.5, "at_most": null},
                        "duration_seconds": {"expected": 20.0, "at_most": 90.0}},
                    "steps": [
                        {"started_at": "2030-01-02T03:04:05.500Z", "finished_at": "2030-01-02T03:04:10.000Z"},
                        {"started_at": "2030-01-02T03:04:11.000Z", "finished_at": "2030-01-02T03:04:30.000Z"},
                        {"started_at": null, "finished_at": null},
                    ],
                },
            },
            "gates": [{"kind": "publication", "action": "approve", "actor": "bob"}],
            "costs": [{"kind": "plan", "usd": 9.0}, {"kind": "execute", "usd": 0.25}, {"kind": "execute", "usd": 0.5}],
        })
    }

    fn pair(expected: f64, actual: f64) -> Option<Pair> {
        Some(Pair { expected, actual })
    }

    #[test]
    fn steps_are_compared_with_what_was_foreseen_of_them() {
        let found = Foreseen::of(&record());
        assert_eq!(
            (found.quality, found.usd, found.seconds),
            (Some(0.8), pair(0.5, 0.75), pair(20.0, 24.5))
        );
    }

    #[test]
    fn what_was_not_foreseen_or_cannot_be_known_is_not_compared() {
        let with = |pointer: &str, value: Value| {
            let mut raw = record();
            *raw.pointer_mut(pointer).unwrap() = value;
            Foreseen::of(&raw)
        };
        assert_eq!(with("/task/plan/forecast", Value::Null), Foreseen::default());
        let failed = with("/task/status", json!("failed"));
        assert_eq!((failed.quality, failed.usd, failed.seconds), (Some(0.8), None, None));
        let repaired = with("/task/refinements", json!(1));
        assert_eq!((repaired.usd, repaired.seconds), (pair(0.5, 0.75), None));
        assert_eq!(with("/gates/0/kind", json!("step")).seconds, None);
        assert_eq!(with("/costs/2/usd", Value::Null).usd, None);
        assert_eq!(with("/costs/0/kind", Value::Null).usd, None);
        assert_eq!(with("/task/plan/forecast/cost_usd/expected", json!("much")).usd, None);
        assert_eq!(with("/task/plan/forecast/quality", Value::Null).quality, None);
    }
}
