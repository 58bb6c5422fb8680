//! `orchestrator judges`.

use super::Caller;
use super::figure::{Unit, count, interval, value};
use crate::look::{Look, Tone};
use crate::table::{Cell, elastic, optional, table, whole};
use crate::text::{field, items};
use anyhow::Result;
use serde_json::Value;

pub async fn run(caller: &Caller) -> Result<()> {
    let document = caller.client.judges().await?;
    caller.print(&document, describe)
}

/// A line for each dimension of each judge, the whole first.
fn describe(document: &Value, look: Look) -> String {
    let judges = items(document, "items");
    if judges.is_empty() {
        return "nobody has decided about a judged result yet".to_owned();
    }
    let rows: Vec<_> = judges.iter().flat_map(of).collect();
    let columns = [
        whole("judge"),
        whole("dimension"),
        whole("n"),
        whole("agreement"),
        optional("interval"),
        whole("kappa"),
        optional("its interval"),
        elastic("prompts"),
    ];
    let mut lines = vec![table(look, columns, &rows), String::new()];
    let days = document
        .pointer("/window/days")
        .map(Value::to_string)
        .unwrap_or_default();
    lines.push(match document.pointer("/floor/agreement").and_then(Value::as_f64) {
        Some(floor) => format!(
            "of {days} days; below {:.1} % nothing is approved by policy",
            floor * 100.0
        ),
        None => format!("of {days} days; no floor is configured (quality.judge_floor)"),
    });
    let told = judges.iter().map(|judge| field(judge, "reason"));
    lines.extend(
        told.filter(|why| !why.is_empty())
            .map(|why| look.paint(Tone::Bad, &why)),
    );
    lines.join("\n")
}

fn of(judge: &Value) -> Vec<[Cell; 8]> {
    let names = |member| -> String {
        let names = items(judge, member).iter().filter_map(Value::as_str);
        crate::text::harmless(&names.collect::<Vec<_>>().join(" + "))
    };
    let figures = judge.get("figures").and_then(Value::as_object);
    let mut figures: Vec<_> = figures.into_iter().flatten().collect();
    figures.sort_by_key(|(name, _)| name.as_str() != "overall");
    let row = |(name, figure): (&String, &Value)| -> [Cell; 8] {
        let part = |member| figure.get(member).unwrap_or(&Value::Null);
        let (agreement, kappa) = (part("agreement"), part("kappa"));
        [
            names("models").into(),
            crate::text::harmless(name).into(),
            count(figure).into(),
            value(agreement, Unit::Rate).into(),
            interval(agreement, Unit::Rate).into(),
            value(kappa, Unit::Number).into(),
            interval(kappa, Unit::Number).into(),
            names("prompts").into(),
        ]
    };
    figures.into_iter().map(row).collect()
}
