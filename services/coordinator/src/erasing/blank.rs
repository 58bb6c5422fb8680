//! Events without their words. Pure.

use serde_json::{Map, Value};

/// Members whose values are numbers, ids or words of the vocabulary.
const KEPT: [&str; 9] = [
    "status",
    "phase",
    "gate_id",
    "kind",
    "action",
    "step_status",
    "round",
    "attempt",
    "version",
];

/// The lines of a row of events, each without what it told but what is in the vocabulary.
pub fn events(bodies: &str) -> String {
    bodies.split('\n').map(event).collect::<Vec<_>>().join("\n")
}

fn event(body: &str) -> String {
    // What cannot be read may hold anything.
    let Ok(Value::Object(mut event)) = serde_json::from_str(body) else {
        return "{}".to_owned();
    };
    let told = event.get("data").and_then(Value::as_object);
    let mut data: Map<String, Value> = told
        .into_iter()
        .flatten()
        .filter(|(name, value)| KEPT.contains(&name.as_str()) && !value.is_object() && !value.is_array())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    data.insert("erased".to_owned(), true.into());
    event.insert("data".to_owned(), Value::Object(data));
    Value::Object(event).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_erased_event_keeps_its_envelope_and_words_of_the_vocabulary_alone() {
        let one = json!({"id": "a", "type": "io.orchestrator.task.completed.v1", "sequence": 7, "tenant": "default",
            "data": {"status": "completed", "phase": "learning", "request": "secret", "result": [{"content": "secret"}],
                     "version": {"hidden": "secret"}}});
        let two = json!({"id": "b", "sequence": 8,
            "data": {"gate_id": "g", "kind": "publication", "action": "approve", "actor": "secret", "step_key": "secret"}});
        let blanked = events(&format!("{one}\n{two}"));
        let lines: Vec<Value> = blanked
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(
            lines[0]["data"],
            json!({"status": "completed", "phase": "learning", "erased": true})
        );
        assert_eq!((&lines[0]["id"], &lines[0]["sequence"]), (&json!("a"), &json!(7)));
        assert_eq!(
            lines[1]["data"],
            json!({"gate_id": "g", "kind": "publication", "action": "approve", "erased": true})
        );
        assert_eq!(events(&blanked), blanked, "done again it stays");
        assert_eq!(events("not json, secret"), "{}");
    }
}
