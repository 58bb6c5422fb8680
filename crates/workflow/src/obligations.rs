//! What a task still owes, and the one sweeper rule that sees to it.

use crate::decide::QUEUE_SILENCE;
use crate::state::{EffectState, JobState, Task};
use crate::time::{Millis, Timestamp};
use crate::vocabulary::Status;

/// Something open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Obligation {
    /// A job that has not ended, with the grant it carries.
    Job(u32),
    /// A gate nobody decided.
    Gate(u32),
    /// An effect that is in flight: job serial and ordinal.
    Effect(u32, u32),
    /// The task's own deadline.
    Deadline,
    /// A stage that waits for nothing above: the next decision moves it on.
    Stage,
}

/// The rule that sees to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Dispatched when its pool's window has room and its pause is over.
    Dispatch,
    /// Its message is looked up.
    LookUp,
    /// Its lease ends.
    Lease,
    /// A human decides; the gate is handed on, and expires.
    Gate,
    /// A human decides; nothing is due.
    Human,
    /// Its licence ends.
    Licence,
    /// The task's deadline passes.
    Deadline,
    /// Decided again.
    Wake,
}

/// How long a moving task may go without a look when nothing else is due.
const WAKE: Millis = Millis::secs(10);

/// Everything open, each with its one rule and when it is due; no time: when a human comes.
pub fn obligations(task: &Task) -> Vec<(Obligation, Rule, Option<Timestamp>)> {
    if task.status.is_terminal() {
        return Vec::new();
    }
    let halted = matches!(task.status, Status::Paused | Status::NeedsAttention);
    let mut open = Vec::new();
    for job in &task.jobs {
        let (rule, due) = match job.state {
            // A halted task dispatches nothing until a human moves it on.
            JobState::Ready { .. } if halted => (Rule::Human, None),
            JobState::Ready { not_before } => (Rule::Dispatch, Some(not_before.unwrap_or(task.updated_at))),
            JobState::Queued { at, .. } => (Rule::LookUp, Some(at + QUEUE_SILENCE)),
            JobState::Running { lease, .. } => (Rule::Lease, Some(lease)),
        };
        open.push((Obligation::Job(job.serial.0), rule, due));
    }
    for gate in &task.gates {
        let due = [gate.hand_on_at, gate.expires_at].into_iter().flatten().min();
        let rule = if due.is_some() { Rule::Gate } else { Rule::Human };
        open.push((Obligation::Gate(gate.serial.0), rule, due));
    }
    for effect in task.effects.iter().filter(|e| e.state == EffectState::Sent) {
        // While its job lives, the job's next run asks about it; the job's own rule brings that run.
        let job_lives = task.jobs.iter().any(|j| j.serial == effect.job);
        let due = (!job_lives).then_some(effect.send_before);
        open.push((Obligation::Effect(effect.job.0, effect.ordinal), Rule::Licence, due));
    }
    if let Some(deadline) = task.deadline {
        // A human who is needed anyway is not asked twice; it counts again when the task goes on.
        let (rule, due) = match task.status {
            Status::NeedsAttention => (Rule::Human, None),
            _ => (Rule::Deadline, Some(deadline)),
        };
        open.push((Obligation::Deadline, rule, due));
    }
    let waits = open.iter().any(|(o, _, _)| !matches!(o, Obligation::Deadline));
    if !waits {
        let rule = if task.status == Status::Paused {
            Rule::Human
        } else {
            Rule::Wake
        };
        let due = (rule == Rule::Wake).then(|| task.updated_at + WAKE);
        open.push((Obligation::Stage, rule, due));
    }
    open
}

/// When the sweeper must look at the task next; none: only a human moves it.
pub fn next_due(task: &Task) -> Option<Timestamp> {
    obligations(task).into_iter().filter_map(|(_, _, due)| due).min()
}
