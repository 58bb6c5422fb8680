//! A gate as a question to a person, and the person's answer as a decision. Pure.
//!
//! Gates come as their approval documents: what is decided is what was shown.

use super::message;
use super::tool_form::ToolForm;
use crate::documents;
use crate::mcp::decisions;
use crate::refusal::Refusal;
use contracts::api::ApproveRequest;
use contracts::problem::FieldError;
use rmcp::model::{
    BooleanSchema, ElicitRequest, ElicitRequestParams, ElicitationSchema, EnumSchema, InputRequest,
    PrimitiveSchemaDefinition, StringSchema,
};
use serde_json::Value;
use service::config::Decisions;
use workflow::vocabulary::Action;

/// Members of an answer.
const APPROVED: &str = "approved";
const FEEDBACK: &str = "feedback";
const ACTION: &str = "action";

/// Actions that need what no form asks for.
const NOT_BY_FORM: [Action; 2] = [Action::Edit, Action::RaiseBudget];

/// What an approval by form has to say.
enum Approval {
    /// Nothing but yes.
    Plain,
    /// What the tool asks.
    Answers(ToolForm),
    /// More than a form can hold, or about more than it can show.
    Elsewhere,
}

impl Approval {
    fn of(gate: &Value, is_whole: bool) -> Self {
        match gate.get("requests") {
            _ if !is_whole => Self::Elsewhere,
            Some(requests) => ToolForm::of(requests).map_or(Self::Elsewhere, Self::Answers),
            None => Self::Plain,
        }
    }
}

/// What is asked about an open gate.
pub fn about(gate: &Value, who: Decisions) -> InputRequest {
    let told = message::about(gate);
    let approval = Approval::of(gate, told.is_whole);
    let mut message = told.text;
    if matches!(approval, Approval::Elsewhere) {
        message.push_str(&format!(
            "\n\nThis form cannot approve it: {}.",
            decisions::beside_forms(who)
        ));
    }
    let params = ElicitRequestParams::FormElicitationParams {
        meta: None,
        message,
        requested_schema: form(gate, &approval),
    };
    InputRequest::Elicitation(ElicitRequest::new(params))
}

fn form(gate: &Value, approval: &Approval) -> ElicitationSchema {
    let approved = BooleanSchema::new().title("Approve");
    let mut fields = vec![(APPROVED.to_owned(), PrimitiveSchemaDefinition::Boolean(approved))];
    if let Approval::Answers(asked) = approval {
        fields.extend(asked.fields());
    }
    let actions = actions(gate);
    if actions.contains(&Action::Revise) {
        let feedback = StringSchema::new()
            .title("Feedback")
            .description("Without approval: what should be different. Empty rejects.");
        fields.push((FEEDBACK.to_owned(), PrimitiveSchemaDefinition::String(feedback)));
    }
    if !actions.is_empty() {
        let action = EnumSchema::builder(actions.iter().map(|action| action.as_str().to_owned()).collect())
            .title("Action")
            .description("Where approving or not does not say enough.")
            .build();
        fields.push((ACTION.to_owned(), PrimitiveSchemaDefinition::Enum(action)));
    }
    let order = fields.iter().map(|(name, _)| name.clone()).collect();
    let mut form = ElicitationSchema::new(fields.into_iter().collect()).with_required(vec![APPROVED.to_owned()]);
    form.property_order = Some(order);
    form
}

/// What a form may choose.
fn actions(gate: &Value) -> Vec<Action> {
    let allowed = gate.get("allowed_actions").and_then(Value::as_array);
    let actions = allowed
        .into_iter()
        .flatten()
        .filter_map(|action| Action::parse(action.as_str()?));
    actions.filter(|action| !NOT_BY_FORM.contains(action)).collect()
}

/// The decision; none when the person gave no answer: then the gate stays open.
///
/// It names what was asked about, so that it decides nothing else, and has what the form asks, so that it does
/// nothing else.
///
/// # Errors
/// 422 when the answer is not of the form.
pub fn answered(gate: &Value, answer: &Value, who: Decisions) -> Result<Option<ApproveRequest>, Refusal> {
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
    let content = answer.get("content").and_then(Value::as_object);
    let mut content = content.cloned().unwrap_or_default();
    let approval = Approval::of(gate, message::about(gate).is_whole);
    let responses = match &approval {
        Approval::Answers(asked) => Some(asked.take(&mut content)),
        Approval::Plain | Approval::Elsewhere => None,
    };
    let decision = documents::approve::read_answer(content)?;
    let approves = is_approval(gate, &decision)?;
    if approves && matches!(approval, Approval::Elsewhere) {
        let detail = format!("a form cannot approve this: {}", decisions::beside_forms(who));
        return Err(fault(APPROVED, detail));
    }
    Ok(Some(ApproveRequest {
        gate_id: Some(held(gate, "gate_id")?),
        content_hash: Some(held(gate, "content_hash")?),
        responses: responses.filter(|_| approves),
        ..decision
    }))
}

/// Whether the gate is let through as it is. An action that the form did not offer is none.
fn is_approval(gate: &Value, decision: &ApproveRequest) -> Result<bool, Refusal> {
    let Some(action) = decision.action else {
        return Ok(decision.approved);
    };
    if !actions(gate).contains(&action) {
        return Err(fault(ACTION, format!("{action} is not among what was asked")));
    }
    match (action, decision.approved) {
        (Action::Approve, false) => Err(fault(ACTION, "approve contradicts approved, which is false")),
        (action, _) => Ok(action == Action::Approve),
    }
}

fn fault(name: &str, detail: impl Into<String>) -> Refusal {
    let detail = detail.into();
    let error = FieldError {
        pointer: format!("/{name}"),
        detail: detail.clone(),
    };
    Refusal::new(422, "validation", detail).with_errors(vec![error])
}

/// What the decision is held to.
fn held(gate: &Value, name: &str) -> Result<String, Refusal> {
    let text = gate.get(name).and_then(Value::as_str);
    text.map(str::to_owned)
        .ok_or_else(|| crate::application::unreadable("the approval"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const GATE: &str = "01976f00-0000-8000-8000-000000000002";

    fn gate(more: Value) -> Value {
        let mut gate = json!({"gate_id": GATE, "kind": "publication", "content_hash": "ab12",
            "deliverables": [{"channel": "blog", "title": "Tea", "content": "All of it"}],
            "allowed_actions": ["approve", "edit", "revise", "reject"]});
        gate.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        gate
    }

    /// The gate of a step whose tool asks this.
    fn asking(schema: Value) -> Value {
        gate(
            json!({"kind": "step", "step_key": "buy", "tool_id": "shop.buy", "arguments": {}, "asks": "input",
            "allowed_actions": ["approve", "skip", "reject"],
            "requests": [{"key": "q", "message": "Which size?", "schema": schema}]}),
        )
    }

    fn sized() -> Value {
        asking(json!({"type": "object", "required": ["size"], "properties": {"size": {"type": "string"}}}))
    }

    fn decided(gate: &Value, content: Value) -> Result<ApproveRequest, Refusal> {
        let answer = json!({"action": "accept", "content": content});
        answered(gate, &answer, Decisions::Tool).map(Option::unwrap)
    }

    /// The decision as it is sent on.
    fn sent(gate: &Value, content: Value) -> Value {
        serde_json::to_value(decided(gate, content).unwrap()).unwrap()
    }

    fn shown(gate: &Value, who: Decisions) -> Value {
        json!(about(gate, who))["params"].clone()
    }

    #[test]
    fn an_answer_decides_what_was_asked_and_nothing_else() {
        assert_eq!(
            sent(&gate(json!({})), json!({"approved": false, "feedback": "shorter"})),
            json!({"approved": false, "feedback": "shorter", "gate_id": GATE, "content_hash": "ab12"})
        );
        for (name, value) in [
            ("gate_id", json!("x")),
            ("content_hash", json!("zz")),
            ("arguments", json!({"to": "evil@example"})),
            ("responses", json!({"q": {}})),
            ("edits", json!({"blog": "spam"})),
            ("publish_to_channels", json!(["everywhere"])),
            ("answer_1.size", json!("l")),
        ] {
            let refusal = decided(&gate(json!({})), json!({"approved": true, name: value})).unwrap_err();
            assert_eq!(refusal.problem().code, "unknown_field", "{name}");
        }
        assert!(
            answered(
                &json!({"kind": "plan"}),
                &json!({"action": "accept", "content": {"approved": true}}),
                Decisions::Tool
            )
            .is_err()
        );
    }

    #[test]
    fn no_answer_is_no_decision() {
        for action in ["decline", "cancel"] {
            let answer = json!({"action": action, "content": {"approved": true}});
            assert_eq!(answered(&gate(json!({})), &answer, Decisions::Tool).unwrap(), None);
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
            json!({"action": "accept", "content": {"approved": false, "action": "edit"}}),
            json!({"action": "accept", "content": {"approved": true, "action": "skip"}}),
            json!({"action": "accept", "content": {"approved": false, "action": "approve"}}),
        ] {
            let refusal = answered(&gate(json!({})), &answer, Decisions::Tool).unwrap_err();
            assert_eq!(refusal.status(), 422, "{answer}");
        }
    }

    #[test]
    fn what_a_tool_asks_is_part_of_the_form_and_its_answer_becomes_responses() {
        let form = &shown(&sized(), Decisions::Tool)["requestedSchema"];
        assert_eq!(form["required"], json!(["approved"]));
        assert_eq!(form["properties"]["answer_1.size"]["type"], "string");
        assert_eq!(
            form["properties"]["action"]["enum"],
            json!(["approve", "skip", "reject"])
        );
        assert_eq!(form["properties"].get("feedback"), None);
        let held = json!({"gate_id": GATE, "content_hash": "ab12"});
        let with = |more: Value| {
            let mut document = held.clone();
            document
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().cloned().unwrap());
            document
        };
        assert_eq!(
            sent(&sized(), json!({"approved": true, "answer_1.size": "l"})),
            with(json!({"approved": true, "responses": {"q": {"size": "l"}}}))
        );
        // Whether nothing is an answer is not judged here.
        assert_eq!(
            sent(&sized(), json!({"approved": true})),
            with(json!({"approved": true, "responses": {"q": {}}}))
        );
        for (content, decision) in [
            (
                json!({"approved": false, "answer_1.size": "l"}),
                json!({"approved": false}),
            ),
            (
                json!({"approved": true, "action": "skip", "answer_1.size": "l"}),
                json!({"approved": true, "action": "skip"}),
            ),
        ] {
            assert_eq!(sent(&sized(), content), with(decision));
        }
    }

    #[test]
    fn what_a_form_cannot_hold_or_show_is_not_approved_by_one() {
        let nested = asking(json!({"type": "object", "properties": {"to": {"type": "object"}}}));
        let unseen = gate(json!({"kind": "step", "step_key": "mail"}));
        let hidden = gate(json!({"kind": "step", "step_key": "mail", "tool_id": "send",
            "arguments": {"body": "x".repeat(9_000), "to": "evil@example"}}));
        let long = gate(json!({"deliverables": [{"channel": "blog", "title": "Tea", "content": "x".repeat(9_000)}]}));
        for gate in [&nested, &unseen, &hidden, &long] {
            let refusal = decided(gate, json!({"approved": true})).unwrap_err();
            assert_eq!(
                (refusal.status(), refusal.problem().errors[0].pointer.as_str()),
                (422, "/approved")
            );
            assert!(
                !decided(gate, json!({"approved": false, "action": "reject"}))
                    .unwrap()
                    .approved
            );
        }
        let told = |who| shown(&nested, who)["message"].as_str().unwrap().to_owned();
        assert!(told(Decisions::Tool).contains("the tool decide"));
        let told = told(Decisions::Elicitation);
        assert!(
            told.contains("/approve/") && !told.contains("the tool decide"),
            "{told}"
        );
    }
}
