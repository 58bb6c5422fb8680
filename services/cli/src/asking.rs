//! What a gate asks, and the commands that answer it.

use crate::text::{field, items, moment, shown};
use serde_json::Value;
use std::path::Path;

/// How our own program is called from where the caller stands.
pub fn program() -> String {
    let called = std::env::args().next().unwrap_or_default();
    let here = std::env::current_dir().unwrap_or_default();
    let shown = Path::new(&called)
        .strip_prefix(&here)
        .map_or(called.clone(), |path| path.display().to_string());
    if shown.is_empty() {
        "orchestrator".to_owned()
    } else {
        shown
    }
}

/// What is asked, in a line.
pub fn question(gate: &Value) -> String {
    let about = match field(gate, "kind").as_str() {
        "plan" => "the plan".to_owned(),
        "publication" => "the publication".to_owned(),
        "attention" => "a task that cannot go on by itself".to_owned(),
        "step" => format!("step {}", field(gate, "step_key")),
        other => other.to_owned(),
    };
    let until = moment(&field(gate, "expires_at"));
    if until.is_empty() {
        format!("waits for your decision about {about}:")
    } else {
        format!("waits for your decision about {about}, until {until} UTC:")
    }
}

/// The commands that look at a gate of the status document and answer it, one line each; `several`
/// gates are open, so that this one must be named.
pub fn commands(program: &str, task_id: &str, gate: &Value, several: bool) -> Vec<String> {
    let allowed: Vec<String> = items(gate, "allowed_actions").iter().map(shown).collect();
    let may = |action: &str| allowed.iter().any(|allowed| allowed == action);
    let named = if several {
        format!(" --gate {}", field(gate, "gate_id"))
    } else {
        String::new()
    };
    let mut commands = vec![format!("{program} approvals {task_id}{named}")];
    let mut offer = |actions: &[&str], command: String| {
        if actions.iter().any(|action| may(action)) {
            commands.push(command);
        }
    };
    offer(&["approve"], format!("{program} approve {task_id}{named}"));
    if field(gate, "kind") == "step" {
        offer(
            &["edit"],
            format!("{program} approve {task_id}{named} --arguments '{{…}}'"),
        );
    }
    offer(
        &["revise"],
        format!("{program} revise {task_id}{named} \"what should be different\""),
    );
    offer(
        &["raise_budget"],
        format!("{program} retry {task_id} --raise-cost 1.00   # or --raise-calls, --raise-tokens, --raise-duration"),
    );
    offer(&["retry"], format!("{program} retry {task_id}"));
    offer(&["send_again"], format!("{program} retry {task_id} --send-again"));
    offer(
        &["mark_done"],
        format!("{program} approve {task_id}{named} --action mark_done"),
    );
    offer(&["skip"], format!("{program} approve {task_id}{named} --action skip"));
    offer(&["reject"], format!("{program} reject {task_id}{named}"));
    commands
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_answer_a_gate_allows_has_its_command() {
        let gate = json!({ "gate_id": "g", "kind": "attention", "allowed_actions": ["send_again", "mark_done", "skip", "reject", "cancel"] });
        assert_eq!(
            commands("orchestrator", "t", &gate, true),
            [
                "orchestrator approvals t --gate g",
                "orchestrator retry t --send-again",
                "orchestrator approve t --gate g --action mark_done",
                "orchestrator approve t --gate g --action skip",
                "orchestrator reject t --gate g",
            ]
        );
        // What the tenant spent: more for the task is no answer.
        let gate = json!({ "kind": "attention", "allowed_actions": ["retry", "reject", "cancel"] });
        assert_eq!(
            commands("orchestrator", "t", &gate, false),
            [
                "orchestrator approvals t",
                "orchestrator retry t",
                "orchestrator reject t"
            ]
        );
        let gate = json!({ "kind": "publication", "expires_at": "2026-11-30T09:37:23.250Z", "allowed_actions": ["approve", "edit", "revise"] });
        assert_eq!(
            commands("orchestrator", "t", &gate, false),
            [
                "orchestrator approvals t",
                "orchestrator approve t",
                "orchestrator revise t \"what should be different\"",
            ]
        );
        let gate = json!({ "kind": "step", "step_key": "mail", "allowed_actions": ["approve", "edit", "skip"] });
        assert_eq!(
            commands("orchestrator", "t", &gate, false),
            [
                "orchestrator approvals t",
                "orchestrator approve t",
                "orchestrator approve t --arguments '{…}'",
                "orchestrator approve t --action skip",
            ]
        );
        assert_eq!(question(&gate), "waits for your decision about step mail:");
        let gate = json!({ "kind": "publication", "expires_at": "2026-11-30T09:37:23.250Z", "allowed_actions": [] });
        assert_eq!(
            question(&gate),
            "waits for your decision about the publication, until 2026-11-30 09:37:23 UTC:"
        );
    }
}
