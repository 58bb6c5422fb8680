//! Who decides about the sample: the person at the terminal, the person who said so beforehand, or
//! somebody else later.

use crate::terminal::{ask, show};
use crate::text::{field, items, percent};
use serde_json::Value;
use std::io::{BufRead, IsTerminal};

/// Where decisions come from.
pub enum Approver {
    /// `AUTO_APPROVE=1`: a publication is approved; whatever needs attention is not.
    Beforehand,
    Terminal,
    Nobody,
}

/// A decision.
pub enum Answer {
    Approve,
    Reject,
    Revise(String),
    /// The gate stays open.
    Later,
}

impl Approver {
    /// The one that fits the command and the terminal.
    pub fn choose(beforehand: bool) -> Self {
        match (beforehand, std::io::stdin().is_terminal()) {
            (true, _) => Self::Beforehand,
            (false, true) => Self::Terminal,
            (false, false) => Self::Nobody,
        }
    }

    /// Asks about an approval document.
    pub async fn ask(&self, approval: &Value) -> Answer {
        match self {
            Self::Beforehand if field(approval, "kind") == "attention" => Answer::Later,
            Self::Beforehand => Answer::Approve,
            Self::Nobody => Answer::Later,
            Self::Terminal => ask_person(approval).await,
        }
    }
}

async fn ask_person(approval: &Value) -> Answer {
    let overall = approval.get("quality").and_then(|quality| quality.get("overall"));
    let kind = field(approval, "kind");
    show(format_args!(
        "\nYour decision is needed ({kind}). Quality: {}",
        percent(overall)
    ));
    for deliverable in items(approval, "deliverables") {
        let [channel, title, content] = ["channel", "title", "content"].map(|name| field(deliverable, name));
        show(format_args!("\n--- {channel}: {title} ---\n{content}"));
    }
    let summary = field(approval, "summary");
    if !summary.is_empty() {
        show(format_args!("\n{summary}"));
    }
    ask("\nApprove? [y]es, [n]o (ends the task), or write what should be different: ");
    let Some(line) = read_line().await else {
        return Answer::Later;
    };
    match line.trim() {
        "y" | "Y" | "yes" => Answer::Approve,
        "n" | "N" | "no" => Answer::Reject,
        "" => Answer::Later,
        feedback => Answer::Revise(feedback.to_owned()),
    }
}

/// On a thread of its own that nobody waits for: Ctrl-C must not need a line first.
async fn read_line() -> Option<String> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin()
            .lock()
            .read_line(&mut line)
            .is_ok_and(|bytes| bytes > 0);
        // Nobody listens any more after Ctrl-C.
        sender.send(read.then_some(line)).ok();
    });
    receiver.await.ok().flatten()
}
