//! Workers, people and time that do anything at any moment, relative to the state the task is in.

mod calm;
mod choices;

use super::laws;
use crate::tables::acts::{self, KEY_TTL, LICENCE};
use crate::tables::given::Given;
use crate::tables::scenario::{Run, Scenario};
use choices::Beginning;
pub use choices::{Move, answers, beginnings, moves};
use std::collections::BTreeSet;
use workflow::decision::{EffectReply, Reply};
use workflow::ids::{JobId, Serial, TaskId};
use workflow::input::{Cost, Decision, EffectRequest, Found, Input};
use workflow::state::{Stored, Unit};
use workflow::time::Millis;
use workflow::vocabulary::{EffectClass, ToolState};

pub struct Player {
    s: Scenario,
    /// Runs that have not told their end.
    runs: Vec<Run>,
    /// Those that have, or whom nobody hears of again.
    over: Vec<Run>,
    /// Inputs that were taken; sent again they change nothing.
    taken: Vec<Input>,
}

impl Player {
    pub fn new(beginning: Beginning) -> Self {
        let mut player = Self {
            s: beginning.given().start(),
            runs: Vec::new(),
            over: Vec::new(),
            taken: Vec::new(),
        };
        player.s.tenant_limit = beginning.tenant_limit();
        // Otherwise few games come as far as a publication.
        for _ in 0..beginning.head_start.saturating_sub(128) / 12 {
            player.complete_all();
            player.good_will();
        }
        player
    }

    /// One input, and the law that the same one again changes nothing.
    fn apply(&mut self, input: Input) -> Reply {
        let room = std::mem::replace(&mut self.s.room, false);
        let reply = self.s.input(&input);
        laws::changes_nothing(&self.s.task, &self.s.decide(&input), &input);
        self.s.room = room;
        self.s.move_on();
        let final_word = match &input {
            Input::JobSucceeded { .. } | Input::JobFailed { .. } | Input::JobReleased { .. } => reply == Reply::Done,
            Input::GateDecided(_) | Input::CancelRequested { .. } => reply == Reply::Done,
            Input::EffectEnded { .. } => matches!(reply, Reply::Effect(EffectReply::Recorded(_))),
            _ => false,
        };
        if final_word {
            self.taken.push(input);
        }
        reply
    }

    /// How the task ended, why humans were asked and steps failed, what became of its effects.
    pub fn met(&self) -> BTreeSet<String> {
        let status = self.s.task.status.to_string();
        let told = |member: &'static str| self.s.events.iter().filter_map(move |e| e.data[member].as_str());
        let reasons = told("reason").chain(told("code"));
        let effects = self.s.task.effects.iter().map(|e| e.state.as_str());
        let facts = reasons.chain(effects).map(str::to_owned);
        facts.chain([status]).collect()
    }

    pub fn play(&mut self, m: Move) {
        match m.what {
            0..22 => self.take(m),
            22..32 => self.beat(m),
            32..58 => self.end(m),
            58..68 => self.begin(m),
            68..73 => self.end_effect(m),
            73..82 => self.human(m),
            82..89 => self.time(m),
            89..92 => self.queue(m),
            92..95 => self.control(m),
            95..98 => self.replay(m),
            98 => self.forge(m),
            99 => self.s.room = !self.s.room,
            100..104 => self.complete_all(),
            104 => self.lose(m),
            _ => self.catalog(m),
        }
    }

    fn take(&mut self, m: Move) {
        let queued = self.s.queued();
        if let Some(label) = m.pick(&queued) {
            let run = self.s.take(label);
            self.runs.push(run);
        }
    }

    fn beat(&mut self, m: Move) {
        let Some(run) = m.pick(&self.runs).copied() else { return };
        let reply = self.apply(Input::JobStarted {
            job: run.job,
            dispatch: run.dispatch,
            run: run.id,
        });
        if matches!(reply, Reply::Stop(_)) {
            self.ends(run);
        }
    }

    fn ends(&mut self, run: Run) {
        self.runs.retain(|r| r.id != run.id);
        self.over.push(run);
    }

    fn end(&mut self, m: Move) {
        let Some(run) = m.pick(&self.runs).copied() else { return };
        self.ends(run);
        // A job that has ended has nothing to be good at any more.
        let unit = self.s.task.job(run.job).map_or(Unit::Plan, |j| j.unit);
        let input = choices::ending(&self.s, &Run { unit, ..run }, m.how);
        self.apply(input);
    }

    fn class(&self, unit: Unit) -> EffectClass {
        match unit {
            Unit::Step(i) => self.s.plan.as_ref().unwrap().steps[usize::from(i)].effects,
            Unit::Publish(0) => EffectClass::Keyed,
            Unit::Publish(_) => EffectClass::Once,
            _ => EffectClass::ReadOnly,
        }
    }

    fn begin(&mut self, m: Move) {
        let class = |run: &Run| self.s.task.job(run.job).map(|j| self.class(j.unit));
        let able: Vec<Run> = self
            .runs
            .iter()
            .filter(|r| class(r).is_some_and(|c| c != EffectClass::ReadOnly))
            .copied()
            .collect();
        let Some(run) = m.pick(&able) else { return };
        let wish = acts::wish(run, class(run).unwrap());
        let reply = self.apply(Input::EffectBegun(EffectRequest {
            ordinal: u32::from(m.how > 230),
            send_within: Millis::secs(if m.how.is_multiple_of(5) { 60 } else { LICENCE }),
            key_ttl: Millis::secs(if m.how.is_multiple_of(7) { 1 } else { KEY_TTL }),
            tool: None,
            ..wish
        }));
        if matches!(reply, Reply::Effect(EffectReply::Refused(_) | EffectReply::Busy)) {
            self.ends(*run);
        }
    }

    fn end_effect(&mut self, m: Move) {
        let all: Vec<Run> = self.runs.iter().chain(&self.over).copied().collect();
        let effects = &self.s.task.effects;
        let sent: Vec<Run> = all
            .into_iter()
            .filter(|r| effects.iter().any(|e| self.s.task.id.job(e.job) == r.job))
            .collect();
        if let Some(run) = m.pick(&sent) {
            self.apply(acts::end_of(run, choices::effect_end(m.how)));
        }
    }

    fn human(&mut self, m: Move) {
        let Some(gate) = m.pick(&self.s.task.gates) else { return };
        let decision = Decision {
            gate: (!m.how.is_multiple_of(3)).then(|| self.s.task.id.gate(gate.serial)),
            ..choices::decision(&self.s.task, gate, m.how)
        };
        self.apply(Input::GateDecided(decision));
    }

    fn time(&mut self, m: Move) {
        let seconds = [0.0, 0.3, 1.0, 3.0, 5.0, 9.0, 11.0, 16.0, 16.0, 70.0, 130.0, 4000.0];
        self.s.pass(*m.pick(&seconds).unwrap());
        self.s.leases_end = m.how > 20;
        self.apply(Input::TimerFired);
        laws::a_look_settles_what_was_due(&self.s);
    }

    fn queue(&mut self, m: Move) {
        let queued = self.s.queued();
        let Some(label) = m.pick(&queued) else { return };
        let run = self.s.take(label);
        let (job, dispatch) = (run.job, run.dispatch);
        let found = [
            Found::There,
            Found::ThereUnclaimed,
            Found::Gone,
            Found::Gone,
            Found::Outage,
        ];
        let stored = Stored {
            sequence: u64::from(m.how),
            stream_created: 1,
        };
        self.apply(match m.how % 8 {
            0 => Input::QueueDoubted,
            1 | 2 => Input::Published { job, dispatch, stored },
            n => Input::LookedUp {
                job,
                dispatch,
                found: found[usize::from(n) - 3],
            },
        });
    }

    fn control(&mut self, m: Move) {
        let step = ["a", "b", "c", "d", "e", "zzz"][usize::from(m.which) % 6];
        let from = (m.which > 80).then_some(step);
        self.apply(match m.how % 16 {
            0 => acts::cancel(),
            1..4 => acts::pause(),
            4..8 => acts::resume(),
            8 => Input::Poisoned {
                detail: "cannot be read".to_owned(),
            },
            n => acts::retry(from, n > 12),
        });
    }

    /// Somebody takes a tool out of use, or brings it back.
    fn catalog(&mut self, m: Move) {
        let states = [
            ToolState::Active,
            ToolState::Suspended,
            ToolState::AwaitingApproval,
            ToolState::Removed,
        ];
        let state = states[usize::from(m.how) % states.len()];
        self.s.put(m.pick(&choices::TOOLS).unwrap(), state);
    }

    /// Workers die while they run it, one after the other.
    fn lose(&mut self, m: Move) {
        let queued = self.s.queued();
        let Some(label) = m.pick(&queued).cloned() else { return };
        for _ in 0..m.how % 6 {
            if self.s.queued().contains(&label) && !self.s.is_late() {
                self.s.run(&label);
                self.s.wait(16.0);
                self.s.wait(1.0);
            }
        }
    }

    /// Whatever was taken before arrives once more.
    fn replay(&mut self, m: Move) {
        let Some(input) = m.pick(&self.taken).cloned() else {
            return;
        };
        let before = self.s.task.clone();
        laws::changes_nothing(&before, &self.s.decide(&input), &input);
        self.s.input(&input);
    }

    /// Results, heartbeats and wishes for what never was.
    fn forge(&mut self, m: Move) {
        let unborn = self.s.task.id.job(Serial(self.s.task.next_serial + u32::from(m.which)));
        let foreign = TaskId(uuid::Uuid::from_u128(u128::from(m.which) << 64)).job(Serial(1));
        let known = self.over.first().map_or(unborn, |r| r.job);
        let job: JobId = [unborn, foreign, known][usize::from(m.how % 3)];
        let run = Run {
            job,
            dispatch: 1000,
            id: self.s.run_id(),
            unit: Unit::Plan,
        };
        let outcome = self.s.good(run.unit);
        for input in [
            acts::success(&run, outcome, Cost::default()),
            acts::failed(&run, acts::broken(), Cost::default()),
            Input::JobStarted {
                job,
                dispatch: 1000,
                run: run.id,
            },
            Input::EffectBegun(acts::wish(&run, EffectClass::Once)),
        ] {
            laws::changes_nothing(&self.s.task, &self.s.decide(&input), &input);
            self.s.input(&input);
        }
    }
}

impl Beginning {
    fn given(self) -> Given {
        let given = match self.notation() {
            Some(notation) => Given::plan(&notation),
            None => Given::request(),
        };
        let channels: &[&str] = match self.channels % 3 {
            0 => &[],
            1 => &["blog"],
            _ => &["blog", "linkedin"],
        };
        given.channels(channels).policy(|p| self.policy(p))
    }
}
