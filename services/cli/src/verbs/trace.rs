//! `orchestrator trace`.

use super::Caller;
use crate::look::{Look, Tone};
use crate::text::{cut, field, items, moment, present, shown, usd};
use anyhow::Result;
use serde_json::Value;

pub async fn run(caller: &Caller, task_id: &str) -> Result<()> {
    let document = caller.client.trace(task_id).await?;
    caller.print(&document, describe)
}

/// What was called and decided, in the order of the work: planning, steps with their attempts,
/// assessment, decisions.
fn describe(trace: &Value, look: Look) -> String {
    let mut tree = Tree {
        look,
        lines: Vec::new(),
    };
    tree.line(
        0,
        &format!("{}  trace {}", field(trace, "task_id"), field(trace, "trace_id")),
        Tone::Plain,
    );
    tree.section("planning", trace);
    let steps = items(trace, "steps");
    if !steps.is_empty() {
        tree.line(0, "steps", Tone::Heading);
    }
    for step in steps {
        let text = joined(step, &["key", "tool_id", "reason"]);
        tree.line(1, &text, Tone::Plain);
        for attempt in items(step, "attempts") {
            tree.run(2, attempt);
        }
    }
    for name in ["formatting", "assessment", "publishing"] {
        tree.section(name, trace);
    }
    let decisions = items(trace, "decisions");
    if !decisions.is_empty() {
        tree.line(0, "decisions", Tone::Heading);
    }
    for decision in decisions {
        let at = moment(&field(decision, "at"));
        let text = joined(decision, &["actor", "action", "gate", "reason"]);
        tree.line(1, &format!("{at}  {text}"), Tone::Plain);
    }
    tree.lines.join("\n")
}

struct Tree {
    look: Look,
    lines: Vec<String>,
}

impl Tree {
    fn line(&mut self, depth: usize, text: &str, tone: Tone) {
        let indent = depth * 2;
        let text = cut(text, self.look.room(indent));
        self.lines
            .push(format!("{}{}", " ".repeat(indent), self.look.paint(tone, &text)));
    }

    /// Runs of the task itself; absent ones are not mentioned.
    fn section(&mut self, name: &str, trace: &Value) {
        let runs = items(trace, name);
        if runs.is_empty() {
            return;
        }
        self.line(0, name, Tone::Heading);
        for run in runs {
            self.run(1, run);
        }
    }

    fn run(&mut self, depth: usize, run: &Value) {
        let status = field(run, "status");
        let numbered = ["attempt", "round"].map(|name| match present(run, name) {
            Some(number) => format!("{name} {}", shown(number)),
            None => String::new(),
        });
        let mut parts = vec![status.clone()];
        parts.extend(numbered);
        parts.push(moment(&field(run, "started_at")));
        parts.push(joined(run, &["reason", "error"]));
        parts.retain(|part| !part.is_empty());
        if items(run, "calls").is_empty() && present(run, "kind").is_some() {
            self.call(depth, run);
            return;
        }
        self.line(depth, &parts.join("  "), Tone::of_status(&status));
        for call in items(run, "calls") {
            self.call(depth + 1, call);
        }
    }

    /// One call of a model or a tool, or one decision of an agent.
    fn call(&mut self, depth: usize, call: &Value) {
        let mut parts = vec![joined(call, &["kind", "name", "provider", "model", "prompt"])];
        if let Some(took) = call.get("duration_ms").and_then(Value::as_f64) {
            parts.push(format!("{took:.0} ms"));
        }
        let usage = call.get("usage").unwrap_or(call);
        let tokens = ["input_tokens", "output_tokens"].map(|name| field(usage, name));
        if tokens.iter().any(|count| !count.is_empty() && count != "0") {
            parts.push(format!("{} tokens in, {} out", tokens[0], tokens[1]));
        }
        parts.push(usd(present(usage, "usd").filter(|price| price.as_f64() != Some(0.0))));
        let error = present(call, "error")
            .or_else(|| present(call, "error_code"))
            .map_or_else(String::new, shown);
        let tone = if error.is_empty() { Tone::Faint } else { Tone::Bad };
        parts.push(error);
        parts.retain(|part| !part.is_empty());
        self.line(depth, &parts.join("  "), tone);
        for name in ["prompt_content", "arguments", "output"] {
            if let Some(content) = present(call, name) {
                self.line(depth + 1, &format!("{name}: {}", shown(content)), Tone::Faint);
            }
        }
    }
}

/// The members that are there, in this order.
fn joined(document: &Value, names: &[&str]) -> String {
    let parts = names
        .iter()
        .map(|name| field(document, name))
        .filter(|text| !text.is_empty());
    parts.collect::<Vec<_>>().join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_trace_is_a_tree_of_steps_attempts_and_calls() {
        let trace = json!({
            "task_id": "t", "trace_id": "4bf9",
            "planning": [{ "status": "succeeded", "attempt": 1, "calls": [
                { "kind": "model", "name": "plan", "model": "gpt-x", "duration_ms": 812.4, "usage": { "input_tokens": 900, "output_tokens": 310, "usd": 0.004 } }] }],
            "steps": [{ "key": "draft", "tool_id": "writer_agent", "reason": "the text itself", "attempts": [
                { "status": "failed", "attempt": 1, "round": 0, "started_at": "2026-11-23T09:37:23.250Z", "calls": [
                    { "kind": "tool", "name": "time.now", "duration_ms": 3, "error": "timeout" }] },
                { "status": "succeeded", "attempt": 2, "round": 0, "calls": [] }] }],
            "assessment": [], "decisions": [{ "at": "2026-11-23T09:40:00Z", "actor": "local", "action": "approve", "gate": "publication" }],
        });
        assert_eq!(
            describe(&trace, Look::PLAIN),
            "t  trace 4bf9\n\
             planning\n\
             \x20 succeeded  attempt 1\n\
             \x20   model  plan  gpt-x  812 ms  900 tokens in, 310 out  $0.0040\n\
             steps\n\
             \x20 draft  writer_agent  the text itself\n\
             \x20   failed  attempt 1  round 0  2026-11-23 09:37:23\n\
             \x20     tool  time.now  3 ms  timeout\n\
             \x20   succeeded  attempt 2  round 0\n\
             decisions\n\
             \x20 2026-11-23 09:40:00  local  approve  publication"
        );
        let narrow = describe(
            &trace,
            Look {
                width: Some(20),
                colour: false,
            },
        );
        assert!(narrow.lines().all(|line| crate::text::columns(line) <= 20), "{narrow}");
    }
}
