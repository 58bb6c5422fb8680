//! Steps that end with a question: what a human lets through is what runs.
//!
//! A run that needs a human's word ends with the call it would make. The gate is about the bytes of that question,
//! and the answer makes a new job that carries the very arguments: nothing is resolved twice.

use super::context::Context;
use super::steps;
use crate::hash::Fingerprint;
use crate::ids::Serial;
use crate::input::{Body, Failure, Outcome};
use crate::state::{Asked, Unit};
use crate::vocabulary::{AskKind, StepStatus};

/// Questions of a tool's own within a step: what is never content with its answers is no tool.
const MAX_ROUNDS: u32 = 8;

/// The step's tool needs a human's word that it does not have.
pub(super) fn needs_word(cx: &Context<'_>, index: u16) -> bool {
    let word = of(cx, index).and_then(|a| a.approved);
    word.is_none() && cx.frozen(index).is_some_and(|f| f.requires_approval)
}

/// The job is about a step that needs a word it does not have: it may resolve and ask, and nothing else.
pub(super) fn holds_back(cx: &Context<'_>, job: Serial) -> bool {
    let unit = cx.task.jobs.iter().find(|j| j.serial == job).map(|j| j.unit);
    matches!(unit, Some(Unit::Step(index)) if needs_word(cx, index))
}

/// Why the outcome of a step's run cannot be taken.
pub(super) fn unfit(cx: &Context<'_>, unit: Unit, outcome: &Outcome) -> Option<Failure> {
    let Unit::Step(index) = unit else { return None };
    let needs = needs_word(cx, index);
    let fault = |code: &str, message: &str| {
        Some(Failure {
            code: code.to_owned(),
            message: message.to_owned(),
            ..Failure::default()
        })
    };
    match outcome {
        Outcome::Output(_) if needs => fault("worker_protocol", "the tool ran without the human's word it needs"),
        Outcome::Awaiting { kind, .. } if needs != (*kind == AskKind::Approval) => {
            fault("worker_protocol", "nobody expected this question of this run")
        }
        Outcome::Awaiting { .. } if of(cx, index).is_some_and(|a| a.rounds >= MAX_ROUNDS) => {
            fault("tool_rounds_exceeded", "the tool asks again and again")
        }
        _ => None,
    }
}

/// A run ended with a question.
pub(super) fn asked(cx: &mut Context<'_>, index: u16, attempt: u32, kind: AskKind, question: &Body) {
    let input = steps::input_hash(cx, index);
    let before = of(cx, index).cloned();
    let question = cx.output("question", question, before.as_ref().map(|a| a.question));
    let own = u32::from(kind == AskKind::Input);
    let Some(step) = cx.task.steps.get_mut(usize::from(index)) else {
        return;
    };
    step.status = StepStatus::WaitingApproval;
    step.attempt = attempt;
    step.error = None;
    step.asked = Some(Asked {
        kind,
        question,
        input,
        rounds: before.map_or(0, |a| a.rounds) + own,
        expired: false,
        approved: None,
    });
}

/// How a step whose turn it is stands to its question.
pub(super) enum Turn {
    /// It runs: with what was let through, or to ask.
    Run,
    /// Its question stands and nobody is asked it.
    Ask(Fingerprint),
}

/// What a step does whose turn it is. A question about inputs that have changed since is forgotten.
pub(super) fn turn(cx: &mut Context<'_>, index: u16, input: Fingerprint) -> Turn {
    let Some(step) = cx.task.steps.get_mut(usize::from(index)) else {
        return Turn::Run;
    };
    match &mut step.asked {
        Some(asked) if asked.input != input => {
            step.asked = None;
            Turn::Run
        }
        Some(asked) if asked.approved.is_none() => {
            asked.expired = false;
            Turn::Ask(asked.question.hash)
        }
        _ => Turn::Run,
    }
}

/// The step's gate is open and its question still is what would be asked.
pub(super) fn stands(cx: &Context<'_>, index: u16, input: Fingerprint) -> bool {
    let open = cx.task.gates.iter().any(|g| g.step == Some(index));
    open && of(cx, index).is_none_or(|a| a.input == input)
}

/// A human lets the call through, with arguments or answers of their own where `own` has some.
pub(super) fn let_through(cx: &mut Context<'_>, index: u16, own: Option<&str>) {
    let own = own.map(|text| cx.payload("approved", Body::new(text)));
    cx.touch();
    let Some(step) = cx.task.steps.get_mut(usize::from(index)) else {
        return;
    };
    step.status = StepStatus::Pending;
    if let Some(asked) = &mut step.asked {
        asked.approved = Some(own.unwrap_or(asked.question.payload));
    }
}

/// The gate of a step expired before anybody answered it.
pub(super) fn expired(cx: &mut Context<'_>, index: u16) {
    if let Some(asked) = cx.task.steps.get_mut(usize::from(index)).and_then(|s| s.asked.as_mut()) {
        asked.expired = true;
    }
}

/// A human lets through what expired. What nobody was shown yet, and what needs answers, is asked about.
pub(super) fn let_expired_through(cx: &mut Context<'_>) {
    let numbered = (0_u16..).zip(&cx.task.steps);
    let expired: Vec<u16> = numbered
        .filter(|(_, s)| s.status == StepStatus::WaitingApproval)
        .filter(|(_, s)| {
            s.asked
                .as_ref()
                .is_some_and(|a| a.expired && a.kind == AskKind::Approval)
        })
        .map(|(index, _)| index)
        .collect();
    for index in expired {
        let_through(cx, index, None);
    }
}

fn of<'c>(cx: &'c Context<'_>, index: u16) -> Option<&'c Asked> {
    cx.task.steps.get(usize::from(index))?.asked.as_ref()
}
