//! What a person reads who is asked about a gate: what would happen, as far as it fits. Pure.

use super::shown::Telling;
use serde_json::Value;

/// Characters of the request: what it is for, not what is decided.
const REQUEST: usize = 200;
/// Of other single lines.
const LINE: usize = 300;
/// Of a call's arguments.
const ARGUMENTS: usize = 6_000;
/// Of one thing a tool asks.
const ASKED: usize = 2_000;
/// Of one deliverable.
const CONTENT: usize = 8_000;
/// Of all that is told about one gate.
const ALL: usize = 32_000;

/// What is told about a gate.
pub struct Told {
    pub text: String,
    /// All that an approval would let through stands in it.
    pub is_whole: bool,
}

/// What an open gate is about. `gate`: its approval document.
pub fn about(gate: &Value) -> Told {
    let mut telling = Telling::default();
    let (what, details) = match text(gate, "kind") {
        "plan" => ("The plan is ready to run".to_owned(), steps(&mut telling, gate)),
        "step" => (
            format!("The step {} waits", telling.line(text(gate, "step_key"), LINE)),
            step(&mut telling, gate),
        ),
        "publication" => (
            "The result is ready to be published".to_owned(),
            deliverables(&mut telling, gate),
        ),
        _ => (
            format!("Attention is needed ({})", attention(&mut telling, gate)),
            held_up(&mut telling, gate),
        ),
    };
    let details = details.join("\n\n");
    let is_whole = telling.is_whole() && details.chars().count() <= ALL;
    let request = Telling::default().line(text(gate, "request"), REQUEST);
    let details = details.chars().take(ALL).collect::<String>();
    let (task, id) = (text(gate, "task_id"), text(gate, "gate_id"));
    let parts = [
        format!("{what}, for \"{request}\"."),
        details,
        format!("Approve? The tool get_approval shows all of it (task_id {task}, gate_id {id})."),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Told {
        text: parts.join("\n\n"),
        is_whole,
    }
}

fn attention(telling: &mut Telling, gate: &Value) -> String {
    let detail = gate.pointer("/attention/detail").and_then(Value::as_str);
    telling.line(detail.unwrap_or("see its status"), LINE)
}

/// What a decision about a plan or a publication lets through is never nothing.
fn whatever_it_is(telling: &mut Telling, told: Vec<String>) -> Vec<String> {
    if told.is_empty() {
        vec![telling.too_large()]
    } else {
        told
    }
}

/// The steps; of those that act outside, and do not ask again, what they would do it with.
fn steps(telling: &mut Telling, gate: &Value) -> Vec<String> {
    let told = telling.entries(gate.pointer("/plan/steps"), "\n", |telling, step| {
        let key = telling.line(text(step, "key"), LINE);
        let tool = telling.line(text(step, "tool_id"), LINE);
        let asks = step.get("requires_approval").is_some_and(|asks| asks == true);
        match text(step, "effects") {
            "read_only" => format!("- {key}: {tool}"),
            "" => format!("- {key}: {tool} {}", telling.too_large()),
            effects if asks => format!("- {key}: {tool} (effects: {effects}; asks again before it acts)"),
            effects => {
                let arguments = match step.get("arguments") {
                    Some(arguments) => telling.value(arguments, ARGUMENTS),
                    None => telling.too_large(),
                };
                let items = match step.get("for_each") {
                    Some(each) => format!(", once for each of\n{}\n", telling.value(each, ARGUMENTS)),
                    None => String::new(),
                };
                format!("- {key}: {tool} (effects: {effects}){items} with\n{arguments}")
            }
        }
    });
    whatever_it_is(telling, told)
}

fn deliverables(telling: &mut Telling, gate: &Value) -> Vec<String> {
    let told = telling.entries(gate.get("deliverables"), "\n\n", |telling, one| {
        let channel = telling.line(text(one, "channel"), LINE);
        let title = telling.line(text(one, "title"), LINE);
        let content = match one.get("content").and_then(Value::as_str) {
            Some(content) => telling.quoted(content, CONTENT),
            None => telling.too_large(),
        };
        let faults = match text(one, "faults") {
            "" => String::new(),
            faults => format!("\nAgainst the rules: {}", telling.line(faults, 1_000)),
        };
        format!("{channel}: {title}{faults}\n{content}")
    });
    whatever_it_is(telling, told)
}

/// What an approval would let through after all: calls, a publication or a plan, whichever nobody decided in time.
fn held_up(telling: &mut Telling, gate: &Value) -> Vec<String> {
    let expired = gate
        .pointer("/attention/reason")
        .is_some_and(|reason| reason == "gate_expired");
    if !expired {
        return Vec::new();
    }
    let calls = telling.entries(gate.get("calls"), "\n\n", |telling, one| {
        call(telling, one, "An approval calls")
    });
    if !calls.is_empty() {
        return calls;
    }
    match gate.get("deliverables").and_then(Value::as_array) {
        Some(deliverables) if !deliverables.is_empty() => self::deliverables(telling, gate),
        _ => steps(telling, gate),
    }
}

fn step(telling: &mut Telling, gate: &Value) -> Vec<String> {
    match gate.get("requests") {
        None => vec![call(telling, gate, "An approval calls")],
        Some(requests) => {
            let called = call(telling, gate, "It called");
            let asked = telling.entries(Some(requests), "\n\n", |telling, asked| {
                format!("The tool asks:\n{}", telling.quoted(text(asked, "message"), ASKED))
            });
            [vec![called], asked].concat()
        }
    }
}

fn call(telling: &mut Telling, of: &Value, what: &str) -> String {
    let effects = match text(of, "tool_effects") {
        "" => String::new(),
        effects => format!(" (effects: {effects})"),
    };
    let tool = match text(of, "tool_id") {
        "" => "that its plan names".to_owned(),
        tool => telling.line(tool, LINE),
    };
    let arguments = match of.get("arguments") {
        Some(arguments) => telling.value(arguments, ARGUMENTS),
        None => telling.too_large(),
    };
    format!("{what} the tool {tool}{effects} with\n{arguments}")
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

    /// What is told of a gate of which all is told.
    fn told(kind: &str, more: Value) -> String {
        let told = about(&gate(kind, more));
        assert!(told.is_whole, "{}", told.text);
        told.text
    }

    fn is_whole(kind: &str, more: Value) -> bool {
        about(&gate(kind, more)).is_whole
    }

    #[test]
    fn a_steps_call_is_shown_as_it_would_be_made() {
        let call = json!({"step_key": "mail", "asks": "approval", "tool_id": "shop.send", "tool_effects": "once",
            "arguments": {"to": "a@b"}});
        assert_eq!(
            told("step", call),
            "The step mail waits, for \"Order tea\".\n\nAn approval calls the tool shop.send (effects: once) with\n\
             {\n  \"to\": \"a@b\"\n}\n\nApprove? The tool get_approval shows all of it (task_id t, gate_id g)."
        );
        let large = about(&gate("step", json!({"step_key": "mail"})));
        assert!(large.text.contains("too large") && !large.is_whole, "{}", large.text);
    }

    #[test]
    fn what_a_tool_asks_is_marked_as_its_words() {
        let asks = |last: &str| {
            json!({"step_key": "buy", "asks": "input", "tool_id": "shop.buy", "arguments": {},
                "requests": [{"key": "q", "message": "Which size?\nApprove? Yes."}, {"key": "r", "message": last}]})
        };
        let told = told("step", asks("xxx"));
        assert!(
            told.contains("The tool asks:\n> Which size?\n> Approve? Yes.\n\nThe tool asks:\n> xxx"),
            "{told}"
        );
        let long = about(&gate("step", asks(&"x".repeat(9_000))));
        assert!(long.text.len() < 3_000 && !long.is_whole, "{}", long.text.len());
    }

    #[test]
    fn of_a_plan_it_is_told_what_acts_outside_and_with_what() {
        let step = |effects: &str, asks: bool| {
            json!({"key": effects, "tool_id": "t", "effects": effects, "requires_approval": asks,
                "arguments": {"to": "evil@example"}})
        };
        let reads = told(
            "plan",
            json!({"plan": {"steps": [step("read_only", false), step("keyed", true)]}}),
        );
        assert!(
            reads.contains("\n- read_only: t\n- keyed: t (effects: keyed; asks again before it acts)\n"),
            "{reads}"
        );
        let acts = told(
            "plan",
            json!({"plan": {"steps": [step("read_only", false), step("once", false)]}}),
        );
        assert!(
            acts.contains("- once: t (effects: once) with\n{\n  \"to\": \"evil@example\""),
            "{acts}"
        );
        let mut large = step("once", false);
        large.as_object_mut().unwrap().remove("arguments");
        assert!(!is_whole("plan", json!({"plan": {"steps": [large]}})));
    }

    #[test]
    fn what_is_published_or_let_through_late_is_told() {
        let told_of = told(
            "publication",
            json!({"deliverables": [{"channel": "blog", "title": "Tea", "content": "All\nof it"}]}),
        );
        assert!(told_of.contains("blog: Tea\n> All\n> of it"), "{told_of}");
        let late = json!({"attention": {"reason": "gate_expired", "detail": "nobody answered"},
            "deliverables": [{"channel": "blog", "title": "Tea", "content": null}],
            "calls": [{"step_key": "mail", "tool_id": "send", "arguments": {"to": "c@d"}}]});
        let told_of = told("attention", late.clone());
        assert!(
            told_of.contains("(nobody answered)") && told_of.contains("\"to\": \"c@d\""),
            "{told_of}"
        );
        let mut late = gate("attention", late);
        late.as_object_mut().unwrap().remove("calls");
        let told_of = about(&late);
        assert!(
            told_of.text.contains("blog: Tea\n(too large") && !told_of.is_whole,
            "{}",
            told_of.text
        );
        late["attention"]["reason"] = "deadline".into();
        assert!(!about(&late).text.contains("blog"));
    }

    #[test]
    fn what_is_not_all_told_is_known() {
        let call = json!({"step_key": "mail", "tool_id": "send", "arguments": {}});
        let late = |calls: Vec<Value>| json!({"attention": {"reason": "gate_expired"}, "calls": calls});
        assert!(is_whole("attention", late(vec![call.clone(); 32])));
        assert!(!is_whole("attention", late(vec![call.clone(); 33])));
        assert!(!is_whole("attention", late(vec![call, json!({})])));
        let content = |length: usize| json!({"channel": "blog", "title": "Tea", "content": "x".repeat(length)});
        let deliverables = |all: Vec<Value>| json!({"deliverables": all});
        assert!(is_whole("publication", deliverables(vec![content(8_000)])));
        assert!(!is_whole("publication", deliverables(vec![content(8_001)])));
        assert!(!is_whole("publication", deliverables(vec![content(7_000); 5])));
        let behind = json!({"step_key": "mail", "tool_id": "send", "arguments": {"body": "x".repeat(2_001), "to": "evil@example"}});
        assert!(!is_whole("step", behind));
        let steps: Vec<Value> = (0..33)
            .map(|n| json!({"key": format!("s{n}"), "tool_id": "null", "effects": "read_only"}))
            .collect();
        assert!(!is_whole("plan", json!({"plan": {"steps": steps}})));
        // What it is for may be long.
        assert!(is_whole(
            "plan",
            json!({"request": "x".repeat(1_000), "plan": {"steps": [{"effects": "read_only"}]}})
        ));
    }
}
