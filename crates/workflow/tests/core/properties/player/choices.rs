//! What can be chosen: how a task begins, what is done next, and how it is done.

use crate::tables::acts::{self, blaming, broken, flaky, list, planned, question, score, unclear, usd};
use crate::tables::scenario::{Run, Scenario};
use proptest::prelude::*;
use workflow::decide::allowed_actions;
use workflow::input::{Body, Cost, Decision, EffectEnd, Input, Outcome};
use workflow::money::Bounds;
use workflow::state::{Gate, Money, Task, Unit};
use workflow::submission::{OnExhausted, Policy};
use workflow::vocabulary::{Action, AskKind};

/// Of which plans are made here.
pub const TOOLS: [&str; 6] = ["pure", "once", "keyed", "asks", "asks_once", "queryable"];

/// How a task begins.
#[derive(Clone, Copy, Debug)]
pub struct Beginning {
    pub tools: [u8; 5],
    pub channels: u8,
    pub flags: u8,
    pub planner: bool,
    /// How much of it goes well before anything else happens.
    pub head_start: u8,
}

/// What is done next.
#[derive(Clone, Copy, Debug)]
pub struct Move {
    pub what: u8,
    pub which: u8,
    pub how: u8,
}

pub fn beginnings() -> impl Strategy<Value = Beginning> {
    any::<([u8; 5], u8, u8, bool, u8)>().prop_map(|(tools, channels, flags, planner, head_start)| Beginning {
        tools,
        channels,
        flags,
        planner,
        head_start,
    })
}

pub fn moves() -> impl Strategy<Value = Move> {
    (0..108_u8, any::<u8>(), any::<u8>()).prop_map(|(what, which, how)| Move { what, which, how })
}

impl Move {
    pub fn pick<'a, T>(&self, from: &'a [T]) -> Option<&'a T> {
        from.get(usize::from(self.which) % from.len().max(1))
    }
}

impl Beginning {
    /// One step, three side by side, one that takes theirs; some have effects or ask first, one may run once an item.
    pub fn notation(&self) -> Option<String> {
        let tool = |i: usize| match self.tools[i] {
            0..20 => "once",
            20..40 => "keyed",
            40..60 => "asks",
            60..70 => "asks_once",
            70..80 => "queryable",
            _ => "pure",
        };
        let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(tool);
        let each = if self.tools[4].is_multiple_of(3) { "*a" } else { "" };
        (!self.planner).then(|| format!("a:{a} b:{b}<a{each} c:{c}<a d:{d}~a e:{e}<b,c~d"))
    }

    pub fn policy(&self, p: &mut Policy) {
        let on = |bit: u8| self.flags >> bit & 1 == 1;
        p.plan_review = on(0) && on(1);
        p.auto_approve = on(2);
        p.on_exhausted = if on(3) && on(4) {
            OnExhausted::Fail
        } else {
            OnExhausted::NeedsAttention
        };
        p.max_cost_usd_micros = (on(5) && on(6)).then_some(13);
        p.max_calls = (on(4) && on(5)).then_some(9);
        p.grant_calls = 3;
        p.max_duration_seconds = (on(6) && on(7)).then_some(120.0);
        p.step_events = !on(1);
    }

    /// What its tenant may spend.
    pub fn tenant_limit(&self) -> Option<Bounds> {
        let limited = self.flags & 0b1000_0001 == 0b1000_0001;
        limited.then_some(Bounds {
            usd_micros: Some(20),
            tokens: None,
            calls: Some(12),
        })
    }
}

/// How a run may end.
pub fn ending(s: &Scenario, run: &Run, how: u8) -> Input {
    let cost = Cost {
        calls: i64::from(how % 3),
        ..usd(i64::from(how % 4))
    };
    let fail = |failure| acts::failed(run, failure, usd(1));
    let outcome = match (how % 24, run.unit) {
        (0, _) => return fail(broken()),
        (1, _) => return fail(unclear()),
        (2 | 3, _) => return fail(flaky()),
        (4, _) => {
            let postponed = acts::no_model(s.now.0 % 3);
            return acts::released(run, (s.now.0 % 2 == 0).then_some(postponed), usd(1));
        }
        (6..12, Unit::Step(i)) if s.makes_list(i) => list(u32::from(how % 24) - 6, "of another length"),
        (5, Unit::Step(_)) => Outcome::Skipped {
            reason: "when".to_owned(),
        },
        (5, _) => Outcome::Output(Body::new("\"misfit\"")),
        // A worker that knows nothing of questions, and one that asks too much.
        (6, Unit::Step(_)) => Outcome::Output(Body::new("\"unasked\"")),
        (9..11, Unit::Step(_)) => question(AskKind::Input, "input"),
        (6..9, Unit::Step(i)) if !s.needs_word(i) => Outcome::Output(Body::new("\"the same\"")),
        (6..12, Unit::Plan) => planned("a:unheard_of"),
        (6..10, Unit::Assess) => Outcome::Assessed {
            assessment: blaming(["a", "b", "c", "e"][usize::from(how % 24) - 6]),
            document: Body::new("{}"),
        },
        (10..13, Unit::Assess) => Outcome::Assessed {
            assessment: score(0.2),
            document: Body::new("{}"),
        },
        _ => s.good(run.unit),
    };
    acts::success(run, outcome, cost)
}

pub fn effect_end(how: u8) -> EffectEnd {
    match how % 4 {
        0 => EffectEnd::Rejected,
        1 => EffectEnd::Unknown,
        _ => EffectEnd::Confirmed,
    }
}

/// Mostly something the gate allows.
pub fn decision(task: &Task, gate: &Gate, how: u8) -> Decision {
    let allowed = allowed_actions(task, gate);
    let lasting: Vec<Action> = allowed
        .iter()
        .copied()
        .filter(|a| how > 240 || !matches!(a, Action::Cancel | Action::Reject))
        .collect();
    let any = Action::ALL;
    let from = if how < 16 || lasting.is_empty() { any } else { &lasting };
    let action = from[usize::from(how) % from.len()];
    let asks = task.asked(gate).map(|a| a.kind);
    Decision {
        channels: how.is_multiple_of(11).then(Vec::new),
        feedback: how.is_multiple_of(2).then(|| "better".to_owned()),
        content_hash: how.is_multiple_of(13).then(|| "stale".to_owned()),
        raise_budget: Some(Money {
            usd_micros: 7,
            ..Money::default()
        }),
        approved: (answers(action, asks) != how.is_multiple_of(17)).then(|| "{\"arguments\":{}}".to_owned()),
        plan: acts::own_plan(gate.kind, action),
        ..acts::says(action)
    }
}

/// The answer needs more than its name.
pub fn answers(action: Action, asks: Option<AskKind>) -> bool {
    matches!(
        (action, asks),
        (Action::Edit, Some(_)) | (Action::Approve, Some(AskKind::Input))
    )
}
