//! `orchestrator status`.

use super::{Caller, expected};
use crate::asking;
use crate::look::{Look, Tone};
use crate::table::{Cell, elastic, optional, status as status_cell, table, whole};
use crate::text::{cut, duration, excerpt, field, items, members, moment, percent, present, shown, time, usd};
use anyhow::Result;
use serde_json::Value;
use std::time::Duration;

pub async fn run(caller: &Caller, task_id: &str) -> Result<()> {
    let document = caller.client.status(task_id).await?;
    caller.print(&document, |task, look| describe(task, look, &asking::program()))
}

/// A task as text: what was wanted, how it is done, how good it is, what it costs, what it waits for.
pub fn describe(task: &Value, look: Look, program: &str) -> String {
    let status = field(task, "status");
    let mut lines = vec![
        format!(
            "{}  {}  ({})",
            field(task, "task_id"),
            look.paint(Tone::of_status(&status), &status),
            field(task, "phase")
        ),
        labelled("request", &field(task, "request"), look),
        labelled("time", &times(task), look),
    ];
    if let Some(attention) = present(task, "attention") {
        let text = format!("{}: {}", field(attention, "reason"), field(attention, "detail"));
        lines.push(labelled(
            "attention",
            &look.paint(Tone::Warn, &text),
            Look { width: None, ..look },
        ));
    }
    if let Some(waiting) = crate::text::waiting(task) {
        lines.push(labelled(
            "waiting",
            &look.paint(Tone::Warn, &waiting),
            Look { width: None, ..look },
        ));
    }
    if let Some(error) = present(task, "error") {
        lines.push(labelled("error", &failure(error), look));
    }
    lines.extend(intent(task, look));
    lines.extend(plan(task, look));
    lines.extend(quality(task.get("quality").unwrap_or(&Value::Null), look));
    lines.push(String::new());
    lines.push(labelled("cost", &cost(task), look));
    lines.extend(present(task, "tenant_budget").map(|window| labelled("tenant", &tenant(window), look)));
    lines.extend(memory(task, look));
    for published in items(task, "published") {
        let place = ["channel", "location"].map(|name| field(published, name)).join("  ");
        lines.push(labelled(
            &field(published, "state"),
            &place,
            Look { width: None, ..look },
        ));
    }
    lines.extend(open_gates(task, look, program));
    lines.join("\n")
}

/// A label and what it is about, on one line.
fn labelled(label: &str, text: &str, look: Look) -> String {
    const LABEL: usize = 10;
    let text = cut(text, look.room(LABEL));
    format!("{}{text}", look.paint(Tone::Faint, &format!("{label:<LABEL$}")))
        .trim_end()
        .to_owned()
}

fn times(task: &Value) -> String {
    let [created, finished] = ["created_at", "finished_at"].map(|name| field(task, name));
    if finished.is_empty() {
        let updated = moment(&field(task, "updated_at"));
        return format!("created {}, changed {updated} UTC", moment(&created));
    }
    format!("{} UTC, took {}", moment(&created), between(&created, &finished))
}

fn between(from: &str, to: &str) -> String {
    match (time(from), time(to)) {
        (Some(from), Some(to)) => duration((to - from).to_std().unwrap_or(Duration::ZERO)),
        _ => String::new(),
    }
}

/// `code: message`, whatever else it has.
fn failure(error: &Value) -> String {
    match error {
        Value::Object(_) => format!("{}: {}", field(error, "code"), field(error, "message")),
        other => shown(other),
    }
}

fn intent(task: &Value, look: Look) -> Vec<String> {
    let Some(intent) = present(task, "intent") else {
        return Vec::new();
    };
    let mut lines = vec![labelled("goal", &field(intent, "goal"), look)];
    for (label, name) in [("needs", "requirements"), ("success", "success_criteria")] {
        for text in items(intent, name) {
            lines.push(labelled(label, &shown(text), look));
        }
    }
    lines
}

/// The plan with each step's reason.
pub fn plan(document: &Value, look: Look) -> Vec<String> {
    let plan = document.get("plan").unwrap_or(&Value::Null);
    let steps = items(plan, "steps");
    if steps.is_empty() {
        return Vec::new();
    }
    let row = |step: &Value| -> [Cell; 7] {
        let took = between(&field(step, "started_at"), &field(step, "finished_at"));
        let told = match present(step, "error") {
            Some(error) => failure(error),
            None => field(step, "reason"),
        };
        [
            field(step, "key").into(),
            field(step, "tool_id").into(),
            status_cell(field(step, "status")),
            field(step, "attempt").into(),
            field(step, "round").into(),
            took.into(),
            told.into(),
        ]
    };
    let heading = format!(
        "plan {} by {}: {}",
        field(plan, "version"),
        field(plan, "origin"),
        field(plan, "summary")
    );
    let columns = [
        whole("step"),
        whole("tool"),
        whole("status"),
        optional("attempt"),
        optional("round"),
        optional("took"),
        elastic("why"),
    ];
    let rows: Vec<_> = steps.iter().map(row).collect();
    let mut lines = vec![
        String::new(),
        look.paint(Tone::Heading, &excerpt(heading.trim_end_matches(": "), look.room(0))),
        table(look, columns, &rows),
    ];
    let expected = expected::lines(plan).into_iter();
    lines.extend(expected.map(|line| look.paint(Tone::Faint, &excerpt(&line, look.room(0)))));
    lines
}

/// The judgement by dimension, with its evidence.
pub fn quality(quality: &Value, look: Look) -> Vec<String> {
    if quality.is_null() {
        return Vec::new();
    }
    let (verdict, tone) = match quality.get("passed") {
        Some(Value::Bool(true)) => ("passed", Tone::Good),
        _ => ("not passed", Tone::Bad),
    };
    let [overall, threshold] = ["overall", "threshold"].map(|name| percent(quality.get(name)));
    let mut heading = format!("quality {overall}, needed {threshold}: ");
    heading = look.paint(Tone::Heading, &heading) + &look.paint(tone, verdict);
    let blamed = field(quality, "blamed_steps");
    if !blamed.is_empty() {
        heading.push_str(&format!("; to blame: {blamed}"));
    }
    let row = |(name, dimension): (&String, &Value)| -> [Cell; 4] {
        let score = match present(dimension, "score") {
            Some(score) => percent(Some(score)),
            None => "not judged".to_owned(),
        };
        let advice = Some(field(dimension, "feedback")).filter(|feedback| !feedback.is_empty());
        let evidence = [Some(field(dimension, "evidence")), advice].into_iter().flatten();
        [
            name.clone().into(),
            score.into(),
            percent(dimension.get("weight")).into(),
            evidence.collect::<Vec<_>>().join(" → ").into(),
        ]
    };
    let rows: Vec<_> = members(quality, "dimensions").map(row).collect();
    let columns = [
        whole("dimension"),
        whole("score"),
        optional("weight"),
        elastic("evidence"),
    ];
    let mut lines = vec![String::new(), heading, table(look, columns, &rows)];
    let engine = field(quality, "engine");
    if !engine.is_empty() {
        lines.push(format!("judged by {engine}"));
    }
    for check in items(quality, "failed_checks") {
        let text = format!(
            "failed check of {} at {}: {}",
            field(check, "step_key"),
            field(check, "pointer"),
            field(check, "detail")
        );
        lines.push(look.paint(Tone::Bad, &excerpt(&text, look.room(0))));
    }
    lines
}

fn cost(task: &Value) -> String {
    let cost = task.get("cost").unwrap_or(&Value::Null);
    let price = match usd(cost.get("usd")) {
        unknown if unknown.is_empty() => "price unknown".to_owned(),
        price => price,
    };
    let mut text = format!(
        "{price}, {} tokens in, {} out, {} calls",
        field(cost, "input_tokens"),
        field(cost, "output_tokens"),
        field(cost, "calls")
    );
    let budget = task.get("budget").unwrap_or(&Value::Null);
    let limits = [
        present(budget, "max_cost_usd").map(|limit| usd(Some(limit))),
        present(budget, "max_tokens").map(|limit| format!("{limit} tokens")),
        present(budget, "max_calls").map(|limit| format!("{limit} calls")),
        present(budget, "max_duration_seconds").map(|limit| format!("{limit} s")),
    ];
    let limits: Vec<String> = limits.into_iter().flatten().collect();
    if !limits.is_empty() {
        text.push_str(&format!("; at most {}", limits.join(", ")));
    }
    text
}

/// What all tasks of the tenant together may spend, and have.
fn tenant(window: &Value) -> String {
    let of = |part: &str, name: &str| {
        window
            .get(part)
            .and_then(|part| part.get(name))
            .cloned()
            .unwrap_or_default()
    };
    let sum = |name: &str| {
        ["spent", "reserved"]
            .iter()
            .filter_map(|part| of(part, name).as_f64())
            .sum::<f64>()
    };
    let limits = [
        present(window, "max_cost_usd")
            .map(|limit| format!("{} of {}", usd(Some(&sum("usd").into())), usd(Some(limit)))),
        present(window, "max_tokens").map(|limit| format!("{} of {limit} tokens", sum("tokens"))),
        present(window, "max_calls").map(|limit| format!("{} of {limit} calls", sum("calls"))),
    ];
    let limits: Vec<String> = limits.into_iter().flatten().collect();
    let end = moment(&field(window, "window_ends_at"));
    format!("{} spent or set aside; next window {end} UTC", limits.join(", "))
}

/// Which patterns the plan was made from, and whether there was a memory to ask.
fn memory(task: &Value, look: Look) -> Vec<String> {
    let mut lines = Vec::new();
    let memory = field(task, "memory");
    if !memory.is_empty() {
        lines.push(labelled("memory", &memory, look));
    }
    for pattern in items(task, "patterns_used") {
        let text = match pattern {
            Value::Object(_) => ["pattern_id", "decision", "reason"]
                .map(|name| field(pattern, name))
                .join("  "),
            id => shown(id),
        };
        lines.push(labelled("pattern", &text, look));
    }
    for (role, model) in members(task, "model_versions") {
        lines.push(labelled("model", &format!("{role}: {}", shown(model)), look));
    }
    lines
}

fn open_gates(task: &Value, look: Look, program: &str) -> Vec<String> {
    let gates = items(task, "open_gates");
    let mut lines = Vec::new();
    for gate in gates {
        lines.push(String::new());
        lines.push(look.paint(Tone::Warn, &asking::question(gate)));
        let withheld = field(gate, "withheld");
        if !withheld.is_empty() {
            lines.push(format!(
                "  policy does not answer it: {}",
                crate::text::harmless(&withheld)
            ));
        }
        let commands = asking::commands(program, &look.id(&field(task, "task_id")), gate, gates.len() > 1);
        lines.extend(commands.into_iter().map(|command| format!("  {command}")));
    }
    lines
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
