//! From the approval a client sends to the decision the core takes.

use crate::grpc::problems::{field, refused};
use contracts::api::ApproveRequest;
use contracts::problem::Problem;
use std::collections::BTreeMap;
use workflow::decision::Refusal;
use workflow::hash::Fingerprint;
use workflow::ids::GateId;
use workflow::input::Decision;
use workflow::state::{Asked, Gate, PayloadNo, Task};
use workflow::vocabulary::{Action, GateKind};

/// Reads what was asked, apart from the edits.
///
/// # Errors
/// 422 for what no gate could take.
pub fn read(asked: &ApproveRequest, actor: &str, request: Fingerprint) -> Result<Decision, Box<Problem>> {
    let feedback = asked.feedback.clone().filter(|text| !text.trim().is_empty());
    let action = asked.action.unwrap_or(match (asked.approved, feedback.is_some()) {
        (true, _) if asked.edits.is_empty() && asked.arguments.is_none() && asked.plan.is_none() => Action::Approve,
        (true, _) => Action::Edit,
        (false, true) => Action::Revise,
        (false, false) => Action::Reject,
    });
    if action == Action::RaiseBudget {
        let detail = "an approval cannot say by how much; POST /tasks/{task_id}/retry with raise_budget does";
        return Err(Box::new(field(422, "validation", "/action", detail)));
    }
    if !asked.edits.is_empty() && !matches!(action, Action::Approve | Action::Edit) {
        let detail = format!("edits go with an approval, not with {action}");
        return Err(Box::new(field(422, "validation", "/edits", detail)));
    }
    let misplaced = [
        ("/arguments", asked.arguments.is_some() && action != Action::Edit),
        ("/responses", asked.responses.is_some() && action != Action::Approve),
        ("/plan", asked.plan.is_some() && action != Action::Edit),
        (
            "/edits",
            !asked.edits.is_empty() && (asked.arguments.is_some() || asked.responses.is_some()),
        ),
    ];
    if let Some((place, _)) = misplaced.iter().find(|(_, misplaced)| *misplaced) {
        let detail = "arguments edit a step's call, responses approve what its tool asks, plan edits a plan, edits change \
                      deliverables";
        return Err(Box::new(field(422, "validation", place, detail)));
    }
    let gate = match asked.gate_id.as_deref().filter(|id| !id.is_empty()) {
        None => None,
        Some(id) => Some(
            id.parse::<GateId>()
                .map_err(|_| Box::new(field(422, "validation", "/gate_id", "must be a UUID")))?,
        ),
    };
    Ok(Decision {
        gate,
        action,
        actor: actor.to_owned(),
        request,
        channels: asked.publish_to_channels.clone(),
        feedback,
        edits: BTreeMap::new(),
        content_hash: asked.content_hash.clone(),
        raise_budget: None,
        approved: None,
        plan: asked.plan.clone(),
        dimensions: asked.dimensions.clone(),
        by_model: false,
    })
}

/// Binds a decision with edits to the content that is edited, so that it cannot meet another one, and
/// answers where the edited deliverables are.
///
/// # Errors
/// No publication gate is open, or a channel has no deliverable.
pub fn bind(
    task: &Task,
    decision: &mut Decision,
    edits: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, PayloadNo>, Box<Problem>> {
    let gate = open_gate(task, decision.gate).map_err(|refusal| Box::new(refused(refusal)))?;
    if gate.kind != GateKind::Publication {
        let detail = "only what waits for publication can be edited";
        return Err(Box::new(field(422, "validation", "/edits", detail)));
    }
    hold(task, gate, decision);
    let place = |channel: &String| {
        let delivery = task.deliveries.iter().find(|d| d.channel == *channel);
        match delivery.and_then(|d| d.content) {
            Some(content) => Ok((channel.clone(), content.payload)),
            None => Err(Box::new(refused(Refusal::UnknownChannel(channel.clone())))),
        }
    };
    edits.keys().map(place).collect()
}

/// Binds a word about a step's call to the question that is asked, and answers which it is.
///
/// # Errors
/// No step's gate is open.
pub fn bind_word<'t>(
    task: &'t Task,
    decision: &mut Decision,
    asked: &ApproveRequest,
) -> Result<&'t Asked, Box<Problem>> {
    let gate = open_gate(task, decision.gate).map_err(|refusal| Box::new(refused(refusal)))?;
    let found = task.asked(gate).filter(|_| gate.kind == GateKind::Step);
    hold(task, gate, decision);
    found.ok_or_else(|| {
        let place = if asked.arguments.is_some() {
            "/arguments"
        } else {
            "/responses"
        };
        let detail = "only a step that waits for a human's word takes them";
        Box::new(field(422, "validation", place, detail))
    })
}

fn hold(task: &Task, gate: &Gate, decision: &mut Decision) {
    decision.gate = Some(task.id.gate(gate.serial));
    decision
        .content_hash
        .get_or_insert_with(|| gate.content_hash.to_string());
}

/// As the core finds it: whoever comes late learns who was first.
fn open_gate(task: &Task, id: Option<GateId>) -> Result<&Gate, Refusal> {
    let found = crate::view::choose_gate(task, id);
    let decided = match (&found, id) {
        (Err(Refusal::NotAwaitingApproval), Some(id)) => task.decided.iter().find(|d| task.id.gate(d.serial) == id),
        (Err(Refusal::NotAwaitingApproval), None) => task.decided.last(),
        _ => None,
    };
    match decided {
        Some(decided) => Err(Refusal::AlreadyDecided {
            actor: decided.actor.clone(),
            at: decided.at,
            action: decided.action,
        }),
        None => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn decision(document: Value) -> Result<Decision, Box<Problem>> {
        let asked: ApproveRequest = serde_json::from_value(document).unwrap();
        read(&asked, "ann", Fingerprint::of([b"r".as_slice()]))
    }

    #[test]
    fn an_approval_says_what_is_meant() {
        let cases = [
            (json!({ "approved": true }), Action::Approve),
            (json!({ "approved": true, "feedback": "nice" }), Action::Approve),
            (json!({ "approved": true, "edits": { "blog": "x" } }), Action::Edit),
            (json!({ "approved": false }), Action::Reject),
            (json!({ "approved": false, "feedback": " " }), Action::Reject),
            (json!({ "approved": false, "feedback": "shorter" }), Action::Revise),
            (
                json!({ "approved": false, "feedback": "no", "action": "reject" }),
                Action::Reject,
            ),
            (json!({ "approved": true, "action": "send_again" }), Action::SendAgain),
            (json!({ "approved": true, "arguments": {} }), Action::Edit),
            (json!({ "approved": true, "responses": {} }), Action::Approve),
            (json!({ "approved": true, "plan": { "steps": [] } }), Action::Edit),
        ];
        for (document, action) in cases {
            assert_eq!(decision(document.clone()).unwrap().action, action, "{document}");
        }
    }

    #[test]
    fn what_no_gate_could_take_is_refused_at_its_place() {
        let cases = [
            (json!({ "approved": false, "edits": { "blog": "x" } }), "/edits"),
            (json!({ "approved": true, "action": "raise_budget" }), "/action"),
            (json!({ "approved": true, "gate_id": "g" }), "/gate_id"),
            (json!({ "approved": false, "arguments": {} }), "/arguments"),
            (json!({ "approved": false, "plan": { "steps": [] } }), "/plan"),
            (
                json!({ "approved": true, "action": "skip", "responses": {} }),
                "/responses",
            ),
            (
                json!({ "approved": true, "arguments": {}, "responses": {} }),
                "/responses",
            ),
            (
                json!({ "approved": true, "arguments": {}, "edits": { "blog": "x" } }),
                "/edits",
            ),
        ];
        for (document, pointer) in cases {
            let problem = decision(document).unwrap_err();
            assert_eq!((problem.status, problem.errors[0].pointer.as_str()), (422, pointer));
        }
    }
}
