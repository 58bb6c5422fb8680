use super::*;
use serde_json::json;

fn step(key: &str, tool: &str, deps: &[&str], status: &str) -> Value {
    json!({ "key": key, "tool_id": tool, "depends_on": deps, "status": status, "attempt": 1, "round": 0 })
}

fn task() -> Value {
    let mut steps = vec![
        step("research", "research_agent", &[], "succeeded"),
        step("keywords", "seo_agent", &[], "failed"),
        step("draft", "writer_agent", &["research", "keywords"], "running"),
        step("blog", "editor_agent", &["draft"], "pending"),
    ];
    steps[0]["started_at"] = json!("2026-11-23T09:00:01Z");
    steps[0]["finished_at"] = json!("2026-11-23T09:00:03.500Z");
    steps[1]["error"] = json!({ "code": "timeout", "message": "no answer\x1b[2J in 30 s" });
    steps[2]["attempt"] = json!(2);
    steps[2]["round"] = json!(1);
    steps[2]["started_at"] = json!("2026-11-23T09:00:04Z");
    json!({
        "task_id": "01a207c4-6c19-7456-9b04-edebd1f6f551", "request": "Compare three ways to pack fragile goods",
        "status": "executing", "phase": "execution", "progress": { "steps_total": 4, "steps_done": 1 }, "refinements": 1,
        "cost": { "usd": 0.0123 }, "quality": null, "created_at": "2026-11-23T09:00:00Z", "open_gates": [],
        "plan": { "steps": steps },
    })
}

fn picture(task: &Value, columns: usize, rows: usize) -> Vec<String> {
    let scene = Scene {
        task,
        now: crate::text::time("2026-11-23T09:01:10Z").unwrap().to_utc(),
        notice: None,
        program: "orchestrator",
    };
    let look = Look {
        width: Some(columns),
        colour: false,
    };
    frame(&scene, look, Size { columns, rows })
}

#[test]
fn steps_stand_in_layers_with_what_happens_to_them() {
    assert_eq!(
        picture(&task(), 90, 24),
        [
            "Compare three ways to pack fragile goods",
            "01a207c4-6c19-7456-9b04-edebd1f6f551",
            "executing  execution · 1/4 steps · round 1 · 1 min 10 s · $0.0123",
            " 1 ✓ research  research_agent  succeeded · 2.5 s",
            "   ✗ keywords  seo_agent       failed · no answer\u{fffd}[2J in 30 s",
            " 2 ▸ draft     writer_agent    running · attempt 2 · round 1 · 1 min 06 s",
            " 3 · blog      editor_agent    pending",
        ]
    );
}

#[test]
fn an_open_gate_is_shown_with_the_commands_that_answer_it() {
    let mut waiting = task();
    waiting["open_gates"] =
        json!([{ "gate_id": "g", "kind": "publication", "allowed_actions": ["approve", "reject"] }]);
    let lines = picture(&waiting, 90, 24);
    assert_eq!(
        lines[7..],
        [
            "waits for your decision about the publication:",
            "  orchestrator approvals edebd1f6f551",
            "  orchestrator approve edebd1f6f551",
            "  orchestrator reject edebd1f6f551",
        ]
    );
}

#[test]
fn a_plan_larger_than_the_terminal_shows_what_matters_most_and_counts_the_rest() {
    let mut large = task();
    let many = (0..200).map(|at| {
        step(
            &format!("part-{at}"),
            "null",
            &[],
            if at < 150 { "succeeded" } else { "queued" },
        )
    });
    let steps = large["plan"]["steps"].as_array_mut().unwrap();
    steps.extend(many);
    let lines = picture(&large, 90, 10);
    assert_eq!(lines.len(), 9);
    assert_eq!(
        lines[3..],
        [
            "   ✗ keywords  seo_agent       failed · no answer\u{fffd}[2J in 30 s",
            "   ▹ part-150  null            queued",
            "   ▹ part-151  null            queued",
            "   ▹ part-152  null            queued",
            " 2 ▸ draft     writer_agent    running · attempt 2 · round 1 · 1 min 06 s",
            "   … and 1 pending, 47 queued, 151 succeeded",
        ]
    );
}

#[test]
fn no_line_is_wider_and_no_picture_higher_than_the_terminal_whatever_its_size() {
    let mut waiting = task();
    waiting["attention"] = json!({ "reason": "quality_below_threshold", "detail": "漢字".repeat(100) });
    waiting["open_gates"] =
        json!([{ "gate_id": "g", "kind": "attention", "allowed_actions": ["approve", "retry", "reject"] }]);
    for columns in [1, 2, 5, 8, 13, 20, 37, 40, 79, 80, 200] {
        for rows in [1, 2, 3, 5, 8, 24, 100] {
            let lines = picture(&waiting, columns, rows);
            assert!(lines.len() <= (rows - 1).max(1), "{columns}x{rows}: {lines:#?}");
            for line in &lines {
                assert!(crate::text::columns(line) <= columns, "{columns}x{rows}: {line:?}");
            }
        }
    }
}

#[test]
fn a_task_without_a_plan_is_a_picture_too() {
    let lines = picture(
        &json!({ "task_id": "t", "status": "planning", "phase": "planning" }),
        40,
        10,
    );
    assert_eq!(lines, ["", "t", "planning  planning"]);
}
