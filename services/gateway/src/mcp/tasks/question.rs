//! A gate as a question to a person, and the person's answer as a decision. Pure.

use crate::documents;
use crate::refusal::Refusal;
use contracts::api::ApproveRequest;
use rmcp::model::{
    BooleanSchema, ElicitRequest, ElicitRequestParams, ElicitationSchema, EnumSchema, InputRequest, StringSchema,
};
use serde_json::{Map, Value};

/// Members of an answer.
const APPROVED: &str = "approved";
const FEEDBACK: &str = "feedback";
const ACTION: &str = "action";

/// Characters of the request that a question repeats.
const SHOWN: usize = 200;

/// What is asked about an open gate of the task.
pub fn about(task: &Value, gate: &Value) -> InputRequest {
    let params = ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: message(task, gate),
        requested_schema: form(gate),
    };
    InputRequest::Elicitation(ElicitRequest::new(params))
}

fn message(task: &Value, gate: &Value) -> String {
    let text = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let request: String = text(task, "request").chars().take(SHOWN).collect();
    let what = match text(gate, "kind").as_str() {
        "plan" => "The plan is ready to run".to_owned(),
        "step" => format!("The step {} is ready to run", text(gate, "step_key")),
        "publication" => "The result is ready to be published".to_owned(),
        _ => {
            let attention = task.pointer("/attention/detail").and_then(Value::as_str);
            format!("Attention is needed ({})", attention.unwrap_or("see its status"))
        }
    };
    format!(
        "{what} for \"{request}\". Approve? The tool get_approval shows all of it (task_id {}, gate_id {}).",
        text(task, "task_id"),
        text(gate, "gate_id")
    )
}

fn form(gate: &Value) -> ElicitationSchema {
    let allowed = gate.get("allowed_actions").and_then(Value::as_array);
    let actions: Vec<String> = allowed
        .into_iter()
        .flatten()
        .filter_map(|action| action.as_str().map(str::to_owned))
        .collect();
    let approved = BooleanSchema::new().title("Approve");
    let feedback = StringSchema::new()
        .title("Feedback")
        .description("Without approval: what should be different. Empty rejects.");
    let form = ElicitationSchema::builder()
        .required_bool_property(APPROVED, |_| approved)
        .string_property(FEEDBACK, |_| feedback);
    let form = if actions.is_empty() {
        form
    } else {
        let action = EnumSchema::builder(actions)
            .title("Action")
            .description("Where approving or not does not say enough.")
            .build();
        form.optional_enum_schema(ACTION, action)
    };
    form.build_unchecked()
}

/// The decision; none when the person gave no answer: then the gate stays open.
///
/// It names what was asked about, so that it decides nothing else.
///
/// # Errors
/// 422 when the answer is not of the form.
pub fn answered(gate: &Value, answer: &Value) -> Result<Option<ApproveRequest>, Refusal> {
    match answer.get("action").and_then(Value::as_str) {
        Some("accept") => {}
        Some("decline" | "cancel") => return Ok(None),
        _ => {
            return Err(Refusal::new(
                422,
                "validation",
                "an answer has action accept, decline or cancel",
            ));
        }
    }
    let content = answer
        .get("content")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let mut decision: Map<String, Value> = content;
    for name in ["gate_id", "content_hash"] {
        decision.insert(name.to_owned(), gate.get(name).cloned().unwrap_or_default());
    }
    documents::approve::read(decision).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const GATE: &str = "01976f00-0000-8000-8000-000000000002";

    fn gate() -> Value {
        json!({"gate_id": GATE, "kind": "publication", "content_hash": "ab12", "allowed_actions": ["approve", "reject"]})
    }

    fn decided(answer: Value) -> Result<Option<ApproveRequest>, Refusal> {
        answered(&gate(), &answer)
    }

    #[test]
    fn an_answer_decides_what_was_asked_and_nothing_else() {
        let forged = json!({"approved": false, "feedback": "shorter", "gate_id": "x", "content_hash": "zz"});
        let decision = decided(json!({"action": "accept", "content": forged}))
            .unwrap()
            .unwrap();
        assert_eq!(
            (
                decision.approved,
                decision.feedback.as_deref(),
                decision.gate_id.as_deref(),
                decision.content_hash.as_deref()
            ),
            (false, Some("shorter"), Some(GATE), Some("ab12"))
        );
    }

    #[test]
    fn no_answer_is_no_decision() {
        for action in ["decline", "cancel"] {
            let content = json!({"approved": true});
            assert_eq!(decided(json!({"action": action, "content": content})).unwrap(), None);
        }
    }

    #[test]
    fn what_is_not_of_the_form_is_refused() {
        for answer in [
            json!({}),
            json!(null),
            json!({"action": "approve"}),
            json!({"action": "accept"}),
            json!({"action": "accept", "content": {"approved": "yes"}}),
            json!({"action": "accept", "content": {"approved": true, "publish": true}}),
        ] {
            assert_eq!(decided(answer.clone()).unwrap_err().status(), 422, "{answer}");
        }
    }
}
