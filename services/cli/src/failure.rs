//! Why a command did not succeed, what would help, and the exit code.

use crate::dev::{ConfigurationFault, SupervisorFailed};
use crate::terminal::{is_reader_gone, remark};
use client::ClientError;
use serde_json::json;
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
    let problem = error.downcast_ref::<ClientError>().and_then(ClientError::problem);
    if as_json {
        let document = match problem {
            Some(problem) => json!(problem),
            None => json!({ "code": "command_failed", "detail": format!("{error:#}") }),
        };
        remark(document);
    } else {
        remark(format_args!("orchestrator: {error:#}"));
        for fault in problem.map(|problem| problem.errors.as_slice()).unwrap_or_default() {
            remark(format_args!("  {}: {}", fault.pointer, fault.detail));
        }
        if let Some(advice) = error.downcast_ref::<ClientError>().and_then(advice) {
            remark(format_args!("  {advice}"));
        }
    }
    exit_code(error)
}

fn advice(error: &ClientError) -> Option<&'static str> {
    match error {
        ClientError::Transport(_) => Some("Is it running? Start it with `make up`, or name another one with --url."),
        ClientError::Unexpected { .. } => Some("Something else answers at that address; name the gateway with --url."),
        ClientError::Problem(problem) => match problem.code.as_str() {
            "gate_ambiguous" => Some("Name one with --gate; `orchestrator status` lists the open gates."),
            "not_awaiting_approval" => Some("`orchestrator status` shows where the task is."),
            "auto_approve_not_allowed" => Some("Set policy.auto_approve = true, or leave --auto-approve out."),
            "unknown_channel" => Some("Channels are configured under [[channels]]."),
            _ => None,
        },
        ClientError::Unreadable(_) | ClientError::EventTooLarge => None,
    }
}

fn exit_code(error: &anyhow::Error) -> ExitCode {
    let supervisors = error.downcast_ref::<SupervisorFailed>().and_then(|failed| failed.code);
    if error.is::<ConfigurationFault>() || supervisors == Some(EXIT_USAGE.into()) {
        return ExitCode::from(EXIT_USAGE);
    }
    ExitCode::FAILURE
}
