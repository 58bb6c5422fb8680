//! `orchestrator patterns`.

use super::Caller;
use super::figure::{Unit, value};
use crate::arguments::{PatternVerb, PatternsArguments};
use crate::look::{Look, Tone};
use crate::table::{Cell, elastic, optional, status, table, whole};
use crate::text::{cut, field, items, present, shown};
use anyhow::{Context as _, Result, bail};
use futures::{StreamExt, pin_mut};
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write;

const PAGE: u32 = 200;
/// More than anybody reads; `--json` pages show the rest.
const PAGES: usize = 5;
/// Of lines imported at once: a body has at most 1 MiB by default.
const MOST_BYTES: usize = 512 << 10;

/// All of them, one, or what is done with them.
///
/// # Errors
/// What the gateway refuses, or that it does not answer.
pub async fn run(caller: &Caller, arguments: PatternsArguments) -> Result<()> {
    match arguments.verb {
        Some(PatternVerb::Review {
            pattern_id,
            state,
            pinned,
            note,
        }) => {
            let members = [
                ("state", state.map(Value::from)),
                ("pinned", pinned.map(Value::from)),
                ("note", note.map(Value::from)),
            ];
            let said = members
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?)));
            let review = Value::Object(said.collect());
            let reviewed = caller.client.review_pattern(&pattern_id, &review).await?;
            caller.print(&reviewed, describe)
        }
        Some(PatternVerb::Export { output: None }) => export(caller, &mut std::io::stdout().lock()).await,
        Some(PatternVerb::Export { output: Some(path) }) => {
            let mut file = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
            export(caller, &mut file).await?;
            file.sync_all().with_context(|| format!("writing {}", path.display()))
        }
        Some(PatternVerb::Import { file }) => {
            let lines = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let report = import(caller, &lines).await?;
            caller.print(&report, imported)?;
            match report.get("refused").and_then(Value::as_u64) {
                None | Some(0) => Ok(()),
                Some(refused) => bail!("{refused} lines were refused"),
            }
        }
        None => match arguments.pattern_id {
            Some(pattern_id) => caller.print(&caller.client.pattern(&pattern_id).await?, describe),
            None => caller.print(&all(caller).await?, list),
        },
    }
}

async fn export(caller: &Caller, to: &mut impl Write) -> Result<()> {
    let pieces = caller.client.export_patterns().await?;
    pin_mut!(pieces);
    while let Some(piece) = pieces.next().await {
        to.write_all(&piece.context("downloading the patterns")?)
            .context("writing the patterns")?;
    }
    to.flush().context("writing the patterns")
}

/// Piece by piece; the report is of the whole file. Pieces before one that is not taken stay.
async fn import(caller: &Caller, lines: &[u8]) -> Result<Value> {
    let mut whole = Report::default();
    let mut before = 0;
    for piece in pieces(lines) {
        let report = caller.client.import_patterns(piece.to_vec()).await;
        let report = report.with_context(|| format!("importing from line {} on", before + 1))?;
        whole.add(report, before);
        before += piece.iter().filter(|byte| **byte == b'\n').count() as u64;
    }
    Ok(whole.document())
}

/// Whole lines, as many as fit; a line that does not fit is a piece of its own. At least one piece.
fn pieces(lines: &[u8]) -> Vec<&[u8]> {
    let (mut pieces, mut rest) = (Vec::new(), lines);
    loop {
        let mut end = 0;
        for line in rest.split_inclusive(|byte| *byte == b'\n') {
            if end > 0 && end + line.len() > MOST_BYTES {
                break;
            }
            end += line.len();
        }
        let (piece, behind) = rest.split_at(end);
        pieces.push(piece);
        if behind.is_empty() {
            return pieces;
        }
        rest = behind;
    }
}

/// What came of an import.
#[derive(Default)]
struct Report {
    /// Imported, known, refused.
    counts: [u64; 3],
    errors: Vec<Value>,
}

const COUNTS: [&str; 3] = ["imported", "known", "refused"];

impl Report {
    /// Adds what came of a piece behind so many lines.
    fn add(&mut self, mut report: Value, before: u64) {
        for (sum, name) in self.counts.iter_mut().zip(COUNTS) {
            *sum += report.get(name).and_then(Value::as_u64).unwrap_or_default();
        }
        let Some(Value::Array(errors)) = report.get_mut("errors").map(Value::take) else {
            return;
        };
        for mut error in errors {
            if let Some(line) = error.get_mut("line") {
                *line = Value::from(line.as_u64().unwrap_or_default() + before);
            }
            self.errors.push(error);
        }
    }

    fn document(self) -> Value {
        let [imported, known, refused] = self.counts;
        json!({ "imported": imported, "known": known, "refused": refused, "errors": self.errors })
    }
}

fn imported(report: &Value, _: Look) -> String {
    let [imported, known, refused] = COUNTS.map(|name| field(report, name));
    let mut text = format!("{imported} imported, {known} known already, {refused} refused");
    for error in items(report, "errors") {
        text.push_str(&format!("\nline {}: {}", field(error, "line"), field(error, "detail")));
    }
    text
}

/// The first page with the patterns of those behind it.
async fn all(caller: &Caller) -> Result<Value> {
    let mut document = caller.client.patterns(Some(PAGE), None).await?;
    for _ in 1..PAGES {
        let Some(cursor) = present(&document, "next_cursor").map(shown) else {
            break;
        };
        let mut next = caller.client.patterns(Some(PAGE), Some(cursor)).await?;
        let more = next.get_mut("patterns").map(Value::take);
        if let (Some(Value::Array(known)), Some(Value::Array(more))) = (document.get_mut("patterns"), more) {
            known.extend(more);
        }
        let cursor = next.get_mut("next_cursor").map_or(Value::Null, Value::take);
        if let Some(document) = document.as_object_mut() {
            document.insert("next_cursor".to_owned(), cursor);
        }
    }
    Ok(document)
}

fn list(document: &Value, look: Look) -> String {
    let patterns = items(document, "patterns");
    let mut text = if patterns.is_empty() {
        "nothing learned yet; patterns come from approved tasks that passed their quality threshold".to_owned()
    } else {
        let rows: Vec<_> = patterns.iter().map(row).collect();
        let columns = [
            whole("pattern"),
            whole("state"),
            whole("tasks"),
            optional("offered"),
            optional("adopted"),
            whole("success"),
            optional("quality"),
            elastic("intent"),
        ];
        table(look, columns, &rows)
    };
    for issue in items(document, "issues") {
        text.push_str(&format!(
            "\n{}",
            look.paint(Tone::Warn, &cut(&to_avoid(issue), look.room(0)))
        ));
    }
    for preference in items(document, "preferences") {
        let value = preference.get("value").map(shown).unwrap_or_default();
        let line = format!("preference  {}: {value}", field(preference, "key"));
        let line = cut(&line, look.room(0));
        text.push_str(&format!("\n{line}"));
    }
    text
}

/// An issue on one line: what, how often, whether saying so stops it, and what is said.
fn to_avoid(issue: &Value) -> String {
    let [state, tool, code, condition, tasks] =
        ["state", "tool", "code", "condition", "tasks"].map(|name| field(issue, name));
    let stopped = match present(issue, "stopped") {
        Some(figure) => format!("  stopped {}", value(figure, Unit::Rate)),
        None => String::new(),
    };
    let hint = present(issue, "hint").map_or_else(String::new, |hint| format!("  \u{201c}{}\u{201d}", shown(hint)));
    let what = [tool, code, condition].join(" ");
    format!("issue  {state}  {}  {tasks} tasks{stopped}{hint}", what.trim_end())
}

fn row(pattern: &Value) -> [Cell; 8] {
    let rate = |name: &str| value(pattern.get(name).unwrap_or(&Value::Null), Unit::Rate);
    let evidence = match (present(pattern, "evidence"), pattern.get("evidence_tasks")) {
        (Some(count), _) => shown(count),
        (None, Some(Value::Array(tasks))) => tasks.len().to_string(),
        (None, other) => other.map_or_else(String::new, shown),
    };
    [
        field(pattern, "pattern_id").into(),
        status(field(pattern, "state")),
        evidence.into(),
        field(pattern, "offered").into(),
        field(pattern, "adopted").into(),
        rate("success_rate").into(),
        rate("quality").into(),
        goal(pattern).into(),
    ]
}

/// The intent is a document with a goal, or the goal itself; what is no whole plan says so.
fn goal(pattern: &Value) -> String {
    let goal = match pattern.get("intent") {
        Some(intent @ Value::Object(_)) => field(intent, "goal"),
        other => other.map_or_else(String::new, shown),
    };
    match pattern.get("kind").and_then(Value::as_str) {
        Some("fragment") => format!("part of plans for: {goal}"),
        _ => goal,
    }
}

fn describe(pattern: &Value, look: Look) -> String {
    let state = field(pattern, "state");
    let mut lines = vec![
        format!(
            "{}  {}",
            field(pattern, "pattern_id"),
            look.paint(Tone::of_status(&state), &state)
        ),
        goal(pattern),
    ];
    let steps = items(pattern, "steps");
    if !steps.is_empty() {
        let columns = [whole("step"), whole("tool"), optional("after"), elastic("title")];
        let row = |step: &Value| ["key", "tool_id", "depends_on", "title"].map(|name| Cell::from(field(step, name)));
        let rows: Vec<_> = steps.iter().map(row).collect();
        lines.extend([String::new(), table(look, columns, &rows), String::new()]);
    }
    let told = ["pattern_id", "state", "intent", "steps", "plan", "slots", "history"];
    for (name, member) in pattern.as_object().into_iter().flatten() {
        if !told.contains(&name.as_str()) && !member.is_null() {
            let shown = match member {
                Value::Object(members) if members.contains_key("value") => {
                    format!("{}, n {}", value(member, Unit::Rate), field(member, "n"))
                }
                other => shown(other),
            };
            lines.push(format!("{:<16}{}", name, cut(&shown, look.room(16))));
        }
    }
    for change in items(pattern, "history") {
        let who = present(change, "actor").map_or_else(String::new, |actor| format!(" ({})", shown(actor)));
        let line = format!(
            "{}  {}: {}{who}",
            field(change, "changed_at"),
            field(change, "state"),
            field(change, "reason")
        );
        lines.push(cut(&line, look.room(0)));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern() -> Value {
        json!({
            "pattern_id": "01a207c4-0000-7000-8000-000000000001", "state": "active",
            "intent": { "goal": "Produce a blog post about AI trends" },
            "steps": [{ "key": "research", "tool_id": "research_agent", "depends_on": [], "title": "Research {topic}" },
                      { "key": "draft", "tool_id": "writer_agent", "depends_on": ["research"], "title": "" }],
            "evidence_tasks": ["a", "b"], "offered": 5, "adopted": 3, "adapted": 1, "refused": 1,
            "success_rate": { "value": 0.8, "n": 5, "interval": null, "window": null }, "quality": 0.91, "uplift": null,
        })
    }

    #[test]
    fn a_part_of_plans_says_that_it_is_one() {
        let mut part = pattern();
        part["kind"] = json!("fragment");
        assert!(goal(&part).starts_with("part of plans for: "));
        part["kind"] = json!("plan");
        assert_eq!(goal(&part), goal(&pattern()));
    }

    #[test]
    fn patterns_are_listed_with_what_they_rest_on() {
        let document = json!({ "patterns": [pattern()], "preferences": [{ "key": "tone", "value": "friendly" }], "issues": [], "next_cursor": null });
        let narrow = Look {
            width: Some(80),
            colour: false,
        };
        assert_eq!(
            list(&document, narrow),
            "pattern                               state   tasks  success  intent\n\
             01a207c4-0000-7000-8000-000000000001  active  2      80.0 %   Produce a blog po…\n\
             preference  tone: friendly"
        );
    }

    #[test]
    fn issues_are_listed_with_what_stops_them() {
        let issue = json!({ "state": "told", "tool": "writer_agent", "code": "quality_below_threshold", "condition": "tone",
            "tasks": 12, "hint": "warmer", "stopped": { "value": 0.3, "n": 400, "interval": [0.1, 0.5], "window": null } });
        let bare = json!({ "state": "rare", "tool": "shop.stock", "code": "step_failed", "condition": "timeout", "tasks": 1,
            "hint": null, "stopped": null });
        let document = json!({ "patterns": [], "preferences": [], "issues": [issue, bare], "next_cursor": null });
        assert_eq!(
            list(&document, Look::PLAIN).lines().skip(1).collect::<Vec<_>>(),
            [
                "issue  told  writer_agent quality_below_threshold tone  12 tasks  stopped 30.0 %  \u{201c}warmer\u{201d}",
                "issue  rare  shop.stock step_failed timeout  1 tasks"
            ]
        );
    }

    #[test]
    fn a_file_is_imported_in_pieces_of_whole_lines_and_told_of_as_one() {
        let line = |bytes: usize| [vec![b'x'; bytes - 1], vec![b'\n']].concat();
        let file = [
            line(300 << 10),
            line(300 << 10),
            line(600 << 10),
            line(8),
            line(8),
            b"end".to_vec(),
        ]
        .concat();
        let found = pieces(&file);
        assert_eq!(found.concat(), file);
        assert_eq!(
            found.iter().map(|piece| piece.len()).collect::<Vec<_>>(),
            [300 << 10, 300 << 10, 600 << 10, 19]
        );
        assert_eq!(pieces(b"").len(), 1);
        let mut whole = Report::default();
        whole.add(json!({"imported": 1, "known": 2, "refused": 0, "errors": []}), 0);
        whole.add(
            json!({"imported": 3, "known": 0, "refused": 1, "errors": [{"line": 2, "detail": "torn"}]}),
            40,
        );
        assert_eq!(
            whole.document(),
            json!({"imported": 4, "known": 2, "refused": 1, "errors": [{"line": 42, "detail": "torn"}]})
        );
    }

    #[test]
    fn one_pattern_is_shown_with_its_steps_and_every_figure_there_is() {
        assert_eq!(
            describe(&pattern(), Look::PLAIN),
            "01a207c4-0000-7000-8000-000000000001  active\n\
             Produce a blog post about AI trends\n\n\
             step      tool            after     title\n\
             research  research_agent            Research {topic}\n\
             draft     writer_agent    research\n\n\
             adapted         1\nadopted         3\nevidence_tasks  a, b\noffered         5\nquality         0.91\n\
             refused         1\nsuccess_rate    80.0 %, n 5"
        );
    }
}
