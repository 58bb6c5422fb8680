//! What holds after every input, whatever it is.

use crate::tables::scenario::Scenario;
use std::collections::BTreeSet;
use workflow::decision::{EffectReply, FrozenRequest, Reply, Transition};
use workflow::ids::Serial;
use workflow::input::Input;
use workflow::obligations::{Obligation, Rule, obligations};
use workflow::state::{EffectState, JobState, Money, Task, Unit};
use workflow::time::Timestamp;
use workflow::vocabulary::{EffectClass, GateKind, Status, StepStatus};

/// Bytes of a task of five steps, without the record of decisions, effects and lost runs.
const COMPACT: usize = 2048;
/// Bytes of a version that is better than the one being made, and of each step of it that has changed since.
const A_VERSION: usize = 160;
const A_STEP: usize = 200;

/// After each write.
pub fn hold(before: &Task, s: &Scenario) {
    terminal_absorbs(before, &s.task);
    events_have_no_gap(s);
    obligations_have_one_rule(&s.task);
    money_adds_up(&s.task);
    assert_eq!(s.kept.sum(), s.task.spent, "what is spent is the sum of the rows");
    steps_wait_for_their_inputs(s);
    gates_fit_the_status(&s.task);
    survives_storage(s);
}

fn terminal_absorbs(before: &Task, after: &Task) {
    if before.status.is_terminal() {
        assert_eq!(after.status, before.status, "I2: a terminal status was left");
        assert_eq!(after.steps, before.steps, "I2: steps of an ended task changed");
        assert_eq!(after.events, before.events, "I2: an ended task told something");
    }
    if after.status.is_terminal() {
        assert!(after.jobs.is_empty(), "I2: an ended task has jobs: {:?}", after.jobs);
        assert!(after.gates.is_empty(), "I2: an ended task has gates: {:?}", after.gates);
        let in_flight = after.effects.iter().any(|e| e.state == EffectState::Sent);
        assert!(!in_flight, "I4: an ended task has an effect that nobody watches");
        assert!(after.finished_at.is_some());
    }
}

fn events_have_no_gap(s: &Scenario) {
    let sequences: Vec<u64> = s.events.iter().map(|e| e.sequence).collect();
    let expected: Vec<u64> = (1..=s.task.events).collect();
    assert_eq!(sequences, expected, "I6: events have a gap");
}

fn obligations_have_one_rule(task: &Task) {
    let open = obligations(task);
    let distinct: BTreeSet<_> = open.iter().map(|(o, _, _)| *o).collect();
    assert_eq!(distinct.len(), open.len(), "I5: an obligation has two rules: {open:?}");
    assert_eq!(
        open.is_empty(),
        task.status.is_terminal(),
        "I5: {} owes {open:?}",
        task.status
    );
}

fn money_adds_up(task: &Task) {
    let granted = task.jobs.iter().fold(Money::default(), |sum, j| sum.plus(j.grant));
    assert_eq!(task.reserved, granted, "reserved is the sum of grants");
}

fn steps_wait_for_their_inputs(s: &Scenario) {
    let units: BTreeSet<String> = s.task.jobs.iter().map(|j| format!("{:?}", j.unit)).collect();
    assert_eq!(units.len(), s.task.jobs.len(), "I3: two jobs for one unit");
    for job in &s.task.jobs {
        let Unit::Step(index) = job.unit else { continue };
        let plan = s.plan.as_ref().expect("steps come from a plan");
        for &dep in &plan.steps[usize::from(index)].deps {
            let status = s.task.step_status(dep);
            // What is gathered does without single items.
            let optional = plan.gathered_by(index).is_some_and(|fan| fan.items.contains(&dep));
            assert!(
                status == StepStatus::Succeeded || (optional && status == StepStatus::Skipped),
                "step {index} has a job while step {dep} is {status}"
            );
        }
    }
}

fn gates_fit_the_status(task: &Task) {
    let open = |kind| task.gates.iter().filter(|g| g.kind == kind).count();
    let asked = usize::from(task.status == Status::NeedsAttention);
    assert_eq!(
        open(GateKind::Attention),
        asked,
        "attention gates while {}: {:?}",
        task.status,
        task.gates
    );
    assert!(
        open(GateKind::Plan) <= 1 && open(GateKind::Publication) <= 1,
        "a gate is open twice"
    );
    assert!(
        asked == 0 || task.attention.is_some(),
        "nobody knows why a human is asked"
    );
}

/// The state survives its storage, and stays small.
fn survives_storage(s: &Scenario) {
    let text = serde_json::to_string(&s.task).unwrap();
    let mut read: Task = serde_json::from_str(&text).unwrap();
    read.id = s.task.id;
    read.tenant.clone_from(&s.task.tenant);
    read.version = s.task.version;
    assert_eq!(read, s.task, "the stored state reads back as another");
    if s.task.steps.len() > 5 {
        return;
    }
    let mut lasting = s.task.clone();
    lasting.decided.clear();
    lasting.effects.clear();
    lasting.estimates.clear();
    lasting.plan_feedback.clear();
    let size = serde_json::to_string(&lasting).unwrap().len();
    let best = lasting.best.map_or(0, |best| A_VERSION + best.steps.len() * A_STEP);
    assert!(size < COMPACT + best, "the state takes {size} bytes: {text}");
}

/// Jobs and gates have numbers that were never used before, and keep them.
pub fn serials_are_new(s: &mut Scenario) {
    let gates = s.task.gates.iter().map(|g| (g.serial, format!("{} gate", g.kind)));
    let jobs = s.task.jobs.iter().map(|j| (j.serial, format!("{:?}", j.unit)));
    let open: Vec<(Serial, String)> = gates.chain(jobs).collect();
    let closed = s.task.decided.iter().map(|d| (d.serial, format!("{} gate", d.kind)));
    for (serial, what) in open.into_iter().chain(closed).collect::<Vec<_>>() {
        assert!(
            serial.0 < s.task.next_serial,
            "{what} has a number that will be used again"
        );
        let known = s.serials.entry(serial).or_insert_with(|| what.clone());
        assert_eq!(*known, what, "a number was used twice");
    }
}

/// Once an input was decided and what is ready dispatched: something moves the task on, or a human does.
pub fn settled(s: &Scenario) {
    let task = &s.task;
    let open = obligations(task);
    let stuck = open.iter().any(|(o, r, _)| (*o, *r) == (Obligation::Stage, Rule::Wake));
    assert!(!stuck, "I5: nothing moves a task that is {}: {task:?}", task.status);
    let halted = matches!(
        task.status,
        Status::Paused | Status::NeedsAttention | Status::Cancelling
    );
    let runs = task.jobs.iter().any(|j| !matches!(j.state, JobState::Ready { .. }));
    let waits = task.attention.is_some() && !halted && !task.status.is_terminal();
    assert!(
        !waits || runs,
        "a human is needed, nothing runs, and nobody is asked: {task:?}"
    );
}

/// I4: what may have happened outside is repeated only with its key, after a look-up, or after a human's word.
pub fn licence(s: &Scenario, input: &Input, transition: &Transition) {
    let before = &s.task;
    let (Input::EffectBegun(ask), Reply::Effect(EffectReply::Send { request, .. })) = (input, &transition.reply) else {
        return;
    };
    let serial = ask.job.serial_in(before.id).expect("licensed jobs are the task's");
    let unit = before.jobs.iter().find(|j| j.serial == serial).map(|j| j.unit);
    if let Some(Unit::Step(index)) = unit {
        assert!(!s.needs_word(index), "a step without its human's word may send");
    }
    let known = before
        .effects
        .iter()
        .find(|e| e.job == serial && e.ordinal == ask.ordinal);
    match (request, known) {
        (FrozenRequest::Stored(no), Some(effect)) => {
            assert_eq!(*no, effect.request, "I4: other bytes than the frozen ones");
            let repeatable = effect.class != EffectClass::Once;
            assert!(
                repeatable || effect.run == ask.run,
                "I4: `{}` is sent again",
                effect.class
            );
        }
        (FrozenRequest::Given(_), None) => {
            let earlier = before
                .effects
                .iter()
                .filter(|e| Some(e.unit) == unit && e.job != serial);
            for effect in earlier {
                // What was confirmed answers for the same request; another request is another effect.
                let other = effect.state == EffectState::Confirmed && effect.hash != Some(ask.request.hash);
                let safe = other || effect.state == EffectState::Rejected || effect.decided;
                assert!(
                    safe,
                    "I4: what an earlier job sent is sent again unasked: {effect:?} by {ask:?}"
                );
            }
        }
        other => panic!("I4: a licence that does not fit the ledger: {other:?}"),
    }
}

/// A dispatch is of no step whose tool is out of use, unless what its job sent is in flight.
pub fn nothing_begins_that_is_out_of_use(s: &Scenario, dispatched: &Transition) {
    let task = dispatched.task.as_ref().unwrap_or(&s.task);
    let begun = |serial| {
        task.effects
            .iter()
            .any(|e| e.job == serial && e.state == EffectState::Sent)
    };
    for job in task.jobs.iter().filter(|j| dispatched.publish.contains(&j.serial)) {
        let Unit::Step(index) = job.unit else { continue };
        let tool_id = &s.plan.as_ref().unwrap().plan.steps[usize::from(index)].tool_id;
        let out_of_use = s.catalog.of(&task.tenant).out_of_use(tool_id);
        assert!(
            out_of_use.is_none() || begun(job.serial),
            "it begins all the same: {out_of_use:?}"
        );
    }
}

/// A judgement is labelled by a decision that counts, once, and by nothing else.
pub fn people_alone_label(input: &Input, transition: &Transition) {
    let most = match (input, &transition.reply) {
        (Input::GateDecided(decision), Reply::Done) if !decision.by_model => 1,
        _ => 0,
    };
    let labels = &transition.changes.labels;
    assert!(labels.len() <= most, "{input:?} labels {labels:?}");
}

/// A grant is covered by the budget of the task and by the window of its tenant.
pub fn no_more_is_set_aside_than_there_is(s: &Scenario, dispatched: &Transition) {
    let Some(after) = &dispatched.task else { return };
    let granted = after.reserved.minus(s.task.reserved);
    let own = s.submission.policy.bounds().and(after.extra_budget);
    for limit in [Some(own), s.tenant_limit].into_iter().flatten() {
        let all = after.spent.plus(after.reserved);
        assert!(
            !limit.counts(granted) || limit.covers(all),
            "{granted:?} more is set aside, {all:?} in all of {limit:?}"
        );
    }
}

/// What an input that was applied before, or that nothing waits for, may do to the state: extend a lease.
pub fn changes_nothing(before: &Task, transition: &Transition, input: &Input) {
    let changes = &transition.changes;
    let rows = changes.payloads.len() + changes.events.len() + changes.gates.len() + changes.effects.len();
    assert!(
        rows == 0 && changes.plan.is_none() && changes.labels.is_empty(),
        "applied again, {input:?} writes {changes:?}"
    );
    if let Some(after) = &transition.task {
        assert_eq!(
            unleased(after),
            unleased(before),
            "applied again, {input:?} changes the state"
        );
    }
}

fn unleased(task: &Task) -> Task {
    let mut task = task.clone();
    task.version = 0;
    task.updated_at = Timestamp(0);
    for job in &mut task.jobs {
        if let JobState::Running { lease, .. } = &mut job.state {
            *lease = Timestamp(0);
        }
    }
    task
}

/// After a look nothing is overdue but what waits for others: for room in a pool, or for an answer about a message.
pub fn a_look_settles_what_was_due(s: &Scenario) {
    for (open, rule, due) in obligations(&s.task) {
        let waits_for_others = matches!(rule, Rule::Dispatch | Rule::LookUp) || (rule == Rule::Lease && !s.leases_end);
        assert!(
            waits_for_others || due.is_none_or(|t| t > s.now),
            "{open:?} is due again and again in a task that is {}",
            s.task.status
        );
    }
}
