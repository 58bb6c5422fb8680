//! Problems of the task service: what the core, the writer and the database say, in the contract's words.

use crate::catalog::transitions;
use crate::store::StoreError;
use crate::writer::inbox::Answer;
use contracts::problem::{FieldError, Problem};
use serde_json::Value;
use tonic::Status;
use tracing::{error, warn};
use workflow::decision::{Refusal, Reply};
use workflow::plan::PlanFault;
use workflow::vocabulary::Action;

/// The problem of a refused ask.
pub fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::AlreadyTerminal => Problem::new(
            409,
            "already_terminal",
            "the task has ended; nothing changes it any more",
        ),
        Refusal::NotAwaitingApproval => Problem::new(
            409,
            "not_awaiting_approval",
            "no such gate is open; the task waits for no such decision",
        ),
        Refusal::GateAmbiguous(gates) => {
            let gates: Vec<Value> = gates.iter().map(|g| g.to_string().into()).collect();
            Problem::new(409, "gate_ambiguous", "several gates are open; name one with gate_id").with("gates", gates)
        }
        Refusal::AlreadyDecided { actor, at, action } => {
            let at = service::clock::rfc3339(at.0);
            Problem::new(
                409,
                "already_decided",
                format!("{actor} decided first, at {at}: {action}"),
            )
            .with("decided_by", actor)
            .with("decided_at", at)
            .with("action", action.as_str())
        }
        Refusal::ApprovalStale => Problem::new(
            409,
            "approval_stale",
            "the content is not the one of that content_hash any more; look at it again",
        ),
        Refusal::ActionNotAllowed { action, allowed } => action_not_allowed(action, &allowed),
        Refusal::UnknownChannel(channel) => Problem::new(
            422,
            "unknown_channel",
            format!("there is no deliverable for a channel {channel:?}"),
        ),
        Refusal::UnknownDimension(name) => field(
            422,
            "unknown_dimension",
            "/dimensions",
            format!("the task is not judged in {name:?}; GET /status tells its dimensions"),
        ),
        Refusal::UnknownStep(key) => field(
            422,
            "unknown_step",
            "/from_step",
            format!("the plan has no step {key:?}"),
        ),
        Refusal::WrongState(why) => Problem::new(409, "wrong_state", why),
        Refusal::ToolOutOfUse(tool) => Problem::new(409, tool.code(), tool.to_string()),
        Refusal::PlanInvalid(faults) => plan_invalid(faults),
        Refusal::Exists => Problem::new(409, "already_exists", "the task exists already"),
    }
}

fn action_not_allowed(action: Action, allowed: &[Action]) -> Problem {
    let names: Vec<&str> = allowed.iter().map(|a| a.as_str()).collect();
    let detail = format!("{action} is no answer to this; possible are {}", names.join(", "));
    Problem::new(409, "action_not_allowed", detail).with("allowed_actions", names)
}

/// The code is the first fault's; each fault stands at its place in the request.
fn plan_invalid(faults: Vec<PlanFault>) -> Problem {
    let code = faults.first().map_or("plan_invalid", |f| f.code.as_str()).to_owned();
    let detail = faults
        .first()
        .map_or_else(String::new, |f| format!("{}: {}", f.pointer, f.detail));
    let errors = faults.into_iter().map(|fault| FieldError {
        pointer: format!("/plan{}", fault.pointer),
        detail: fault.detail,
    });
    Problem::new(422, &code, format!("the plan is refused: {detail}")).with_errors(errors.collect())
}

/// A problem of one member of the request.
pub fn field(status: u16, code: &str, pointer: &str, detail: impl Into<String>) -> Problem {
    let detail = detail.into();
    let fault = FieldError {
        pointer: pointer.to_owned(),
        detail: detail.clone(),
    };
    Problem::new(status, code, detail).with_errors(vec![fault])
}

/// 404, for another tenant's ids too.
pub fn not_found() -> Problem {
    Problem::new(404, "not_found", "there is no such task")
}

/// 404 for an id that no tool has.
pub fn tool_not_found() -> Problem {
    Problem::new(404, "tool_not_found", "there is no such tool; GET /tools lists them")
}

/// 409: the tenant has registered as many tools as it may.
pub fn too_many_tools(most: u32) -> Problem {
    let detail = format!("a tenant registers {most} tools at most; remove one that is not needed");
    Problem::new(409, "too_many_tools", detail)
}

/// 409: all tenants together have.
pub fn too_many_tools_in_all() -> Problem {
    let detail = "no more tools can be registered here; the operator may raise tools.registered_in_all";
    Problem::new(409, "too_many_tools", detail)
}

/// 409: the catalog refuses.
pub fn tool_refused(refused: transitions::Refused) -> Problem {
    match refused {
        transitions::Refused::Exists => Problem::new(
            409,
            "tool_exists",
            "another tool has this id; choose another one, or PUT to change a tool that was registered",
        ),
        transitions::Refused::NotRegistered => Problem::new(
            409,
            "tool_not_registered",
            "this tool was found, not registered: what it is, its server or the configuration says",
        ),
        transitions::Refused::Removed => Problem::new(
            409,
            "tool_removed",
            "this tool was removed; approving it brings it back, and a registered one may be registered anew",
        ),
        transitions::Refused::Stale { waiting } => Problem::new(
            409,
            "approval_stale",
            "the definition that waits is not the one of that version_hash; look at it again",
        )
        .with("version_hash", waiting),
    }
}

/// 400 for an id that is no UUID.
pub fn invalid_id() -> Problem {
    Problem::new(400, "invalid_id", "an id is a UUID, such as a task_id")
}

/// 400 for a cursor that no page gave.
pub fn invalid_cursor() -> Problem {
    Problem::new(
        400,
        "invalid_cursor",
        "the cursor is not one that a page of this list gave",
    )
}

/// 503: nothing is known to have happened.
pub fn unavailable() -> Problem {
    Problem::new(503, "unavailable", "the task store does not answer; try again")
}

fn internal() -> Problem {
    Problem::new(500, "internal", "the request could not be processed")
}

/// A database error, as the asker sees it.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub fn stored(error: StoreError) -> Status {
    if error.is_outage() {
        warn!(
            error = &error as &dyn std::error::Error,
            "a question could not be answered"
        );
        return unavailable().to_status();
    }
    error!(
        error = &error as &dyn std::error::Error,
        "a question could not be answered"
    );
    internal().to_status()
}

/// What the writer made of an input.
///
/// # Errors
/// It was refused, or could not be written.
pub fn settled(answer: Answer) -> Result<(), Status> {
    match answer {
        Answer::Reply {
            reply: Reply::Refused(refusal),
            ..
        } => Err(refused(refusal).to_status()),
        Answer::Reply {
            reply: Reply::Done | Reply::Ignored(_) | Reply::Continue { .. } | Reply::Stop(_) | Reply::Effect(_),
            ..
        }
        | Answer::Accepted { .. } => Ok(()),
        Answer::Refused(refusal) => Err(refused(refusal).to_status()),
        Answer::KeyReused => Err(key_reused().to_status()),
        Answer::NotFound => Err(not_found().to_status()),
        Answer::Unavailable => Err(unavailable().to_status()),
        Answer::Quarantined => Err(internal().to_status()),
    }
}

/// 422 for another request under a known key.
pub fn key_reused() -> Problem {
    let detail = "another request was sent with this Idempotency-Key; use a new key for a new request";
    Problem::new(422, "idempotency_key_reused", detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;
    use workflow::ids::GateId;
    use workflow::time::Timestamp;
    use workflow::tool::OutOfUse;
    use workflow::vocabulary::ToolState;

    fn fault(code: &str, pointer: &str) -> PlanFault {
        PlanFault {
            code: code.to_owned(),
            pointer: pointer.to_owned(),
            detail: "wrong".to_owned(),
        }
    }

    #[test]
    fn every_refusal_has_its_code() {
        let decided = Refusal::AlreadyDecided {
            actor: "ann".to_owned(),
            at: Timestamp(0),
            action: Action::Reject,
        };
        let out_of_use = |state| {
            let tool_id = "srv.t".to_owned();
            Refusal::ToolOutOfUse(OutOfUse { tool_id, state })
        };
        let not_allowed = Refusal::ActionNotAllowed {
            action: Action::Approve,
            allowed: vec![Action::SendAgain],
        };
        let cases = [
            (Refusal::AlreadyTerminal, 409, "already_terminal"),
            (Refusal::NotAwaitingApproval, 409, "not_awaiting_approval"),
            (Refusal::GateAmbiguous(vec![GateId(Uuid::nil())]), 409, "gate_ambiguous"),
            (decided, 409, "already_decided"),
            (Refusal::ApprovalStale, 409, "approval_stale"),
            (not_allowed, 409, "action_not_allowed"),
            (Refusal::UnknownChannel("fax".to_owned()), 422, "unknown_channel"),
            (Refusal::UnknownDimension("x".to_owned()), 422, "unknown_dimension"),
            (Refusal::UnknownStep("x".to_owned()), 422, "unknown_step"),
            (Refusal::WrongState("no"), 409, "wrong_state"),
            (out_of_use(ToolState::Suspended), 409, "tool_suspended"),
            (out_of_use(ToolState::Removed), 409, "tool_removed"),
            (
                Refusal::PlanInvalid(vec![fault("plan_tool", "/steps/0/tool_id")]),
                422,
                "plan_tool",
            ),
            (Refusal::Exists, 409, "already_exists"),
        ];
        for (refusal, status, code) in cases {
            let problem = refused(refusal);
            assert_eq!((problem.status, problem.code.as_str()), (status, code));
        }
    }

    #[test]
    fn who_decided_and_when_is_told() {
        let problem = refused(Refusal::AlreadyDecided {
            actor: "ann".to_owned(),
            at: Timestamp(1_700_000_000_123),
            action: Action::Revise,
        });
        let told = |name: &str| problem.extra.get(name).and_then(Value::as_str);
        assert_eq!(told("decided_by"), Some("ann"));
        assert_eq!(told("decided_at"), Some("2023-11-14T22:13:20.123Z"));
        assert_eq!(told("action"), Some("revise"));
    }

    #[test]
    fn faults_of_a_plan_stand_at_their_place_in_the_request() {
        let problem = refused(Refusal::PlanInvalid(vec![
            fault("plan_cycle", ""),
            fault("plan_tool", "/steps/1/tool_id"),
        ]));
        let pointers: Vec<&str> = problem.errors.iter().map(|e| e.pointer.as_str()).collect();
        assert_eq!(
            (problem.code.as_str(), pointers),
            ("plan_cycle", vec!["/plan", "/plan/steps/1/tool_id"])
        );
    }
}
