//! What a person reads who is asked about a gate: what would happen, as far as it fits. Pure.

use super::shown::{line, quoted, value};
use serde_json::Value;

/// Characters of the request, and of other single lines.
const REQUEST: usize = 200;
const LINE: usize = 300;
/// Characters of a call's arguments.
const ARGUMENTS: usize = 4_000;
/// Characters of one thing a tool asks.
const ASKED: usize = 1_000;
/// Characters of one deliverable.
const CONTENT: usize = 600;
/// Most entries of a list.
const ENTRIES: usize = 10;
/// Stands where what a gate is about did not come with it.
const TOO_LARGE: &str = "(too large to be shown here)";

/// What an open gate is about. `gate`: its approval document.
pub fn about(gate: &Value) -> String {
    let request = line(text(gate, "request"), REQUEST);
    let (what, details) = match text(gate, "kind") {
        "plan" => ("The plan is ready to run".to_owned(), steps(gate)),
        "step" => (
            format!("The step {} waits", line(text(gate, "step_key"), LINE)),
            step(gate),
        ),
        "publication" => ("The result is ready to be published".to_owned(), deliverables(gate)),
        _ => (format!("Attention is needed ({})", attention(gate)), held_up(gate)),
    };
    let (task, id) = (text(gate, "task_id"), text(gate, "gate_id"));
    let end = format!("Approve? The tool get_approval shows all of it (task_id {task}, gate_id {id}).");
    let parts = [vec![format!("{what}, for \"{request}\".")], details, vec![end]];
    parts.concat().join("\n\n")
}

fn attention(gate: &Value) -> String {
    let detail = gate.pointer("/attention/detail").and_then(Value::as_str);
    line(detail.unwrap_or("see its status"), LINE)
}

fn steps(gate: &Value) -> Vec<String> {
    let step = |step: &Value| {
        format!(
            "- {}: {}",
            line(text(step, "key"), LINE),
            line(text(step, "tool_id"), LINE)
        )
    };
    listed(gate.pointer("/plan/steps"), "\n", step)
}

fn deliverables(gate: &Value) -> Vec<String> {
    let deliverable = |one: &Value| {
        let (channel, title) = (line(text(one, "channel"), LINE), line(text(one, "title"), LINE));
        let content = one.get("content").and_then(Value::as_str);
        let content = content.map_or_else(|| TOO_LARGE.to_owned(), |content| quoted(content, CONTENT));
        format!("{channel}: {title}\n{content}")
    };
    listed(gate.get("deliverables"), "\n\n", deliverable)
}

/// What an approval would let through after all: calls, a publication or a plan, whichever nobody decided in time.
fn held_up(gate: &Value) -> Vec<String> {
    let expired = gate
        .pointer("/attention/reason")
        .is_some_and(|reason| reason == "gate_expired");
    if !expired {
        return Vec::new();
    }
    let calls = listed(gate.get("calls"), "\n\n", |one| call(one, "An approval calls"));
    let found = [calls, deliverables(gate), steps(gate)];
    found.into_iter().find(|found| !found.is_empty()).unwrap_or_default()
}

/// Whether the calls an approval would let through can all be shown.
pub fn shows_calls(gate: &Value) -> bool {
    let calls = gate
        .get("calls")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let is_step = text(gate, "kind") == "step";
    calls.len() <= ENTRIES
        && calls
            .iter()
            .chain(is_step.then_some(gate))
            .all(|call| call.get("arguments").is_some())
}

fn step(gate: &Value) -> Vec<String> {
    match gate.get("requests") {
        None => vec![call(gate, "An approval calls")],
        Some(requests) => {
            let asked = |asked: &Value| format!("The tool asks:\n{}", quoted(text(asked, "message"), ASKED));
            [vec![call(gate, "It called")], listed(Some(requests), "\n\n", asked)].concat()
        }
    }
}

fn call(of: &Value, what: &str) -> String {
    let arguments = of.get("arguments").map(|arguments| value(arguments, ARGUMENTS));
    let effects = Some(text(of, "tool_effects")).filter(|effects| !effects.is_empty());
    let effects = effects
        .map(|effects| format!(" (effects: {effects})"))
        .unwrap_or_default();
    let tool = Some(line(text(of, "tool_id"), LINE)).filter(|tool| !tool.is_empty());
    let tool = tool.unwrap_or_else(|| "that its plan names".to_owned());
    format!(
        "{what} the tool {tool}{effects} with\n{}",
        arguments.unwrap_or_else(|| TOO_LARGE.to_owned())
    )
}

/// One paragraph of the first entries; of more it says so.
fn listed(entries: Option<&Value>, between: &str, told: impl Fn(&Value) -> String) -> Vec<String> {
    let entries = entries.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut shown: Vec<String> = entries.iter().take(ENTRIES).map(told).collect();
    if entries.len() > ENTRIES {
        shown.push(format!("… and {} more", entries.len() - ENTRIES));
    }
    if shown.is_empty() {
        shown
    } else {
        vec![shown.join(between)]
    }
}

fn text<'v>(of: &'v Value, name: &str) -> &'v str {
    of.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn gate(kind: &str, more: Value) -> Value {
        let mut gate = json!({"task_id": "t", "gate_id": "g", "kind": kind, "request": "Order\ntea"});
        gate.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        gate
    }

    #[test]
    fn a_steps_call_is_shown_as_it_would_be_made() {
        let call = json!({"step_key": "mail", "asks": "approval", "tool_id": "shop.send", "tool_effects": "once",
            "arguments": {"to": "a@b"}});
        assert_eq!(
            about(&gate("step", call)),
            "The step mail waits, for \"Order tea\".\n\nAn approval calls the tool shop.send (effects: once) with\n\
             {\n  \"to\": \"a@b\"\n}\n\nApprove? The tool get_approval shows all of it (task_id t, gate_id g)."
        );
        let large = about(&gate("step", json!({"step_key": "mail"})));
        assert!(large.contains("too large"), "{large}");
    }

    #[test]
    fn what_a_tool_asks_is_marked_as_its_words() {
        let asks = json!({"step_key": "buy", "asks": "input", "tool_id": "shop.buy", "arguments": {},
            "requests": [{"key": "q", "message": "Which size?\nApprove? Yes."}, {"key": "r", "message": "x".repeat(9_000)}]});
        let told = about(&gate("step", asks));
        assert!(
            told.contains("The tool asks:\n> Which size?\n> Approve? Yes.\n\nThe tool asks:\n> xxx"),
            "{told}"
        );
        assert!(told.len() < 2_000, "{}", told.len());
    }

    #[test]
    fn what_is_published_planned_or_let_through_late_is_told() {
        let told = about(&gate(
            "publication",
            json!({"deliverables": [{"channel": "blog", "title": "Tea", "content": "All\nof it"}]}),
        ));
        assert!(told.contains("blog: Tea\n> All\n> of it"), "{told}");
        let steps: Vec<Value> = (0..12)
            .map(|n| json!({"key": format!("s{n}"), "tool_id": "null"}))
            .collect();
        let told = about(&gate("plan", json!({"plan": {"steps": steps}})));
        assert!(told.contains("- s9: null\n… and 2 more"), "{told}");
        let late = json!({"attention": {"reason": "gate_expired", "detail": "nobody answered"},
            "deliverables": [{"channel": "blog", "title": "Tea", "content": null}],
            "calls": [{"step_key": "mail", "tool_id": "send", "arguments": {"to": "c@d"}}]});
        let mut late = gate("attention", late);
        let told = about(&late);
        assert!(
            told.contains("(nobody answered)") && told.contains("\"to\": \"c@d\""),
            "{told}"
        );
        late.as_object_mut().unwrap().remove("calls");
        let told = about(&late);
        assert!(told.contains("blog: Tea\n(too large"), "{told}");
        late["attention"]["reason"] = "deadline".into();
        assert!(!about(&late).contains("blog"));
    }

    #[test]
    fn calls_that_cannot_all_be_shown_are_known() {
        let call = json!({"step_key": "mail", "tool_id": "send", "arguments": {}});
        let late = |calls: Vec<Value>| gate("attention", json!({"calls": calls}));
        assert!(shows_calls(&late(vec![call.clone(); 10])) && shows_calls(&gate("plan", json!({}))));
        assert!(!shows_calls(&late(vec![call.clone(); 11])) && !shows_calls(&late(vec![call, json!({})])));
        assert!(!shows_calls(&gate("step", json!({"step_key": "mail"}))));
    }
}
