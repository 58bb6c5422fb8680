//! A task's status document as the lines of a picture.

use super::layers::layers;
use super::screen::without_colours;
use crate::asking;
use crate::look::{Look, Size, Tone};
use crate::text::{self, columns, cut, duration, excerpt, field, items, percent, present, time, usd};
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// What is drawn.
pub struct Scene<'a> {
    pub task: &'a Value,
    pub now: DateTime<Utc>,
    /// What else has to be said, such as that the gateway is away.
    pub notice: Option<&'a str>,
    /// How our own program is called.
    pub program: &'a str,
}

/// At most `size.rows - 1` lines of at most `size.columns` columns each.
pub fn frame(scene: &Scene<'_>, look: Look, size: Size) -> Vec<String> {
    let wide = size.columns;
    let mut head = header(scene, look, wide);
    let mut tail = footer(scene, look, wide);
    let most = size.rows.saturating_sub(1).max(1);
    tail.truncate(most.saturating_sub(1));
    head.truncate(most - tail.len());
    let room = most - tail.len() - head.len();
    head.extend(steps(scene, look, wide, room));
    head.extend(tail);
    head.into_iter().map(|line| fitted(line, wide)).collect()
}

fn header(scene: &Scene<'_>, look: Look, wide: usize) -> Vec<String> {
    let task = scene.task;
    let status = field(task, "status");
    let progress = task.get("progress").unwrap_or(&Value::Null);
    let mut facts = vec![field(task, "phase")];
    if let Some(total) = progress
        .get("steps_total")
        .and_then(Value::as_u64)
        .filter(|total| *total > 0)
    {
        facts.push(format!("{}/{total} steps", field(progress, "steps_done")));
    }
    if let Some(round) = task
        .get("refinements")
        .and_then(Value::as_u64)
        .filter(|round| *round > 0)
    {
        facts.push(format!("round {round}"));
    }
    facts.push(elapsed(task, "created_at", scene.now));
    facts.push(usd(task.get("cost").and_then(|cost| cost.get("usd"))));
    let overall = percent(task.get("quality").and_then(|quality| quality.get("overall")));
    if !overall.is_empty() {
        facts.push(format!("quality {overall}"));
    }
    facts.retain(|fact| !fact.is_empty());
    let facts = excerpt(&facts.join(" · "), wide.saturating_sub(columns(&status) + 2).max(1));
    vec![
        look.paint(Tone::Heading, &excerpt(&field(task, "request"), wide)),
        look.paint(Tone::Faint, &excerpt(&field(task, "task_id"), wide)),
        format!(
            "{}  {facts}",
            look.paint(Tone::of_status(&status), &excerpt(&status, wide))
        ),
    ]
}

struct Row {
    /// Lower is shown first where not all can be.
    rank: u8,
    status: String,
    line: String,
}

fn steps(scene: &Scene<'_>, look: Look, wide: usize, room: usize) -> Vec<String> {
    let plan = scene.task.get("plan").unwrap_or(&Value::Null);
    let steps = items(plan, "steps");
    let widest = |name: &str, most: usize| {
        let widths = steps.iter().map(|step| columns(&field(step, name)));
        widths.max().unwrap_or(0).min(most)
    };
    // Three columns before the key, and enough behind the tool for what happens to the step.
    let names = wide.saturating_sub(8) / 3;
    let widths = [widest("key", names), widest("tool_id", names)];
    let mut rows = Vec::new();
    for (number, layer) in layers(steps).into_iter().enumerate() {
        for (at, step) in layer.into_iter().enumerate() {
            let number = if at == 0 {
                (number + 1).to_string()
            } else {
                String::new()
            };
            rows.push(row(scene, look, wide, step, &number, widths));
        }
    }
    fold(rows, room, look, wide)
}

fn row(scene: &Scene<'_>, look: Look, wide: usize, step: &Value, layer: &str, widths: [usize; 2]) -> Row {
    let status = field(step, "status");
    let (mark, rank) = mark(&status);
    let [key_width, tool_width] = widths;
    let mut facts = vec![status.replace('_', " ")];
    if let Some(attempt) = step
        .get("attempt")
        .and_then(Value::as_u64)
        .filter(|attempt| *attempt > 1)
    {
        facts.push(format!("attempt {attempt}"));
    }
    if let Some(round) = step.get("round").and_then(Value::as_u64).filter(|round| *round > 0) {
        facts.push(format!("round {round}"));
    }
    if status != "pending" && status != "ready" {
        facts.push(elapsed(step, "started_at", scene.now));
    }
    facts.push(usd(step.get("cost").and_then(|cost| cost.get("usd"))));
    if let Some(error) = present(step, "error").filter(|_| status != "succeeded") {
        facts.push(field(error, "message"));
    }
    facts.retain(|fact| !fact.is_empty());
    let key = padded(&field(step, "key"), key_width);
    let tool = padded(&field(step, "tool_id"), tool_width);
    let before = format!("{layer:>2} ");
    let taken = columns(&before) + 2 + key_width + 2 + tool_width + 2;
    let facts = excerpt(&facts.join(" · "), wide.saturating_sub(taken).max(1));
    let tone = Tone::of_status(&status);
    let line = format!(
        "{}{} {key}  {}  {}",
        look.paint(Tone::Faint, &before),
        look.paint(tone, mark),
        look.paint(Tone::Faint, &tool),
        look.paint(tone, &facts)
    );
    Row { rank, status, line }
}

/// On a terminal too narrow for what a line cannot do without, what fits of it, uncoloured.
fn fitted(line: String, wide: usize) -> String {
    let plain = without_colours(&line);
    if columns(&plain) <= wide {
        line
    } else {
        cut(&plain, wide)
    }
}

fn padded(text: &str, width: usize) -> String {
    let text = excerpt(text, width);
    let blanks = width.saturating_sub(columns(&text));
    format!("{text}{}", " ".repeat(blanks))
}

/// Mark and rank of a step's status.
fn mark(status: &str) -> (&'static str, u8) {
    match status {
        "failed" => ("✗", 0),
        "waiting_approval" => ("?", 1),
        "running" => ("▸", 2),
        "queued" => ("▹", 3),
        "ready" => ("○", 4),
        "pending" => ("·", 5),
        "succeeded" => ("✓", 6),
        "cancelled" => ("⊘", 7),
        _ => ("–", 7),
    }
}

/// Where not all rows have room, those that matter most are shown, in their order, and the others are counted.
fn fold(rows: Vec<Row>, room: usize, look: Look, wide: usize) -> Vec<String> {
    if rows.len() <= room {
        return rows.into_iter().map(|row| row.line).collect();
    }
    let Some(shown) = room.checked_sub(1) else {
        return Vec::new();
    };
    let mut ranks: Vec<(u8, usize)> = rows.iter().enumerate().map(|(at, row)| (row.rank, at)).collect();
    ranks.sort_unstable();
    let mut chosen: Vec<usize> = ranks.into_iter().take(shown).map(|(_, at)| at).collect();
    chosen.sort_unstable();
    let mut lines = Vec::with_capacity(room);
    let mut hidden: BTreeMap<String, usize> = BTreeMap::new();
    for (at, row) in rows.into_iter().enumerate() {
        if chosen.binary_search(&at).is_ok() {
            lines.push(row.line);
        } else {
            *hidden.entry(row.status).or_default() += 1;
        }
    }
    let counted: Vec<String> = hidden
        .iter()
        .map(|(status, count)| format!("{count} {status}"))
        .collect();
    let text = cut(&format!("   … and {}", counted.join(", ")), wide);
    lines.push(look.paint(Tone::Faint, &text));
    lines
}

fn footer(scene: &Scene<'_>, look: Look, wide: usize) -> Vec<String> {
    let task = scene.task;
    let mut lines = Vec::new();
    if let Some(attention) = present(task, "attention") {
        let text = format!("{}: {}", field(attention, "reason"), field(attention, "detail"));
        lines.push(look.paint(Tone::Warn, &excerpt(&text, wide)));
    }
    if let Some(waiting) = text::waiting(task) {
        lines.push(look.paint(Tone::Warn, &excerpt(&format!("waiting: {waiting}"), wide)));
    }
    for gate in items(task, "open_gates") {
        let question = excerpt(&asking::question(gate), wide);
        lines.push(look.paint(Tone::Warn, &question));
        let several = items(task, "open_gates").len() > 1;
        let commands = asking::commands(scene.program, &look.id(&field(task, "task_id")), gate, several);
        let indented = |command: String| format!("  {}", cut(&command, wide.saturating_sub(2)));
        lines.extend(commands.into_iter().map(indented));
    }
    if let Some(notice) = scene.notice {
        lines.push(look.paint(Tone::Warn, &excerpt(notice, wide)));
    }
    lines
}

/// Time from a member to the end, or to now.
fn elapsed(document: &Value, from: &str, now: DateTime<Utc>) -> String {
    let Some(began) = time(&field(document, from)) else {
        return String::new();
    };
    let ended = time(&field(document, "finished_at")).map_or(now, |ended| ended.to_utc());
    duration((ended - began.to_utc()).to_std().unwrap_or(Duration::ZERO))
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
