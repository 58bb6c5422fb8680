//! Measured figures: `{value, n, interval, window}`, where a value of null was never measured.

use crate::text::{present, shown};
use serde_json::Value;

/// How a figure is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// A fraction 0-1, shown as percent.
    Rate,
    Usd,
    /// As it is.
    Number,
}

/// The value, whether it came with its measurement or alone; `-` where there is none.
pub fn value(figure: &Value, unit: Unit) -> String {
    let number = match figure {
        Value::Object(members) => members.get("value").and_then(Value::as_f64),
        other => other.as_f64(),
    };
    number.map_or_else(|| "-".to_owned(), |number| written(number, unit))
}

/// How many it was measured on.
pub fn count(figure: &Value) -> String {
    present(figure, "n").map_or_else(String::new, shown)
}

/// The interval it lies in.
pub fn interval(figure: &Value, unit: Unit) -> String {
    let bounds: Vec<f64> = match figure.get("interval") {
        Some(Value::Array(bounds)) => bounds.iter().filter_map(Value::as_f64).collect(),
        Some(Value::Object(bounds)) => ["low", "high"]
            .iter()
            .filter_map(|name| bounds.get(*name)?.as_f64())
            .collect(),
        _ => Vec::new(),
    };
    match bounds.as_slice() {
        [low, high] => format!("{} to {}", written(*low, unit), written(*high, unit)),
        _ => String::new(),
    }
}

fn written(number: f64, unit: Unit) -> String {
    match unit {
        Unit::Rate => format!("{:.1} %", number * 100.0),
        Unit::Usd => format!("${number:.4}"),
        Unit::Number => format!("{number:.2}"),
    }
}
