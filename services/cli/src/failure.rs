//! Why a command did not succeed, the command that helps, and the exit code.

use crate::asking;
use crate::dev::{ConfigurationFault, SupervisorFailed};
use crate::terminal::{is_reader_gone, remark};
use crate::text::{harmless, shown};
use client::{ClientError, Problem};
use serde_json::{Value, json};
use std::process::ExitCode;

/// A configuration that cannot work (`EX_USAGE`).
const EXIT_USAGE: u8 = 64;

/// A task ended in another way than completed; its end has been shown already.
#[derive(Debug, thiserror::Error)]
#[error("the task is {status}")]
pub struct NotCompleted {
    /// Its last status.
    pub status: String,
}

/// Prints it, as JSON where that was asked for, and tells the exit code.
pub fn report(error: &anyhow::Error, as_json: bool) -> ExitCode {
    if is_reader_gone(error) {
        return ExitCode::FAILURE;
    }
    let program = asking::program();
    if as_json {
        remark(document(error, &program));
    } else {
        for line in lines(error, &program) {
            remark(line);
        }
    }
    exit_code(error)
}

/// The problem document as it came, or one of our own; with the advice as `fix`.
fn document(error: &anyhow::Error, program: &str) -> Value {
    let mut document = match told(error).and_then(ClientError::problem) {
        Some(problem) => json!(problem),
        None => json!({ "code": "command_failed", "detail": format!("{error:#}") }),
    };
    if let (Some(document), Some(fix)) = (
        document.as_object_mut(),
        told(error).and_then(|error| fix(error, program)),
    ) {
        document.insert("fix".to_owned(), fix.into());
    }
    document
}

/// What happened, each single fault, and what helps.
fn lines(error: &anyhow::Error, program: &str) -> Vec<String> {
    let told = told(error);
    let headline = match told {
        // The chain below it repeats the address and the kind of error several times.
        Some(error @ ClientError::Transport(cause)) => format!("{error}: {}", innermost(cause)),
        _ => format!("{error:#}"),
    };
    let mut lines = vec![format!("orchestrator: {}", harmless(&headline))];
    let problem = told.and_then(ClientError::problem);
    for fault in problem.map(|problem| problem.errors.as_slice()).unwrap_or_default() {
        lines.push(harmless(&format!("  {}: {}", fault.pointer, fault.detail)));
    }
    if let Some(fix) = told.and_then(|error| fix(error, program)) {
        lines.push(format!("  fix: {}", harmless(&fix)));
    }
    lines
}

fn told(error: &anyhow::Error) -> Option<&ClientError> {
    error.downcast_ref::<ClientError>()
}

/// Where it began, and with which address.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match error.url() {
        Some(url) => format!("{cause} ({})", url.origin().ascii_serialization()),
        None => cause.to_string(),
    }
}

fn fix(error: &ClientError, program: &str) -> Option<String> {
    match error {
        ClientError::Transport(_) => Some("start it with `make up`, or name another gateway with --url".to_owned()),
        ClientError::Unexpected { .. } => {
            Some("something else answers at that address; name the gateway with --url".to_owned())
        }
        ClientError::Problem(problem) => fix_of_problem(problem, program),
        ClientError::Unreadable(_) => {
            Some("the gateway may be older than this program: make down && make up".to_owned())
        }
        ClientError::EventTooLarge => None,
    }
}

fn fix_of_problem(problem: &Problem, program: &str) -> Option<String> {
    let fix = match problem.code.as_str() {
        // The gateway's own word for a path it does not serve.
        "not_found" if problem.detail.contains("path") => {
            "the running gateway does not know this yet; start the one that was built with this program: make down && make up"
                .to_owned()
        }
        "not_found" | "invalid_id" => format!("{program} list"),
        "gate_ambiguous" => {
            let gates = problem.extra.get("gates").and_then(Value::as_array);
            let gates: Vec<String> = gates.into_iter().flatten().map(|gate| format!("--gate {}", shown(gate))).collect();
            format!("name one: {}", gates.join(" or "))
        }
        "not_awaiting_approval" => format!("{program} approvals    # what waits for a decision"),
        "already_decided" | "wrong_state" | "action_not_allowed" => format!("{program} status last    # or its id"),
        "approval_stale" => "look at it again, and name the hash of what waits now".to_owned(),
        "already_terminal" => format!("an ended task stays as it is; submit the request again: {program} submit …"),
        "auto_approve_not_allowed" => {
            "leave --auto-approve out and decide yourself, or write `auto_approve = true` under [policy] in a file named by ORCHESTRATOR_CONFIG, then: make down && make up"
                .to_owned()
        }
        "unknown_channel" => "channels stand under [[channels]] of the configuration; --no-channels publishes nowhere".to_owned(),
        "idempotency_key_reused" => "a new request needs a new --idempotency-key".to_owned(),
        code if code.starts_with("plan_") => {
            "the schema of plans is served at /api/orchestrator/plan-schema, the tools are listed by: ".to_owned()
                + program
                + " tools"
        }
        "unavailable" | "too_many_requests" | "overloaded" => format!("try again; {program} doctor tells what is not ready"),
        _ => return None,
    };
    Some(fix)
}

fn exit_code(error: &anyhow::Error) -> ExitCode {
    let supervisors = error.downcast_ref::<SupervisorFailed>().and_then(|failed| failed.code);
    if error.is::<ConfigurationFault>() || supervisors == Some(EXIT_USAGE.into()) {
        return ExitCode::from(EXIT_USAGE);
    }
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;
    use client::{Client, FieldError};

    fn refused(status: u16, code: &str, detail: &str) -> Problem {
        Problem {
            kind: String::new(),
            title: String::new(),
            status,
            detail: detail.to_owned(),
            code: code.to_owned(),
            errors: Vec::new(),
            trace_id: String::new(),
            extra: serde_json::Map::new(),
        }
    }

    fn told_of(problem: Problem) -> Vec<String> {
        lines(&ClientError::Problem(Box::new(problem)).into(), "orchestrator")
    }

    #[test]
    fn every_single_fault_of_a_request_is_told_at_its_place() {
        let mut problem = refused(422, "invalid", "the request has 2 faults");
        problem.errors = ["/budget/max_cost_usd", "/quality_threshold"]
            .map(|pointer| FieldError {
                pointer: pointer.to_owned(),
                detail: "must be at least 0".to_owned(),
            })
            .to_vec();
        assert_eq!(
            told_of(problem),
            [
                "orchestrator: invalid: the request has 2 faults (422)",
                "  /budget/max_cost_usd: must be at least 0",
                "  /quality_threshold: must be at least 0",
            ]
        );
    }

    #[test]
    fn a_refusal_comes_with_the_command_that_helps() {
        let task = told_of(refused(404, "not_found", "there is no such task"));
        assert_eq!(task[1], "  fix: orchestrator list");
        let path = told_of(refused(404, "not_found", "there is nothing at this path"));
        assert!(path[1].ends_with("make down && make up"), "{path:?}");
        let mut ambiguous = refused(409, "gate_ambiguous", "several gates are open");
        ambiguous.extra.insert("gates".to_owned(), json!(["g1", "g2"]));
        assert_eq!(told_of(ambiguous)[1], "  fix: name one: --gate g1 or --gate g2");
    }

    #[test]
    fn what_a_command_added_does_not_hide_what_the_gateway_said() {
        let error = Err::<(), _>(ClientError::Problem(Box::new(refused(
            409,
            "not_awaiting_approval",
            "no",
        ))))
        .context("the task is executing")
        .unwrap_err();
        assert_eq!(
            lines(&error, "o"),
            [
                "orchestrator: the task is executing: not_awaiting_approval: no (409)",
                "  fix: o approvals    # what waits for a decision"
            ]
        );
        assert_eq!(document(&error, "o")["code"], "not_awaiting_approval");
    }

    #[tokio::test]
    async fn where_nothing_listens_it_says_so_once_and_how_to_start_it() {
        let free = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let client = Client::new(&format!("http://{free}")).unwrap();
        let error = client.status("x").await.unwrap_err().into();
        let told = lines(&error, "orchestrator");
        assert!(
            told[0].starts_with("orchestrator: the gateway cannot be reached: Connection refused"),
            "{told:?}"
        );
        assert!(told[0].ends_with(&format!("(http://{free})")), "{told:?}");
        assert_eq!(
            told[1],
            "  fix: start it with `make up`, or name another gateway with --url"
        );
    }
}
