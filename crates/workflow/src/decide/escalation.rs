//! Who is to answer a gate: somebody when it opens, others when nobody did in time. Whoever it is, anybody may.

use super::context::Context;
use crate::state::Gate;
use crate::submission::{Escalation, Submission};
use crate::time::{Millis, Timestamp};
use crate::vocabulary::GateKind;

/// Metadata of a request that name who is to answer its gates.
const METADATA: &str = "assignee";
/// Characters of a name.
const MAX_NAME: usize = 64;

/// Who answers a gate first: whom the request names, else whom the operator does.
pub(super) fn first(submission: &Submission, kind: GateKind) -> Option<String> {
    let fits = |name: &&String| (1..=MAX_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    let named = submission.metadata.get(METADATA).filter(fits);
    named.or_else(|| submission.policy.assignees.get(&kind)).cloned()
}

/// When a gate that has been handed on so often goes to the next one.
pub(super) fn due(
    chain: &[Escalation],
    handed_on: u32,
    opened_at: Timestamp,
    expires_at: Option<Timestamp>,
) -> Option<Timestamp> {
    let next = chain.get(usize::try_from(handed_on).ok()?)?;
    let at = opened_at + Millis::from_secs_f64(next.after_seconds);
    expires_at.is_none_or(|end| at < end).then_some(at)
}

/// Hands on every gate whose time has come. After an outage it goes to whom it would be with by now.
pub(super) fn hand_on(cx: &mut Context<'_>) {
    let now = cx.now();
    let handed: Vec<Gate> = cx
        .task
        .gates
        .iter()
        .filter_map(|gate| handed_on(gate, &cx.submission.policy.escalation, now))
        .collect();
    for gate in handed {
        cx.reassign(gate);
    }
}

fn handed_on(gate: &Gate, chain: &[Escalation], now: Timestamp) -> Option<Gate> {
    let is_over = gate.expires_at.is_some_and(|end| end <= now);
    let mut next = gate.clone();
    while let Some(level) = chain.get(usize::try_from(next.handed_on).ok()?)
        && next.hand_on_at.is_some_and(|at| at <= now && !is_over)
    {
        next.assignee = Some(level.assignee.clone());
        next.handed_on += 1;
        next.hand_on_at = due(chain, next.handed_on, gate.opened_at, gate.expires_at);
    }
    (next.handed_on > gate.handed_on).then_some(next)
}
