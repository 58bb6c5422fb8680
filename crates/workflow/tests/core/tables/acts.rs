//! What workers and people do in a scenario.

use super::given;
use super::scenario::{Run, Scenario};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use workflow::decision::{EffectReply, Reply};
use workflow::hash::Fingerprint;
use workflow::input::{Assessment, Body, Cost, Decision, EffectEnd, EffectRequest, Failure, Input, Outcome, Postponed};
use workflow::plan::Plan;
use workflow::state::{Money, Unit};
use workflow::time::Millis;
use workflow::vocabulary::{Action, AskKind, EffectClass, GateKind};

/// How long the receivers here remember a key, in seconds.
pub const KEY_TTL: i64 = 100;
/// How long a licence to send lives, in seconds.
pub const LICENCE: i64 = 10;

impl Scenario {
    /// A worker takes a dispatched job's message and is not heard of yet.
    pub fn take(&mut self, label: &str) -> Run {
        let id = self.run_id();
        let job = self.job(label);
        assert!(job.dispatch > 0, "{label} was never dispatched");
        Run {
            job: self.task.id.job(job.serial),
            dispatch: job.dispatch,
            id,
            unit: job.unit,
        }
    }

    pub fn beat(&mut self, run: &Run) -> Reply {
        self.input(&Input::JobStarted {
            job: run.job,
            dispatch: run.dispatch,
            run: run.id,
        })
    }

    /// A worker takes it and is heard of.
    pub fn run(&mut self, label: &str) -> Run {
        let run = self.take(label);
        let reply = self.beat(&run);
        assert!(matches!(reply, Reply::Continue { .. }), "{label}: {reply:?}");
        run
    }

    pub fn end(&mut self, run: &Run, outcome: Outcome) -> Reply {
        self.end_for(run, outcome, Cost::default())
    }

    pub fn end_for(&mut self, run: &Run, outcome: Outcome, cost: Cost) -> Reply {
        self.input(&success(run, outcome, cost))
    }

    pub fn fail(&mut self, run: &Run, failure: Failure) -> Reply {
        self.input(&failed(run, failure, Cost::default()))
    }

    pub fn release(&mut self, run: &Run) -> Reply {
        self.input(&released(run, None, Cost::default()))
    }

    /// Nobody answers; to come again after that many seconds.
    pub fn postpone(&mut self, run: &Run, seconds: i64) -> Reply {
        self.input(&released(run, Some(no_model(seconds)), Cost::default()))
    }

    /// The job ends well within its first second.
    pub fn done(&mut self, label: &str) {
        let run = self.take(label);
        let outcome = self.good(run.unit);
        assert_eq!(self.end(&run, outcome), Reply::Done, "{label}");
    }

    /// The step ends with this output.
    pub fn outputs(&mut self, key: &str, text: &str) {
        let run = self.take(key);
        assert_eq!(self.end(&run, Outcome::Output(Body::new(text))), Reply::Done, "{key}");
    }

    /// The list that the step makes is this long.
    pub fn lists(&mut self, key: &str, items: u32, text: &str) {
        let run = self.take(key);
        assert_eq!(self.end(&run, list(items, text)), Reply::Done, "{key}");
    }

    /// The assessment ends with this judgement.
    pub fn judge(&mut self, assessment: Assessment) {
        let run = self.take("assess");
        let document = Body::new("{}");
        assert_eq!(self.end(&run, Outcome::Assessed { assessment, document }), Reply::Done);
    }

    /// Everything dispatched ends well, until only `label` is left, or nothing.
    pub fn work_until(&mut self, label: &str) {
        for _ in 0..100 {
            let Some(next) = self.queued().into_iter().find(|l| l != label) else {
                return;
            };
            self.done(&next);
        }
        panic!("work without end");
    }

    pub fn work(&mut self) {
        self.work_until("");
    }

    /// What a good worker answers.
    pub fn good(&self, unit: Unit) -> Outcome {
        match unit {
            Unit::Plan => planned("a b<a"),
            Unit::Step(index) if self.makes_list(index) => {
                list(2, &format!("{} {}", self.label(unit), self.task.round))
            }
            Unit::Step(index) if self.needs_word(index) => question(AskKind::Approval, &self.label(unit)),
            Unit::Step(_) => Outcome::Output(Body::new(format!("\"{} {}\"", self.label(unit), self.task.round))),
            Unit::Assess => Outcome::Assessed {
                assessment: score(1.0),
                document: Body::new("{}"),
            },
            Unit::Format(_) => Outcome::Deliverable(Body::new(format!("{{\"content\":\"{}\"}}", self.label(unit)))),
            Unit::Publish(_) => Outcome::Published {
                location: "https://here".to_owned(),
            },
        }
    }

    /// What needs a human's word and may run asks.
    pub fn ask(&mut self) {
        for label in self.queued() {
            if matches!(self.good(self.job(&label).unit), Outcome::Awaiting { .. }) {
                self.done(&label);
            }
        }
    }

    /// A run asks to send.
    pub fn begin(&mut self, run: &Run, class: EffectClass) -> EffectReply {
        match self.input(&Input::EffectBegun(wish(run, class))) {
            Reply::Effect(reply) => reply,
            other => panic!("the ledger answered {other:?}"),
        }
    }

    /// A run asks to send and may.
    pub fn sends(&mut self, run: &Run, class: EffectClass) {
        let reply = self.begin(run, class);
        assert!(matches!(reply, EffectReply::Send { .. }), "{reply:?}");
    }

    /// A step runs, sends, and its run ends well.
    pub fn sends_and_ends(&mut self, step: &str, class: EffectClass) {
        let run = self.run(step);
        self.sends(&run, class);
        let outcome = self.good(run.unit);
        self.end(&run, outcome);
    }

    /// A run tells how sending ended.
    pub fn sent(&mut self, run: &Run, ended: EffectEnd) -> Reply {
        self.input(&end_of(run, ended))
    }

    /// A human answers.
    pub fn human(&mut self, decision: Decision) -> Reply {
        self.input(&Input::GateDecided(decision))
    }

    /// A human answers and is heard.
    pub fn answer(&mut self, action: Action) {
        assert_eq!(self.human(says(action)), Reply::Done, "{action}");
    }
}

pub fn list(items: u32, text: &str) -> Outcome {
    let items: Vec<String> = (0..items).map(|place| format!("{place} {text}")).collect();
    list_of(&items.iter().map(String::as_str).collect::<Vec<_>>())
}

pub fn list_of(items: &[&str]) -> Outcome {
    Outcome::Listed {
        output: Body::new(format!("{{\"items\":{items:?}}}")),
        items: items.iter().map(|item| Fingerprint::of([item.as_bytes()])).collect(),
    }
}

pub fn success(run: &Run, outcome: Outcome, cost: Cost) -> Input {
    Input::JobSucceeded {
        job: run.job,
        dispatch: run.dispatch,
        run: run.id,
        cost,
        outcome,
    }
}

/// What a run may ask about a step.
pub fn question(kind: AskKind, step: &str) -> Outcome {
    let question = Body::new(format!("{{\"tool_id\":\"t\",\"arguments\":{{\"for\":\"{step}\"}}}}"));
    Outcome::Awaiting { kind, question }
}

pub fn no_model(seconds: i64) -> Postponed {
    Postponed {
        code: "llm_unavailable".to_owned(),
        message: "no model answers".to_owned(),
        pause: Millis::secs(seconds),
        needs: Money::default(),
    }
}

pub fn released(run: &Run, postponed: Option<Postponed>, cost: Cost) -> Input {
    Input::JobReleased {
        job: run.job,
        dispatch: run.dispatch,
        run: run.id,
        cost,
        postponed,
    }
}

pub fn failed(run: &Run, failure: Failure, cost: Cost) -> Input {
    Input::JobFailed {
        job: run.job,
        dispatch: run.dispatch,
        run: run.id,
        cost,
        failure,
    }
}

/// Each run writes other bytes; the frozen ones must go out all the same.
pub fn wish(run: &Run, class: EffectClass) -> EffectRequest {
    EffectRequest {
        job: run.job,
        dispatch: run.dispatch,
        run: run.id,
        ordinal: 0,
        class,
        target: "there".to_owned(),
        request: Body::new(format!("\"by {}\"", run.id)),
        send_within: Millis::secs(LICENCE),
        key_ttl: Millis::secs(KEY_TTL),
        tool: None,
    }
}

pub fn end_of(run: &Run, ended: EffectEnd) -> Input {
    Input::EffectEnded {
        job: run.job,
        run: run.id,
        ordinal: 0,
        ended,
        response: Body::new("{\"ok\":true}"),
    }
}

pub fn planned(notation: &str) -> Outcome {
    Outcome::Planned {
        plan: given::plan(notation),
        document: Body::new("{}"),
        forecast: None,
    }
}

pub fn score(score: f64) -> Assessment {
    Assessment {
        scores: BTreeMap::from([("relevance".to_owned(), score)]),
        ..Assessment::default()
    }
}

/// Not good enough, because of this step.
pub fn blaming(key: &str) -> Assessment {
    Assessment {
        blamed: BTreeMap::from([(key.to_owned(), "shorter".to_owned())]),
        ..score(0.1)
    }
}

/// May go well another time.
pub fn flaky() -> Failure {
    Failure {
        code: "tool_timeout".to_owned(),
        message: "too slow".to_owned(),
        retryable: true,
        ..Failure::default()
    }
}

/// Will never go well.
pub fn broken() -> Failure {
    Failure {
        code: "bad_output".to_owned(),
        message: "no".to_owned(),
        ..Failure::default()
    }
}

/// Nobody knows whether its effect happened.
pub fn unclear() -> Failure {
    Failure {
        effect_unknown: true,
        ..broken()
    }
}

pub fn usd(micros: i64) -> Cost {
    Cost {
        usd_micros: Some(micros),
        ..Cost::default()
    }
}

/// Whoever edits a plan brings one.
pub fn own_plan(kind: GateKind, action: Action) -> Option<Plan> {
    let edits = kind == GateKind::Plan && action == Action::Edit;
    edits.then(|| serde_json::from_value(given::plan("a b<a")).unwrap())
}

/// A request of its own, by ann, to the only open gate.
pub fn says(action: Action) -> Decision {
    static REQUESTS: AtomicU64 = AtomicU64::new(1);
    let request = REQUESTS.fetch_add(1, Ordering::Relaxed).to_le_bytes();
    Decision {
        gate: None,
        action,
        actor: "ann".to_owned(),
        request: Fingerprint::of([request.as_slice()]),
        channels: None,
        feedback: None,
        edits: BTreeMap::new(),
        content_hash: None,
        raise_budget: None,
        approved: None,
        plan: None,
        dimensions: Vec::new(),
        by_model: false,
    }
}

pub fn cancel() -> Input {
    Input::CancelRequested {
        actor: "ann".to_owned(),
    }
}

pub fn pause() -> Input {
    Input::PauseRequested {
        actor: "ann".to_owned(),
    }
}

pub fn resume() -> Input {
    Input::ResumeRequested {
        actor: "ann".to_owned(),
    }
}

pub fn retry(from_step: Option<&str>, send_again: bool) -> Input {
    Input::RetryRequested {
        actor: "ann".to_owned(),
        from_step: from_step.map(str::to_owned),
        raise_budget: None,
        more_time: Millis::default(),
        send_again,
    }
}
