use super::*;
use serde_json::json;

fn task() -> Value {
    json!({
        "task_id": "01a207c4-6c19-7456-9b04-edebd1f6f551", "status": "awaiting_approval", "phase": "approval",
        "request": "Write about packing fragile goods", "created_at": "2026-11-23T09:00:00.1Z", "updated_at": "2026-11-23T09:00:09Z",
        "intent": { "goal": "Produce an article", "requirements": ["Topic: packing"], "success_criteria": ["about 400 words"] },
        "plan": { "version": 1, "origin": "planner", "summary": "Article", "steps": [
            { "key": "draft", "tool_id": "writer_agent", "status": "succeeded", "attempt": 1, "round": 1, "reason": "The text itself.",
              "started_at": "2026-11-23T09:00:01Z", "finished_at": "2026-11-23T09:00:04Z" }] },
        "quality": { "overall": 0.82, "threshold": 0.7, "passed": true, "blamed_steps": [], "failed_checks": [], "engine": "offline",
            "dimensions": {
                "clarity": { "score": 0.9, "weight": 0.4, "evidence": "27 sentences of 15 words", "feedback": "" },
                "tone": { "score": null, "weight": 0.6, "evidence": "", "feedback": "name the reader" } } },
        "cost": { "usd": null, "input_tokens": 1200, "output_tokens": 340, "calls": 4 },
        "budget": { "max_cost_usd": 0.5, "max_tokens": null, "max_duration_seconds": null },
        "open_gates": [{ "gate_id": "g", "kind": "publication", "expires_at": null, "allowed_actions": ["approve", "edit"] }],
        "model_versions": {}, "patterns_used": ["01a2"], "memory": "used",
    })
}

#[test]
fn a_task_is_shown_with_its_reasons_evidence_and_the_command_it_waits_for() {
    assert_eq!(
        describe(&task(), Look::PLAIN, "orchestrator"),
        "\
01a207c4-6c19-7456-9b04-edebd1f6f551  awaiting_approval  (approval)
request   Write about packing fragile goods
time      created 2026-11-23 09:00:00, changed 2026-11-23 09:00:09 UTC
goal      Produce an article
needs     Topic: packing
success   about 400 words

plan 1 by planner: Article
step   tool          status     attempt  round  took   why
draft  writer_agent  succeeded  1        1      3.0 s  The text itself.

quality 82 %, needed 70 %: passed
dimension  score       weight  evidence
clarity    90 %        40 %    27 sentences of 15 words
tone       not judged  60 %    → name the reader
judged by offline

cost      price unknown, 1200 tokens in, 340 out, 4 calls; at most $0.50
memory    used
pattern   01a2

waits for your decision about the publication:
  orchestrator approvals 01a207c4-6c19-7456-9b04-edebd1f6f551
  orchestrator approve 01a207c4-6c19-7456-9b04-edebd1f6f551"
    );
}

#[test]
fn what_a_task_waits_for_without_anybody_being_asked_is_told() {
    let mut waiting = task();
    waiting["waiting"] = json!([
        { "what": "planning", "code": "llm_unavailable", "message": "openai/m does not answer" },
        { "what": "step draft", "code": "llm_unavailable", "message": "the same" },
    ]);
    let text = describe(&waiting, Look::PLAIN, "orchestrator");
    let told = "waiting   planning: llm_unavailable: openai/m does not answer (and 1 more)";
    assert!(text.lines().any(|line| line == told), "{text}");
}

#[test]
fn what_the_tenant_has_used_of_its_window_stands_below_the_cost() {
    let mut task = task();
    task["tenant_budget"] = json!({
        "max_cost_usd": 2.0, "max_tokens": null, "max_calls": 50, "window_ends_at": "2026-11-24T00:00:00.000Z",
        "spent": { "usd": 1.25, "tokens": 9, "calls": 20 }, "reserved": { "usd": 0.5, "tokens": 0, "calls": 5 },
    });
    let text = describe(&task, Look::PLAIN, "orchestrator");
    let told = "tenant    $1.75 of $2.00, 25 of 50 calls spent or set aside; next window 2026-11-24 00:00:00 UTC";
    assert!(text.lines().any(|line| line == told), "{text}");
}

#[test]
fn on_a_narrow_terminal_only_ids_and_commands_may_be_wider() {
    let look = Look {
        width: Some(50),
        colour: false,
    };
    let text = describe(&task(), look, "orchestrator");
    let wider: Vec<&str> = text.lines().filter(|line| crate::text::columns(line) > 50).collect();
    assert_eq!(
        wider,
        ["01a207c4-6c19-7456-9b04-edebd1f6f551  awaiting_approval  (approval)"]
    );
}

#[test]
fn documents_that_lack_almost_everything_are_still_shown() {
    let text = describe(
        &json!({ "task_id": "t", "status": "failed", "error": { "code": "internal", "message": "m" } }),
        Look::PLAIN,
        "o",
    );
    assert!(text.contains("error     internal: m"), "{text}");
}
