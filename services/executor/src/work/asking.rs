//! Runs that end with a question, and runs that begin with its answer.

use crate::effects::Question;
use crate::failure::RunFailure;
use bus::worker::inline;
use contracts::work::Awaiting;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Bytes of a tool's own state that travel with its question.
const MAX_STATE: usize = 64 << 10;
/// Bytes of what a tool asks, in all.
const MAX_QUESTION: usize = 256 << 10;
/// Things a tool asks at once.
const MAX_REQUESTS: usize = 64;

/// What a human let through: the call, and the answers to what the tool asked.
#[derive(Deserialize, Debug)]
pub struct Approved {
    /// The tool is called with exactly these.
    pub arguments: Map<String, Value>,
    /// By the keys of the tool's requests.
    pub responses: Option<Value>,
    /// As the tool gave it.
    pub request_state: Option<String>,
}

/// May the tool be called so?
pub fn approval(tool_id: &str, arguments: &Map<String, Value>) -> Awaiting {
    awaiting("approval", &json!({"tool_id": tool_id, "arguments": arguments}))
}

/// The tool wants to know something before it goes on with `arguments`.
///
/// # Errors
/// `tool_bad_response` for a question that asks nothing, or more than anybody would answer.
pub fn input(tool_id: &str, arguments: &Map<String, Value>, question: Question) -> Result<Awaiting, RunFailure> {
    let bad = |what: &str| RunFailure::permanent("tool_bad_response", format!("{tool_id} asked {what}"));
    if question.requests.is_empty() {
        return Err(bad("nothing"));
    }
    if question.requests.len() > MAX_REQUESTS {
        return Err(bad("too much at once"));
    }
    if question
        .request_state
        .as_ref()
        .is_some_and(|state| state.len() > MAX_STATE)
    {
        return Err(bad("with a state of more than 64 KiB"));
    }
    let keys: std::collections::BTreeSet<&str> = question.requests.iter().map(|r| r.key.as_str()).collect();
    if keys.len() < question.requests.len() {
        return Err(bad("two things under one key"));
    }
    let asked = json!({"message": question.message, "requests": question.requests});
    if asked.to_string().len() > MAX_QUESTION {
        return Err(bad("at too great length"));
    }
    let mut document = json!({
        "tool_id": tool_id,
        "arguments": arguments,
        "message": question.message,
        "requests": question.requests,
    });
    if let (Some(state), Value::Object(members)) = (question.request_state, &mut document) {
        members.insert("request_state".to_owned(), state.into());
    }
    Ok(awaiting("input", &document))
}

fn awaiting(kind: &str, question: &Value) -> Awaiting {
    Awaiting {
        kind: kind.to_owned(),
        question: Some(inline(question.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::QuestionRequest;

    fn asked(keys: &[&str], state: Option<String>) -> Result<Awaiting, String> {
        let request = |key: &&str| QuestionRequest {
            key: (*key).to_owned(),
            message: "which?".to_owned(),
            schema: json!({"type": "string"}),
        };
        let question = Question {
            message: "before I go on".to_owned(),
            requests: keys.iter().map(request).collect(),
            request_state: state,
        };
        let arguments = Map::from_iter([("q".to_owned(), json!("tea"))]);
        input("shop.buy", &arguments, question).map_err(|failure| failure.code)
    }

    #[test]
    fn a_question_has_the_call_it_is_about_and_hostile_ones_are_refused() {
        let awaiting = asked(&["size"], Some("opaque".to_owned())).unwrap();
        let question: Value = serde_json::from_str(bus::worker::json_of(awaiting.question.as_ref())).unwrap();
        let expected = json!({
            "tool_id": "shop.buy", "arguments": {"q": "tea"}, "message": "before I go on", "request_state": "opaque",
            "requests": [{"key": "size", "message": "which?", "schema": {"type": "string"}}],
        });
        assert_eq!((awaiting.kind.as_str(), question), ("input", expected));
        let many: Vec<String> = (0..=MAX_REQUESTS).map(|n| n.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for (keys, state) in [
            (&[][..], None),
            (&["a", "a"], None),
            (many.as_slice(), None),
            (&["a"], Some("x".repeat(MAX_STATE + 1))),
            (&["a", &"k".repeat(MAX_QUESTION)], None),
        ] {
            assert_eq!(asked(keys, state), Err("tool_bad_response".to_owned()));
        }
    }
}
