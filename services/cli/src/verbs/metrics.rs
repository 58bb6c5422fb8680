//! `orchestrator metrics`.

use super::Caller;
use super::figure::{Unit, count, interval, value};
use crate::look::{Look, Tone};
use crate::table::{Cell, elastic, optional, table, whole};
use crate::text::{field, present, shown};
use anyhow::Result;
use serde_json::Value;

pub async fn run(caller: &Caller, days: Option<u32>) -> Result<()> {
    let document = caller.client.metrics(days).await?;
    caller.print(&document, describe)
}

/// The figures in the order of the contract, then whatever a newer server adds.
fn describe(document: &Value, look: Look) -> String {
    const FIGURES: [(&str, &str); 8] = [
        ("success_rate", "tasks that completed"),
        ("quality_score", "mean quality of completed tasks"),
        ("cost_efficiency", "USD per completed task"),
        ("pattern_adoption", "plans that took up what was learned"),
        ("custom_llm_improvement", "a model of your own against the default"),
        ("refinement_rate", "tasks that needed a repair round"),
        ("escalation_rate", "tasks that needed a human beyond approval"),
        ("override_rate", "decisions against the judgement"),
    ];
    let known = FIGURES
        .iter()
        .filter_map(|(name, meaning)| Some((*name, *meaning, document.get(*name)?)));
    let others = document.as_object().into_iter().flatten().filter_map(|(name, figure)| {
        let is_new = FIGURES.iter().all(|(known, _)| known != name) && figure.get("value").is_some();
        is_new.then_some((name.as_str(), "", figure))
    });
    let row = |(name, meaning, figure): (&str, &str, &Value)| -> [Cell; 6] {
        let unit = if name.contains("cost") { Unit::Usd } else { Unit::Rate };
        let text = value(figure, unit);
        let tone = if text == "-" { Tone::Faint } else { Tone::Heading };
        [
            name.to_owned().into(),
            Cell { text, tone },
            count(figure).into(),
            interval(figure, unit).into(),
            present(figure, "window").map_or_else(String::new, shown).into(),
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
    let bins = bars(distribution, look);
    if !bins.is_empty() {
        text.push_str(&format!(
            "\n\n{}\n{bins}",
            look.paint(Tone::Heading, "quality of completed tasks")
        ));
    }
    text
}

/// Tasks by quality: `{"0.8-0.9": 12}`, or a list of `{from, to, count}`.
fn bars(distribution: &Value, look: Look) -> String {
    let number = |value: Option<&Value>| value.and_then(Value::as_u64);
    let bins: Vec<(String, u64)> = match distribution {
        Value::Object(bins) => bins
            .iter()
            .filter_map(|(name, count)| Some((name.clone(), count.as_u64()?)))
            .collect(),
        Value::Array(bins) => {
            let bin = |bin: &Value| {
                let [from, to] = ["from", "to"].map(|name| field(bin, name));
                Some((
                    format!("{from}-{to}"),
                    number(bin.get("count").or_else(|| bin.get("n")))?,
                ))
            };
            bins.iter().filter_map(bin).collect()
        }
        _ => Vec::new(),
    };
    let (names, most) = bins.iter().fold((0, 1), |(names, most), (name, count)| {
        (names.max(name.chars().count()), most.max(*count))
    });
    let room = u64::try_from(look.room(names + 12).min(40)).unwrap_or(40);
    let line = |(name, count): &(String, u64)| {
        let length = usize::try_from((count * room).div_ceil(most)).unwrap_or_default();
        format!("  {name:<names$}  {count:>5} {}", "▇".repeat(length))
            .trim_end()
            .to_owned()
    };
    bins.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_never_measured_is_not_shown_as_zero() {
        let document = json!({
            "success_rate": { "value": 0.875, "n": 16, "interval": [0.64, 0.965], "window": "30d" },
            "cost_efficiency": { "value": 0.0, "n": 14, "interval": null, "window": "30d" },
            "custom_llm_improvement": { "value": null, "n": 0, "interval": null, "window": "30d" },
            "brand_new": { "value": 0.5, "n": 2 },
            "quality_distribution": { "0.7-0.8": 1, "0.9-1.0": 4 },
        });
        let look = Look {
            width: Some(70),
            colour: false,
        };
        assert_eq!(
            describe(&document, look),
            "figure                  value    n   interval          what it is\n\
             success_rate            87.5 %   16  64.0 % to 96.5 %  tasks that com…\n\
             cost_efficiency         $0.0000  14                    USD per comple…\n\
             custom_llm_improvement  -        0                     a model of you…\n\
             brand_new               50.0 %   2\n\n\
             quality of completed tasks\n  0.7-0.8      1 ▇▇▇▇▇▇▇▇▇▇\n  0.9-1.0      4 ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇"
        );
    }
}
