//! `orchestrator trace`.

use super::{Caller, expected};
use crate::look::{Look, Tone};
use crate::text::{cut, duration, field, items, moment, percent, present, shown, usd};
use anyhow::Result;
use serde_json::Value;
use std::time::Duration;

pub async fn run(caller: &Caller, task_id: &str) -> Result<()> {
    let document = caller.client.trace(task_id).await?;
    caller.print(&document, describe)
}

/// What was called and decided, in the order of the work: planning, steps with their attempts,
/// assessment, what went out, decisions.
fn describe(trace: &Value, look: Look) -> String {
    let mut tree = Tree {
        look,
        lines: Vec::new(),
    };
    let head = format!("{}  trace {}", field(trace, "task_id"), field(trace, "trace_id"));
    tree.line(0, &head, Tone::Plain);
    tree.section("planning", items(trace, "planning"), Tree::planning);
    tree.section("steps", items(trace, "steps"), |tree, step| {
        tree.entry(&joined(step, &["key", "tool_id", "reason"]), step);
    });
    tree.section("assessment", items(trace, "assessment"), Tree::assessment);
    tree.section("formatting", items(trace, "formatting"), |tree, run| tree.run(1, run));
    let publication = trace.get("publication").unwrap_or(&Value::Null);
    tree.section("effects outside", items(publication, "effects"), |tree, effect| {
        tree.line(1, &joined(effect, &["state", "effects", "target", "at"]), Tone::Plain);
    });
    tree.section("publication", items(publication, "attempts"), |tree, run| {
        tree.run(1, run)
    });
    tree.section("other runs", items(trace, "other_runs"), |tree, run| tree.run(1, run));
    tree.section("decisions", items(trace, "decisions"), Tree::decision);
    if trace.get("truncated") == Some(&Value::Bool(true)) {
        tree.line(0, "more was there than is shown", Tone::Warn);
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

    /// A heading with what is below it; without anything it is not mentioned.
    fn section(&mut self, name: &str, entries: &[Value], show: impl Fn(&mut Self, &Value)) {
        if !entries.is_empty() {
            self.line(0, name, Tone::Heading);
        }
        for entry in entries {
            show(self, entry);
        }
    }

    /// Something that took attempts.
    fn entry(&mut self, text: &str, entry: &Value) {
        self.line(1, text, Tone::Plain);
        for run in items(entry, "attempts") {
            self.run(2, run);
        }
        for run in items(entry, "postponed") {
            self.run(2, run);
        }
    }

    fn planning(&mut self, planning: &Value) {
        let mut text = labelled(planning, &["version", "origin", "engine", "memory"]);
        let patterns = field(planning, "patterns_used");
        if !patterns.is_empty() {
            text.push_str(&format!("  patterns {patterns}"));
        }
        self.line(1, &text, Tone::Plain);
        for line in changed(planning.get("changes").unwrap_or(&Value::Null)) {
            self.line(2, &line, Tone::Plain);
        }
        for line in field(planning, "reasoning").lines() {
            self.line(2, line, Tone::Faint);
        }
        for told in items(planning, "associations").iter().filter_map(Value::as_str) {
            self.line(2, &format!("told: {told}"), Tone::Faint);
        }
        for told in items(planning, "issues") {
            let [tool, code, condition] = ["tool", "code", "condition"].map(|name| field(told, name));
            self.line(
                2,
                format!("to avoid: {tool}  {code}  {condition}").trim_end(),
                Tone::Faint,
            );
        }
        for line in expected::lines(planning) {
            self.line(2, &line, Tone::Faint);
        }
        for run in items(planning, "attempts") {
            self.run(2, run);
        }
    }

    fn assessment(&mut self, assessment: &Value) {
        let verdict = match assessment.get("passed") {
            Some(Value::Bool(true)) => "passed",
            Some(Value::Bool(false)) => "not passed",
            _ => "",
        };
        let overall = percent(assessment.get("overall"));
        let text = format!(
            "{}  quality {overall}  {verdict}",
            labelled(assessment, &["round", "engine"])
        );
        self.entry(text.trim_end(), assessment);
    }

    fn decision(&mut self, decision: &Value) {
        let gate = decision.get("gate").unwrap_or(&Value::Null);
        let about = match gate {
            Value::Object(_) => joined(gate, &["kind", "step_key"]),
            other => shown(other),
        };
        let parts = [
            moment(&field(decision, "at")),
            joined(decision, &["actor", "action"]),
            about,
            field(decision, "reason"),
        ];
        self.line(1, &together(parts), Tone::Plain);
    }

    fn run(&mut self, depth: usize, run: &Value) {
        let status = field(run, "status");
        let ignored = match run.get("counted") {
            Some(Value::Bool(false)) => "ignored: late or repeated",
            _ => "",
        };
        let parts = [
            status.clone(),
            labelled(run, &["attempt", "round"]),
            moment(&field(run, "started_at")),
            field(run, "error"),
            ignored.to_owned(),
        ];
        self.line(depth, &together(parts), Tone::of_status(&status));
        for call in items(run, "calls") {
            self.call(depth + 1, call);
        }
    }

    /// One call of a model or a tool, or one decision of an agent.
    fn call(&mut self, depth: usize, call: &Value) {
        let took = call.get("duration_seconds").and_then(Value::as_f64);
        let took = took.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let usage = call.get("usage").unwrap_or(&Value::Null);
        let of_model = field(call, "kind") != "tool";
        let tokens = match present(usage, "input_tokens").filter(|_| of_model) {
            Some(input) => format!("{input} tokens in, {} out", field(usage, "output_tokens")),
            None => String::new(),
        };
        let error = field(call, "error");
        let tone = if error.is_empty() { Tone::Faint } else { Tone::Bad };
        let parts = [
            joined(call, &["kind", "name", "provider", "model", "prompt"]),
            took.map_or_else(String::new, duration),
            tokens,
            usd(usage.get("usd")),
            error,
            field(call, "detail"),
        ];
        self.line(depth, &together(parts), tone);
        for name in ["input", "output"] {
            if let Some(content) = present(call, name) {
                self.line(depth + 1, &format!("{name}: {}", shown(content)), Tone::Faint);
            }
        }
    }
}

/// The members that are there, each behind its name.
fn labelled(document: &Value, names: &[&str]) -> String {
    let parts = names
        .iter()
        .filter_map(|name| Some(format!("{name} {}", shown(present(document, name)?))));
    parts.collect::<Vec<_>>().join("  ")
}

fn together(parts: impl IntoIterator<Item = String>) -> String {
    let parts = parts.into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("  ")
}

/// The members that are there, in this order.
fn joined(document: &Value, names: &[&str]) -> String {
    let parts = names
        .iter()
        .map(|name| field(document, name))
        .filter(|text| !text.is_empty());
    parts.collect::<Vec<_>>().join("  ")
}

/// What differs from the plan before, a step a line.
fn changed(changes: &Value) -> Vec<String> {
    let keys = |name: &str| items(changes, name).iter().map(shown).collect::<Vec<_>>();
    let added = keys("added").into_iter().map(|key| format!("new: {key}"));
    let removed = keys("removed").into_iter().map(|key| format!("gone: {key}"));
    let altered = items(changes, "changed").iter().map(|step| {
        let members: Vec<String> = items(step, "members").iter().map(shown).collect();
        format!("changed: {} ({})", field(step, "key"), members.join(", "))
    });
    added.chain(removed).chain(altered).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn trace() -> Value {
        json!({
            "task_id": "t", "trace_id": "4bf9", "status": "completed", "truncated": false,
            "planning": [{ "version": 1, "origin": "planner", "engine": "mine", "memory": "used", "patterns_used": ["p1"],
                "changes": { "added": ["seo"], "removed": [], "changed": [{ "key": "draft", "members": ["arguments", "tier"] }] },
                "reasoning": "One pattern fits.\nIts steps are kept.", "attempts": [{ "status": "succeeded", "attempt": 1, "calls": [
                { "kind": "model", "name": "plan", "provider": "mine", "model": "gpt-x", "prompt": "plan@1", "duration_seconds": 0.812,
                  "usage": { "usd": 0.004, "input_tokens": 900, "output_tokens": 310 } }] }] }],
            "steps": [{ "key": "draft", "tool_id": "writer_agent", "reason": "the text itself", "attempts": [
                { "status": "failed", "attempt": 1, "round": 0, "started_at": "2026-11-23T09:37:23.250Z", "error": "timeout", "calls": [
                    { "kind": "tool", "name": "time.now", "duration_seconds": 3, "error": "timeout", "input": { "zone": "UTC" } }] },
                { "status": "succeeded", "attempt": 2, "round": 0, "counted": false, "calls": [] }] }],
            "assessment": [{ "round": 0, "overall": 0.82, "passed": true, "engine": "mine", "attempts": [] }],
            "formatting": [], "publication": { "effects": [], "attempts": [] },
            "decisions": [{ "at": "2026-11-23T09:40:00Z", "actor": "local", "action": "approve", "reason": null,
                "gate": { "gate_id": "g", "kind": "publication", "step_key": null } }],
        })
    }

    #[test]
    fn a_trace_is_a_tree_of_steps_attempts_and_calls() {
        assert_eq!(
            describe(&trace(), Look::PLAIN),
            "\
t  trace 4bf9
planning
  version 1  origin planner  engine mine  memory used  patterns p1
    new: seo
    changed: draft (arguments, tier)
    One pattern fits.
    Its steps are kept.
    succeeded  attempt 1
      model  plan  mine  gpt-x  plan@1  812 ms  900 tokens in, 310 out  $0.0040
steps
  draft  writer_agent  the text itself
    failed  attempt 1  round 0  2026-11-23 09:37:23  timeout
      tool  time.now  3.0 s  timeout
        input: {\"zone\":\"UTC\"}
    succeeded  attempt 2  round 0  ignored: late or repeated
assessment
  round 0  engine mine  quality 82 %  passed
decisions
  2026-11-23 09:40:00  local  approve  publication"
        );
    }

    #[test]
    fn no_line_of_a_trace_is_wider_than_the_terminal() {
        let look = Look {
            width: Some(20),
            colour: false,
        };
        let text = describe(&trace(), look);
        assert!(text.lines().all(|line| crate::text::columns(line) <= 20), "{text}");
    }
}
