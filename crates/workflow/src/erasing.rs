//! What is left of an ended task once its user's data is erased: ids, times, figures and words of the vocabulary.
//!
//! Members are named one by one, so that nothing is added to a task without the question what becomes of it here.

use crate::state::{Attention, Decided, Delivery, Effect, Step, StepError, Task};
use crate::submission::Submission;
use std::collections::BTreeMap;

impl Task {
    /// The task without its words, of `user`'s name too. What people other than the user decided stays theirs.
    #[must_use]
    pub fn without_words(self, user: &str) -> Self {
        Self {
            id: self.id,
            tenant: self.tenant,
            version: self.version,
            status: self.status,
            interrupted: self.interrupted,
            created_at: self.created_at,
            updated_at: self.updated_at,
            finished_at: self.finished_at,
            deadline: self.deadline,
            next_serial: self.next_serial,
            next_payload: self.next_payload,
            events: self.events,
            plan: None,
            replans: self.replans,
            steps: self.steps.into_iter().map(step).collect(),
            jobs: self.jobs,
            gates: Vec::new(),
            effects: self.effects.into_iter().map(effect).collect(),
            deliveries: self.deliveries.into_iter().map(delivery).collect(),
            round: self.round,
            quality: self.quality,
            judged: self.judged,
            best: None,
            plan_feedback: Vec::new(),
            attention: self.attention.map(attention),
            spent: self.spent,
            reserved: self.reserved,
            estimates: self.estimates,
            extra_budget: self.extra_budget,
            extra_time: self.extra_time,
            error: self.error.map(|_| String::new()),
            decided: self.decided.into_iter().map(|one| decided(one, user)).collect(),
            erased: true,
        }
    }
}

impl Submission {
    /// The submission without what was asked and by whom; the rules it ran under stay.
    #[must_use]
    pub fn without_words(self) -> Self {
        Self {
            request: String::new(),
            business_metrics: BTreeMap::new(),
            preferences: serde_json::Map::new(),
            metadata: BTreeMap::new(),
            plan: None,
            channels: self.channels,
            policy: self.policy,
            actor: String::new(),
            forked: None,
            traceparent: self.traceparent,
        }
    }
}

fn step(step: Step) -> Step {
    Step {
        status: step.status,
        round: step.round,
        attempt: step.attempt,
        input_hash: None,
        output: None,
        others: Vec::new(),
        items: None,
        reused: step.reused,
        cheaper: step.cheaper,
        feedback: None,
        asked: None,
        started_at: step.started_at,
        finished_at: step.finished_at,
        error: step.error.map(|error| StepError {
            code: error.code,
            message: String::new(),
        }),
    }
}

fn effect(effect: Effect) -> Effect {
    Effect { hash: None, ..effect }
}

/// The channel is the operator's word; where it went may have the title in its name.
fn delivery(delivery: Delivery) -> Delivery {
    Delivery {
        channel: delivery.channel,
        content: None,
        draft: None,
        faults: String::new(),
        state: delivery.state,
        location: String::new(),
        at: delivery.at,
    }
}

fn attention(attention: Attention) -> Attention {
    Attention {
        detail: String::new(),
        ..attention
    }
}

fn decided(mut decided: Decided, user: &str) -> Decided {
    if decided.actor == user {
        decided.actor.clear();
    }
    decided
}
