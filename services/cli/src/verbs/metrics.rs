//! `orchestrator metrics`.

use super::Caller;
use super::figure::{Unit, count, interval, value};
use crate::look::{Look, Tone};
use crate::table::{Cell, elastic, optional, table, whole};
use crate::text::{field, items, percent};
use anyhow::Result;
use serde_json::Value;

pub async fn run(caller: &Caller, days: Option<u32>) -> Result<()> {
    let document = caller.client.metrics(days).await?;
    caller.print(&document, describe)
}

/// The figures in the order of the contract, then whatever a newer server adds.
fn describe(document: &Value, look: Look) -> String {
    const FIGURES: [(&str, &str); 12] = [
        ("success_rate", "tasks that completed"),
        ("quality_score", "mean quality of judged tasks"),
        ("cost_efficiency", "USD per completed task"),
        ("pattern_adoption", "plans that took up what was learned"),
        ("custom_llm_improvement", "a model of your own against the default"),
        ("memory_uplift", "more tasks that go well with memory than without"),
        ("refinement_rate", "tasks that needed a repair round"),
        ("escalation_rate", "tasks that needed a human beyond approval"),
        ("override_rate", "decisions against the judgement"),
        ("forecast_cost_ratio", "what steps cost over what was forecast"),
        ("forecast_duration_ratio", "what steps took over what was forecast"),
        ("forecast_quality_error", "quality above what was forecast"),
    ];
    let known = FIGURES
        .iter()
        .filter_map(|(name, meaning)| Some((*name, *meaning, document.get(*name)?)));
    let others = document.as_object().into_iter().flatten().filter_map(|(name, figure)| {
        let is_new = FIGURES.iter().all(|(known, _)| known != name) && figure.get("value").is_some();
        is_new.then_some((name.as_str(), "", figure))
    });
    let row = |(name, meaning, figure): (&str, &str, &Value)| -> [Cell; 6] {
        let unit = if name == "cost_efficiency" {
            Unit::Usd
        } else {
            Unit::Rate
        };
        let text = value(figure, unit);
        let tone = if text == "-" { Tone::Faint } else { Tone::Heading };
        [
            name.to_owned().into(),
            Cell { text, tone },
            count(figure).into(),
            interval(figure, unit).into(),
            window(figure).into(),
            meaning.to_owned().into(),
        ]
    };
    let rows: Vec<_> = known.chain(others).map(row).collect();
    let columns = [
        whole("figure"),
        whole("value"),
        whole("n"),
        optional("interval"),
        optional("window"),
        elastic("what it is"),
    ];
    let mut text = table(look, columns, &rows);
    let distribution = document.get("quality_distribution").unwrap_or(&Value::Null);
    let bars = bars(items(distribution, "classes"), look);
    if !bars.is_empty() {
        let heading = look.paint(Tone::Heading, "tasks by quality");
        text.push_str(&format!("\n\n{heading}\n{bars}"));
    }
    text
}

/// The days it was measured over.
fn window(figure: &Value) -> String {
    let day = |name: &str| {
        let window = figure.get("window").unwrap_or(&Value::Null);
        field(window, name).get(..10).unwrap_or_default().to_owned()
    };
    match (day("since"), day("until")) {
        (since, until) if !since.is_empty() => format!("{since} to {until}"),
        _ => String::new(),
    }
}

/// A bar for each of `{from, to, count}`, those below the first that counts anything left out.
fn bars(classes: &[Value], look: Look) -> String {
    const LONGEST: usize = 40;
    let count = |class: &Value| class.get("count").and_then(Value::as_u64).unwrap_or(0);
    let most = classes.iter().map(count).max().unwrap_or(0).max(1);
    let room = u64::try_from(look.room(20).min(LONGEST)).unwrap_or(0);
    let line = |class: &Value| {
        let [from, to] = ["from", "to"].map(|name| percent(class.get(name)));
        let bar = "▇".repeat(usize::try_from((count(class) * room).div_ceil(most)).unwrap_or(0));
        format!("  {from:>5} to {to:>5} {:>5} {bar}", count(class))
            .trim_end()
            .to_owned()
    };
    let shown = classes.iter().skip_while(|class| count(class) == 0);
    shown.map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_never_measured_is_not_shown_as_zero() {
        let window = json!({ "since": "2026-10-24T09:00:00Z", "until": "2026-11-23T09:00:00Z" });
        let document = json!({
            "success_rate": { "value": 0.875, "n": 16, "interval": [0.64, 0.965], "window": window },
            "cost_efficiency": { "value": 0.0, "n": 14, "interval": null, "window": window },
            "custom_llm_improvement": { "value": null, "n": 0, "interval": null, "window": window },
            "brand_new": { "value": 0.5, "n": 2 },
            "quality_distribution": { "n": 5, "window": window, "classes": [
                { "from": 0.7, "to": 0.8, "count": 0 }, { "from": 0.8, "to": 0.9, "count": 1 }, { "from": 0.9, "to": 1.0, "count": 4 }] },
        });
        let look = |width| Look { width, colour: false };
        assert_eq!(
            describe(&document, look(Some(70))),
            "\
figure                  value    n   interval          what it is
success_rate            87.5 %   16  64.0 % to 96.5 %  tasks that com…
cost_efficiency         $0.0000  14                    USD per comple…
custom_llm_improvement  -        0                     a model of you…
brand_new               50.0 %   2

tasks by quality
   80 % to  90 %     1 ▇▇▇▇▇▇▇▇▇▇
   90 % to 100 %     4 ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇"
        );
        let wide = describe(&document, look(None));
        assert!(
            wide.contains("64.0 % to 96.5 %  2026-10-24 to 2026-11-23  tasks that completed"),
            "{wide}"
        );
    }
}
