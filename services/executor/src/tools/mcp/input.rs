//! Questions of a server in the middle of a call: they end the run, a human answers, and the call goes on.

use super::trouble::{Acted, Trouble};
use crate::effects::{Question, QuestionRequest};
use rmcp::model::{ElicitRequestParams, InputRequest, InputRequiredResult, InputResponses};
use serde_json::{Value, json};

/// Bytes of what a server wants back with the answers.
const MAX_STATE: usize = 64 << 10;
/// Times a server may send the same call back in one run without asking anything.
pub const MAX_ROUNDS: usize = 8;

/// What a server wants before it goes on.
#[derive(Debug, PartialEq)]
pub enum Wanted {
    /// Nothing but its state: the same call once more.
    Again(String),
    /// Something a human knows.
    Answers(Question),
}

/// Reads what a server wants. Its state is handed back unread.
///
/// # Errors
/// `tool_response_too_large` for a state nobody can carry; `tool_protocol` for what we never offered.
pub fn wanted(result: InputRequiredResult) -> Result<Wanted, Trouble> {
    let state = result.request_state;
    if state.as_ref().is_some_and(|state| state.len() > MAX_STATE) {
        let message = format!("the state the server wants back is longer than {MAX_STATE} bytes");
        return Err(Trouble::new("tool_response_too_large", message, false, Acted::Maybe));
    }
    let requests = result.input_requests.unwrap_or_default();
    if requests.is_empty() {
        let nothing = || Trouble::bad_response("the server wants input and does not say which");
        return state.map(Wanted::Again).ok_or_else(nothing);
    }
    let requests: Result<Vec<_>, _> = requests.into_iter().map(|(key, request)| asked(key, request)).collect();
    let requests = requests?;
    let messages: Vec<&str> = requests.iter().map(|request| request.message.as_str()).collect();
    Ok(Wanted::Answers(Question {
        message: messages.join("\n"),
        requests,
        request_state: state,
    }))
}

fn asked(key: String, request: InputRequest) -> Result<QuestionRequest, Trouble> {
    let InputRequest::Elicitation(request) = request else {
        return Err(Trouble::protocol(
            "the server asks for a model or for folders, which it was not offered",
        ));
    };
    let (message, schema) = match request.params {
        ElicitRequestParams::FormElicitationParams {
            message,
            requested_schema,
            ..
        } => (message, json!(requested_schema)),
        ElicitRequestParams::UrlElicitationParams { message, url, .. } => {
            (format!("{message}: {url}"), json!({"type": "object"}))
        }
        _ => return Err(Trouble::protocol("the server asks in a way that is not known here")),
    };
    Ok(QuestionRequest { key, message, schema })
}

/// A human's answers as the server expects them; null is a refusal to answer.
pub fn answers(responses: &Value) -> InputResponses {
    let answer = |(key, value): (&String, &Value)| {
        let answer = match value {
            Value::Null => json!({"action": "decline"}),
            content => json!({"action": "accept", "content": content}),
        };
        (key.clone(), answer)
    };
    responses.as_object().into_iter().flatten().map(answer).collect()
}

/// It never comes to an end.
pub fn rounds_exceeded() -> Trouble {
    let message = format!("the server sent the call back more than {MAX_ROUNDS} times");
    Trouble::new("tool_rounds_exceeded", message, false, Acted::Maybe)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(value: Value) -> InputRequiredResult {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn questions_carry_their_schema_and_answers_go_back_by_key() {
        let schema = json!({"type": "object", "properties": {"size": {"type": "string"}}, "required": ["size"]});
        let wanted = wanted(result(
            json!({"resultType": "input_required", "requestState": "opaque", "inputRequests": {
                "q": {"method": "elicitation/create",
                    "params": {"mode": "form", "message": "Which size?", "requestedSchema": schema}},
            }}),
        ));
        let Ok(Wanted::Answers(question)) = wanted else {
            panic!("{wanted:?}")
        };
        assert_eq!(question.request_state.as_deref(), Some("opaque"));
        assert_eq!(
            (question.requests[0].key.as_str(), question.message.as_str()),
            ("q", "Which size?")
        );
        assert_eq!(question.requests[0].schema["required"], json!(["size"]));
        let answers = answers(&json!({"q": {"size": "L"}, "r": null}));
        assert_eq!(answers["q"], json!({"action": "accept", "content": {"size": "L"}}));
        assert_eq!(answers["r"], json!({"action": "decline"}));
    }

    #[test]
    fn a_state_is_bounded_and_what_was_not_offered_is_refused() {
        let large = json!({"resultType": "input_required", "requestState": "x".repeat(MAX_STATE + 1)});
        assert_eq!(wanted(result(large)).unwrap_err().code, "tool_response_too_large");
        let again = json!({"resultType": "input_required", "requestState": "x"});
        assert_eq!(wanted(result(again)), Ok(Wanted::Again("x".to_owned())));
        let model = json!({"resultType": "input_required", "inputRequests": {"m": {"method": "sampling/createMessage",
            "params": {"messages": [], "maxTokens": 1}}}});
        assert_eq!(wanted(result(model)).unwrap_err().code, "tool_protocol");
    }
}
