//! `orchestrator experiments`: what was tried, and how it stands.

use super::Caller;
use super::figure::{Unit, interval, value};
use crate::look::{Look, Tone};
use crate::table::{Cell, elastic, optional, status, table, whole};
use crate::text::{cut, field, items, present, shown};
use anyhow::Result;
use serde_json::{Value, json};

/// Pages of 50; `--json` of the interface itself shows the rest.
const PAGES: usize = 20;
/// Of the decisions of an experiment.
const DECISIONS: usize = 30;

/// All of them, or one.
///
/// # Errors
/// What the gateway refuses, or that it does not answer.
pub async fn run(caller: &Caller, experiment_id: Option<String>) -> Result<()> {
    match experiment_id {
        Some(id) => caller.print(&caller.client.experiment(&id).await?, describe),
        None => {
            let experiments = all(caller).await?;
            caller.print(&json!({ "items": experiments, "next_cursor": null }), list)
        }
    }
}

/// The newest first.
pub async fn all(caller: &Caller) -> Result<Vec<Value>> {
    let mut experiments = Vec::new();
    let mut cursor = None;
    for _ in 0..PAGES {
        let page = caller.client.experiments(cursor).await?;
        experiments.extend_from_slice(items(&page, "items"));
        cursor = present(&page, "next_cursor").map(shown);
        if cursor.is_none() {
            break;
        }
    }
    Ok(experiments)
}

/// Such as `step 2 of 5`, with whether it is paused.
pub fn stage(experiment: &Value) -> String {
    let stage = match experiment.pointer("/stage/step") {
        Some(step) => {
            let of = experiment.pointer("/settings/steps").and_then(Value::as_array);
            format!("step {step} of {}", of.map_or(0, Vec::len))
        }
        None => field(experiment, "stage"),
    };
    match experiment.get("paused") {
        Some(Value::Bool(true)) => format!("{stage}, paused"),
        _ => stage,
    }
}

/// What was seen last, on one line.
pub fn line(experiment: &Value, look: Look) -> String {
    let stage = stage(experiment);
    let exposed = value(experiment.get("exposed").unwrap_or(&Value::Null), Unit::Rate);
    let Some(seen) = experiment.pointer("/last/look") else {
        return format!("{stage}  {exposed} take part, nothing seen yet");
    };
    let effect = seen.get("effect").unwrap_or(&Value::Null);
    let mut text = format!(
        "{stage}  {exposed} take part  counted {}  difference {}",
        arms(seen.get("n")),
        value(effect, Unit::Rate)
    );
    let interval = interval(effect, Unit::Rate);
    if !interval.is_empty() {
        text.push_str(&format!(" ({interval})"));
    }
    text.push_str(&format!("  e-value {}", value(&seen["e_value"], Unit::Number)));
    if let Some(decision) = decision(experiment.get("last").unwrap_or(&Value::Null)) {
        text.push_str(&format!("  {decision}"));
    }
    cut(&text, look.room(0))
}

/// Of the challenger and the control.
fn arms(of: Option<&Value>) -> String {
    let arm = |name: &str| of.map_or_else(String::new, |of| field(of, name));
    format!("{} : {}", arm("challenger"), arm("control"))
}

/// What was decided, and by whom; none: to go on.
fn decision(kept: &Value) -> Option<String> {
    if let Some(word) = present(kept, "word") {
        let note = present(word, "note").map_or_else(String::new, |note| format!(": {}", shown(note)));
        return Some(format!("{} said {}{note}", field(word, "by"), field(word, "action")));
    }
    let decision = kept.pointer("/look/decision")?;
    let why = match (decision.get("why"), decision.pointer("/reason/of")) {
        (Some(why), _) | (None, Some(why)) => format!(": {}", shown(why)),
        (None, None) => String::new(),
    };
    let step = present(decision, "step").map_or_else(String::new, |step| format!(" to step {step}"));
    let kind = field(decision, "kind");
    (kind != "continue").then(|| format!("{kind}{step}{why}"))
}

fn list(document: &Value, look: Look) -> String {
    let experiments = items(document, "items");
    if experiments.is_empty() {
        return "nothing was tried yet; `orchestrator models rollout` tries a model".to_owned();
    }
    let row = |experiment: &Value| -> [Cell; 7] {
        let last = experiment.pointer("/last/look").unwrap_or(&Value::Null);
        let effect = last.get("effect").unwrap_or(&Value::Null);
        [
            field(experiment, "experiment_id").into(),
            status(stage(experiment)),
            field(experiment, "role").into(),
            arms(last.get("n")).into(),
            value(effect, Unit::Rate).into(),
            interval(effect, Unit::Rate).into(),
            field(experiment, "challenger").into(),
        ]
    };
    let rows: Vec<_> = experiments.iter().map(row).collect();
    let columns = [
        whole("experiment"),
        whole("stage"),
        whole("role"),
        optional("counted"),
        whole("difference"),
        optional("interval"),
        elastic("model"),
    ];
    table(look, columns, &rows)
}

fn describe(experiment: &Value, look: Look) -> String {
    let stage = stage(experiment);
    let mut lines = vec![
        format!(
            "{}  {}",
            field(experiment, "experiment_id"),
            look.paint(Tone::of_status(&field(experiment, "stage")), &stage)
        ),
        format!(
            "{}: {} beside {}",
            field(experiment, "role"),
            field(experiment, "challenger"),
            field(experiment, "champion")
        ),
        line(experiment, look),
    ];
    let guards = experiment.pointer("/last/look/guardrails").and_then(Value::as_array);
    for guard in guards.into_iter().flatten() {
        let text = format!("guardrail  {}  {}", field(guard, "guardrail"), field(guard, "health"));
        lines.push(cut(&text, look.room(0)));
    }
    let decided = items(experiment, "points").iter().filter_map(|point| {
        let at = point.pointer("/look/at").and_then(Value::as_i64)?;
        Some(format!("{}  {}", service::clock::rfc3339(at), decision(point)?))
    });
    let decided: Vec<String> = decided.collect();
    let first = decided.len().saturating_sub(DECISIONS);
    lines.extend(decided.into_iter().skip(first).map(|line| cut(&line, look.room(0))));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn experiment() -> Value {
        json!({
            "experiment_id": "01a2", "role": "writer", "champion": "configured", "challenger": "01a1",
            "stage": {"step": 2}, "paused": false, "exposed": 0.05, "settings": {"steps": [{}, {}, {}]},
            "last": {"number": 3, "word": null, "look": {
                "n": {"control": 60, "challenger": 64}, "effect": {"value": 0.031, "interval": [-0.01, 0.072]},
                "e_value": 4.25, "guardrails": [{"guardrail": "quality", "health": "unknown"}],
                "decision": {"kind": "continue"}}},
            "points": [
                {"look": {"at": 0, "decision": {"kind": "advance", "step": 2}}, "word": null},
                {"look": {"at": 1000, "decision": {"kind": "continue"}}, "word": null},
                {"look": {"at": 2000, "decision": {"kind": "hold", "why": "paused"}},
                 "word": {"by": "ada", "action": "pause", "note": "over the holidays"}},
                {"look": {"at": 3000, "decision": {"kind": "roll_back", "reason": {"kind": "guardrail", "of": "quality"}}}},
            ],
        })
    }

    #[test]
    fn an_experiment_is_shown_with_how_it_stands_and_what_was_decided() {
        assert_eq!(
            describe(&experiment(), Look::PLAIN),
            "01a2  step 2 of 3\n\
             writer: 01a1 beside configured\n\
             step 2 of 3  5.0 % take part  counted 64 : 60  difference 3.1 % (-1.0 % to 7.2 %)  e-value 4.25\n\
             guardrail  quality  unknown\n\
             1970-01-01T00:00:00.000Z  advance to step 2\n\
             1970-01-01T00:00:02.000Z  ada said pause: over the holidays\n\
             1970-01-01T00:00:03.000Z  roll_back: quality"
        );
    }

    #[test]
    fn what_was_not_seen_yet_is_no_number() {
        let mut new = experiment();
        new["last"] = Value::Null;
        new["paused"] = json!(true);
        assert_eq!(
            line(&new, Look::PLAIN),
            "step 2 of 3, paused  5.0 % take part, nothing seen yet"
        );
        let listed = list(&json!({ "items": [new] }), Look::PLAIN);
        assert!(listed.contains("step 2 of 3, paused  writer"), "{listed}");
    }
}
