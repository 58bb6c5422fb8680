//! Who decides over this interface, and what clients are told about it.

use crate::refusal::Refusal;
use service::config::Decisions;

/// Where people decide without an MCP host.
const ELSEWHERE: &str = "with the command line (orchestrator approvals) or with POST /approve/{task_id}";

/// Whether there is a tool that decides. A model may call it, whatever its user wants.
pub fn by_tool(decisions: Decisions) -> bool {
    decisions == Decisions::Tool
}

/// Whether clients are sent forms for their users.
pub fn by_form(decisions: Decisions) -> bool {
    decisions != Decisions::Off
}

/// What a model is told about decisions.
pub fn instructions(decisions: Decisions) -> &'static str {
    match decisions {
        Decisions::Tool => {
            "Decisions are the user's: show what get_approval answers and call decide only with what the user said."
        }
        Decisions::Elicitation => {
            "Decisions are the user's and none of your tools takes them: the user is asked by the client, where it can \
             show forms, or decides with the orchestrator's command line. Show what get_approval answers."
        }
        Decisions::Off => {
            "Decisions are the user's and are not taken here: show what get_approval answers and say that it is decided \
             with the orchestrator's command line."
        }
    }
}

/// What somebody does who finds a task waiting.
pub fn what_to_do(decisions: Decisions) -> String {
    match decisions {
        Decisions::Tool => "get_approval tells what is asked, decide answers".to_owned(),
        _ => format!("get_approval tells what is asked; it is decided {ELSEWHERE}"),
    }
}

/// How to approve what no form can hold or show.
pub fn beside_forms(decisions: Decisions) -> String {
    match decisions {
        Decisions::Tool => "use the tool decide".to_owned(),
        _ => format!("decide {ELSEWHERE}"),
    }
}

/// Lets the tool decide.
///
/// # Errors
/// 403 where it is not offered.
pub fn allow_tool(decisions: Decisions) -> Result<(), Refusal> {
    if by_tool(decisions) {
        Ok(())
    } else {
        Err(not_here("no tool decides here", decisions))
    }
}

/// Lets a filled-in form decide.
///
/// # Errors
/// 403 where none is sent.
pub fn allow_form(decisions: Decisions) -> Result<(), Refusal> {
    if by_form(decisions) {
        Ok(())
    } else {
        Err(not_here("nothing is decided here", decisions))
    }
}

fn not_here(what: &str, decisions: Decisions) -> Refusal {
    let detail = format!(
        "{what}: mcp.decisions is {:?}; a person decides {ELSEWHERE}",
        decisions.as_str()
    );
    Refusal::new(403, "decisions_not_offered", detail)
}
