//! A human's word about one call of a tool: arguments of their own, or answers to what the tool asked.

use crate::grpc::problems::field;
use contracts::api::ApproveRequest;
use contracts::problem::{FieldError, Problem};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use workflow::tool::CatalogTool;
use workflow::vocabulary::AskKind;

/// What a step's run asked, as stored.
#[derive(Deserialize, Debug)]
pub struct Question {
    pub tool_id: String,
    pub arguments: Map<String, Value>,
    #[serde(default)]
    pub requests: Vec<Request>,
    /// The tool's own; nobody is shown it.
    request_state: Option<String>,
}

/// One thing a tool asks.
#[derive(Deserialize, Debug)]
pub struct Request {
    pub key: String,
    #[serde(default)]
    pub schema: Value,
}

/// What the step's next job carries, `{arguments, responses?, request_state?}`. `tool`: as the catalog has it now.
///
/// # Errors
/// 422 at the place of whatever does not fit, 409 where nobody could check it.
pub fn approved(
    asked: &ApproveRequest,
    kind: AskKind,
    question: &Question,
    tool: Option<&CatalogTool>,
) -> Result<String, Box<Problem>> {
    match (kind, &asked.arguments, &asked.responses) {
        (AskKind::Approval, Some(arguments), None) => {
            let tool = tool.ok_or_else(|| gone(&question.tool_id))?;
            let document = Value::Object(arguments.clone());
            refuse(faults(&tool.input, &document, "/arguments"))?;
            Ok(json!({ "arguments": document }).to_string())
        }
        (AskKind::Input, None, Some(responses)) => {
            refuse(unanswered(&question.requests, responses))?;
            let mut word = json!({ "arguments": question.arguments, "responses": responses });
            if let (Some(state), Value::Object(members)) = (&question.request_state, &mut word) {
                members.insert("request_state".to_owned(), state.as_str().into());
            }
            Ok(word.to_string())
        }
        (AskKind::Approval, _, _) => {
            let detail = "this tool asked nothing; arguments replace those of its call";
            Err(Box::new(field(422, "validation", "/responses", detail)))
        }
        (AskKind::Input, _, _) => {
            let detail = "the tool asked in the middle of this call; responses answer it";
            Err(Box::new(field(422, "validation", "/arguments", detail)))
        }
    }
}

fn gone(tool_id: &str) -> Box<Problem> {
    let detail = format!("the catalog has no tool {tool_id:?} any more to check the arguments against");
    Box::new(Problem::new(409, "tool_unknown", detail))
}

fn refuse(faults: Vec<FieldError>) -> Result<(), Box<Problem>> {
    let Some(first) = faults.first() else { return Ok(()) };
    let detail = format!("{}: {}", first.pointer, first.detail);
    Err(Box::new(Problem::new(422, "validation", detail).with_errors(faults)))
}

/// Every request has its answer, each after its schema, and nothing else is answered. Null declines to answer.
fn unanswered(requests: &[Request], responses: &Map<String, Value>) -> Vec<FieldError> {
    let mut found = Vec::new();
    for request in requests {
        let place = format!("/responses/{}", escaped(&request.key));
        match responses.get(&request.key) {
            None => found.push(fault(place, "required: the tool asks for it; null declines")),
            Some(Value::Null) => {}
            // A schema that is none is the tool's fault; it will judge the answer itself.
            Some(response) => match jsonschema::validator_for(&request.schema) {
                Ok(schema) => found.extend(faults(&schema, response, &place)),
                Err(error) => tracing::debug!(%error, "a tool asked with a schema that is none"),
            },
        }
    }
    let unknown = responses.keys().filter(|key| !requests.iter().any(|r| r.key == **key));
    found.extend(unknown.map(|key| fault(format!("/responses/{}", escaped(key)), "nothing of this name was asked")));
    found
}

/// Most that is told of one document.
const MAX_FAULTS: usize = 32;

fn faults(schema: &jsonschema::Validator, document: &Value, base: &str) -> Vec<FieldError> {
    let told = schema.iter_errors(document).take(MAX_FAULTS);
    told.map(|error| fault(format!("{base}{}", error.instance_path()), &error.to_string()))
        .collect()
}

fn fault(pointer: String, detail: &str) -> FieldError {
    FieldError {
        pointer,
        detail: detail.chars().take(500).collect(),
    }
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::story::tool;
    use workflow::tool::ToolSpecification;
    use workflow::vocabulary::{EffectClass, ToolState};

    fn question() -> Question {
        let text = json!({"type": "string"});
        serde_json::from_value(json!({
            "tool_id": "shop.buy", "arguments": {"item": "tea"}, "message": "?", "request_state": "opaque",
            "requests": [{"key": "size", "schema": {"enum": ["s", "l"]}}, {"key": "a/b", "schema": text}],
        }))
        .unwrap()
    }

    fn word(kind: AskKind, asked: Value) -> Result<Value, (u16, Vec<String>)> {
        let spec = ToolSpecification {
            input_schema: json!({
                "type": "object", "required": ["item"], "additionalProperties": false,
                "properties": {"item": {"type": "string", "minLength": 1}, "n": {"type": "integer"}},
            }),
            ..tool("shop.buy", EffectClass::Once, true)
        };
        let tool = CatalogTool::new(spec, ToolState::Active).unwrap();
        let asked: ApproveRequest = serde_json::from_value(asked).unwrap();
        let word = approved(&asked, kind, &question(), Some(&tool));
        word.map(|text| serde_json::from_str(&text).unwrap())
            .map_err(|problem| {
                (
                    problem.status,
                    problem.errors.iter().map(|e| e.pointer.clone()).collect(),
                )
            })
    }

    #[test]
    fn arguments_are_checked_against_the_tool_and_replace_all() {
        let ask = |arguments: Value| word(AskKind::Approval, json!({"approved": true, "arguments": arguments}));
        assert_eq!(ask(json!({"item": "milk"})), Ok(json!({"arguments": {"item": "milk"}})));
        for (arguments, place) in [
            (json!({"item": ""}), "/arguments/item"),
            (json!({"item": "x", "n": "1"}), "/arguments/n"),
            (json!({}), "/arguments"),
            (json!({"item": "x", "url": "http://elsewhere"}), "/arguments"),
        ] {
            assert_eq!(ask(arguments), Err((422, vec![place.to_owned()])));
        }
    }

    #[test]
    fn every_request_is_answered_after_its_schema_and_nothing_else() {
        let ask = |responses: Value| word(AskKind::Input, json!({"approved": true, "responses": responses}));
        let answered = json!({"size": "l", "a/b": "yes"});
        let expected = json!({"arguments": {"item": "tea"}, "responses": answered, "request_state": "opaque"});
        assert_eq!(ask(answered), Ok(expected));
        let declined = json!({"size": null, "a/b": "yes"});
        let expected = json!({"arguments": {"item": "tea"}, "responses": declined, "request_state": "opaque"});
        assert_eq!(ask(declined), Ok(expected), "whoever is asked may decline");
        for (responses, places) in [
            (json!({"size": "l"}), vec!["/responses/a~1b"]),
            (
                json!({"size": "xl", "a/b": 1}),
                vec!["/responses/size", "/responses/a~1b"],
            ),
            (json!({"size": "s", "a/b": "", "more": 1}), vec!["/responses/more"]),
        ] {
            let places = places.into_iter().map(str::to_owned).collect();
            assert_eq!(ask(responses), Err((422, places)));
        }
    }

    #[test]
    fn an_answer_to_another_kind_of_question_is_refused() {
        let responses = json!({"approved": true, "responses": {}});
        assert_eq!(
            word(AskKind::Approval, responses),
            Err((422, vec!["/responses".to_owned()]))
        );
        let arguments = json!({"approved": true, "arguments": {"item": "x"}});
        assert_eq!(
            word(AskKind::Input, arguments),
            Err((422, vec!["/arguments".to_owned()]))
        );
    }
}
