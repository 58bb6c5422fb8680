//! A world without faults, in which every task has to end.

use super::Player;
use super::choices::{TOOLS, answers};
use crate::tables::acts::{broken, end_of, own_plan, says, unclear};
use crate::tables::scenario::Run;
use workflow::decide::allowed_actions;
use workflow::decision::{EffectReply, Reply};
use workflow::input::{Decision, EffectEnd, Input, Outcome};
use workflow::state::{EffectState, Money};
use workflow::vocabulary::{Action, EffectClass, Status, ToolState};

/// Looks of the sweeper within which everything must have ended.
const LOOKS: usize = 80;
/// What a human with good will answers, in this order.
const GOOD_WILL: [Action; 5] = [
    Action::Approve,
    Action::MarkDone,
    Action::RaiseBudget,
    Action::Retry,
    Action::SendAgain,
];

impl Player {
    pub fn calm_down(&mut self) {
        self.s.room = true;
        self.s.leases_end = true;
        self.s.tenant_limit = None;
        self.s.window = None;
        for tool_id in TOOLS {
            self.s.put(tool_id, ToolState::Active);
        }
        for _ in 0..LOOKS {
            self.s.wait(16.0);
            if self.s.status() == Status::Paused {
                self.s.input(&crate::tables::acts::resume());
            }
            self.complete_all();
            self.good_will();
            if self.s.status().is_terminal() {
                return;
            }
        }
        panic!("I5: the task never ends: {:?}", self.s.task);
    }

    /// What is queued now ends well.
    pub fn complete_all(&mut self) {
        for label in self.s.queued() {
            self.complete(&label);
        }
    }

    fn complete(&mut self, label: &str) {
        // Something before it may have stopped the task, or its time may be over.
        if self.s.is_late() || !self.s.queued().iter().any(|l| l == label) {
            return;
        }
        let run = self.s.run(label);
        let class = self.class(run.unit);
        let asks = matches!(self.s.good(run.unit), Outcome::Awaiting { .. });
        if asks || class == EffectClass::ReadOnly || self.sent(&run, class) {
            let outcome = self.s.good(run.unit);
            self.s.end(&run, outcome);
        }
    }

    /// Whether the run has sent, or somebody before it.
    fn sent(&mut self, run: &Run, class: EffectClass) -> bool {
        for ordinal in 0..3 {
            let mut wish = crate::tables::acts::wish(run, class);
            wish.ordinal = ordinal;
            match self.s.input(&Input::EffectBegun(wish)) {
                Reply::Effect(EffectReply::Send { .. }) => {
                    let Input::EffectEnded { job, run, response, .. } = end_of(run, EffectEnd::Confirmed) else {
                        return false;
                    };
                    let ended = EffectEnd::Confirmed;
                    self.s.input(&Input::EffectEnded {
                        job,
                        run,
                        ordinal,
                        ended,
                        response,
                    });
                    return true;
                }
                Reply::Effect(EffectReply::Ended { state, .. }) => match state {
                    EffectState::Confirmed => return true,
                    // Certainly not done: the next ordinal may.
                    EffectState::Rejected => {}
                    _ => {
                        self.s.fail(run, unclear());
                        return false;
                    }
                },
                // Another run may be sending: this one is not heard of again.
                _ => return false,
            }
        }
        self.s.fail(run, broken());
        false
    }

    pub fn good_will(&mut self) {
        let Some(gate) = self.s.task.gates.first().cloned() else {
            return;
        };
        let allowed = allowed_actions(&self.s.task, &gate);
        let action = GOOD_WILL.into_iter().find(|a| allowed.contains(a)).unwrap();
        let asks = self.s.task.asked(&gate).map(|a| a.kind);
        let decision = Decision {
            gate: Some(self.s.task.id.gate(gate.serial)),
            raise_budget: Some(Money {
                usd_micros: 1_000_000,
                tokens: 1_000_000,
                calls: 1_000_000,
            }),
            approved: answers(action, asks).then(|| "{\"arguments\":{}}".to_owned()),
            plan: own_plan(gate.kind, action),
            ..says(action)
        };
        let reply = self.s.human(decision);
        assert_eq!(reply, Reply::Done, "{action} on {gate:?}");
    }
}
