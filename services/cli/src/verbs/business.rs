//! `orchestrator metrics business` and `metrics record`.

use super::Caller;
use crate::arguments::{BusinessArguments, RecordArguments};
use crate::look::{Look, Tone};
use crate::table::{Cell, elastic, optional, table, whole};
use crate::text::{field, harmless, items, present, shown};
use anyhow::Result;
use client::{MetricPoint, MetricQuestion};
use serde_json::Value;

pub async fn record(caller: &Caller, arguments: RecordArguments) -> Result<()> {
    let task_id = match &arguments.task {
        Some(task) => Some(caller.task(task).await?),
        None => None,
    };
    let point = |(name, value): &(String, f64)| MetricPoint {
        name: name.clone(),
        value: *value,
        at: arguments.at.clone(),
        task_id: task_id.clone(),
        segment: arguments.segment.clone(),
    };
    let points: Vec<MetricPoint> = arguments.points.iter().map(point).collect();
    let key = arguments.idempotency_key.as_deref();
    let kept = caller.client.record_business_metrics(&points, key).await?;
    caller.print(&kept, |kept, _| {
        let count = |name: &str| field(kept, name);
        format!(
            "{} recorded, {} corrected, {} unchanged",
            count("recorded"),
            count("corrected"),
            count("unchanged")
        )
    })
}

pub async fn show(caller: &Caller, arguments: BusinessArguments) -> Result<()> {
    let task_id = match &arguments.task {
        Some(task) => Some(caller.task(task).await?),
        None => None,
    };
    let question = MetricQuestion {
        name: arguments.name,
        segment: arguments.segment,
        task_id,
        pattern_id: arguments.pattern,
        since: arguments.since,
        until: arguments.until,
        days: arguments.days,
        controls: arguments.controls,
    };
    let analysis = caller.client.business_metrics(question).await?;
    caller.print(&analysis, describe)
}

/// A line for each metric, what may be said of it below; then what goes together, and why nothing stronger is said.
fn describe(document: &Value, look: Look) -> String {
    let metrics = items(document, "metrics");
    if metrics.is_empty() {
        return "no such business metric was reported; `orchestrator metrics record NAME=NUMBER` does".to_owned();
    }
    let columns = [
        whole("metric"),
        whole("segment"),
        whole("level"),
        whole("before"),
        whole("after"),
        whole("effect"),
        optional("interval"),
        optional("n"),
        elastic("what may be said"),
    ];
    let rows: Vec<_> = metrics.iter().map(row).collect();
    let mut lines = vec![table(look, columns, &rows)];
    let reasons: Vec<String> = metrics.iter().flat_map(reasons).collect();
    section(&mut lines, look, "why no more is said", reasons);
    let together = items(document, "correlations").iter();
    let together = together.filter(|one| one.get("significant") == Some(&Value::Bool(true)));
    section(
        &mut lines,
        look,
        "what goes together",
        together.map(|one| field(one, "statement")).collect(),
    );
    lines.join("\n")
}

fn row(metric: &Value) -> [Cell; 9] {
    let number = |name: &str| {
        metric
            .get(name)
            .and_then(Value::as_f64)
            .map_or_else(|| "-".to_owned(), number)
    };
    let level = present(metric, "level").map_or_else(|| "-".to_owned(), shown);
    let interval: Vec<f64> = items(metric, "interval").iter().filter_map(Value::as_f64).collect();
    let interval = match interval.as_slice() {
        [least, most] => format!("{} to {}", self::number(*least), self::number(*most)),
        _ => String::new(),
    };
    [
        field(metric, "name").into(),
        field(metric, "segment").into(),
        Cell {
            text: level,
            tone: Tone::Heading,
        },
        number("before").into(),
        number("after").into(),
        number("effect").into(),
        interval.into(),
        present(metric, "n").map_or_else(String::new, shown).into(),
        field(metric, "statement").into(),
    ]
}

fn reasons(metric: &Value) -> Vec<String> {
    let tests = items(metric, "tests").iter();
    let told = tests.filter_map(|test| {
        let why = field(test, "why");
        let level = present(test, "level").map(shown)?;
        (!why.is_empty()).then(|| format!("{}, level {level}: {why}", field(metric, "name")))
    });
    told.collect()
}

fn section(lines: &mut Vec<String>, look: Look, heading: &str, told: Vec<String>) {
    if told.is_empty() {
        return;
    }
    lines.push(String::new());
    lines.push(look.paint(Tone::Heading, heading));
    lines.extend(told.iter().map(|line| format!("  {}", harmless(line))));
}

/// Four digits that tell.
fn number(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || !(1e-4..1e9).contains(&size) {
        return if size == 0.0 {
            "0".to_owned()
        } else {
            format!("{value:.3e}")
        };
    }
    let decimals = (3 - size.log10().floor() as i32).clamp(0, 7);
    let text = format!("{value:.*}", decimals.unsigned_abs() as usize);
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_known_is_a_dash_and_what_is_lacking_is_told() {
        let document = json!({
            "metrics": [
                { "name": "sales", "segment": null, "level": 0, "before": 100.0, "after": 112.5, "effect": 12.5, "interval": null,
                  "n": 28, "statement": "“sales” changed from 100 to 112.5",
                  "tests": [{ "level": 2, "why": "it needs 19 other series" }] },
                { "name": "visits", "segment": "de", "level": null, "before": null, "after": null, "effect": null, "interval": null,
                  "n": 0, "statement": "insufficient data", "tests": [] }],
            "correlations": [{ "significant": true, "statement": "days with more go with more" }, { "significant": false, "statement": "none" }],
        });
        let look = Look {
            width: None,
            colour: false,
        };
        assert_eq!(
            describe(&document, look),
            "\
metric  segment  level  before  after  effect  interval  n   what may be said
sales            0      100     112.5  12.5              28  “sales” changed from 100 to 112.5
visits  de       -      -       -      -                 0   insufficient data

why no more is said
  sales, level 2: it needs 19 other series

what goes together
  days with more go with more"
        );
    }
}
