//! What went wrong in an ended task, by its raw record. Pure.

use super::Code;
use super::advice::advice;
use super::complaints::{Complaint, complaints};
use crate::record::json;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use workflow::decide::is_policy;

/// The tool, and the engine, that does nothing.
const NULL: &str = "null";
/// Sightings of one task; nobody learns from more.
const MOST: usize = 40;

/// What was read of a record.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Reading {
    /// Tools that ran, or were to run and were refused.
    pub tools: BTreeSet<String>,
    /// What could have been seen.
    pub open_to: Vec<Code>,
    /// It is not of the null model, however it was planned and ended: it counts for or against what it was told.
    pub counts: bool,
    /// What was seen, each kind once.
    pub sightings: Vec<Sighting>,
}

/// What went wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    pub code: Code,
    /// The tool of the step.
    pub tool: String,
    /// A dimension, a check, a code of errors or a channel; may be empty.
    pub condition: String,
}

/// Who says what would be better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Check,
    Judge,
    Human,
    Error,
}

impl Source {
    /// As documents say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Judge => "judge",
            Self::Human => "human",
            Self::Error => "error",
        }
    }
}

/// One kind of issue in one task.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    pub kind: Kind,
    pub step_key: String,
    /// Of the judgement or decision that said so last, from 0.
    pub round: usize,
    pub times: u32,
    /// As it came; empty: nobody said what would be better.
    pub hint: String,
    /// The person whose words these are.
    pub said_by: Option<String>,
    pub source: Source,
    /// It was gone after the step ran again with the hint.
    pub repaired: bool,
}

/// Reads a raw record. One of the null model teaches nothing.
pub fn read(raw: &str) -> Reading {
    let raw: Value = serde_json::from_str(raw).unwrap_or_default();
    if raw.get("engine").and_then(Value::as_str) == Some(NULL) {
        return Reading::default();
    }
    let steps = Steps::of(&raw);
    let mut found = Found::default();
    judged(&raw, &steps, &mut found);
    failed(&steps, &mut found);
    decided(&raw, &steps, &mut found);
    Reading {
        tools: steps.tools(&found),
        open_to: open_to(&raw),
        counts: true,
        // What people said is the last to be left out.
        sightings: found.0.into_values().rev().take(MOST).collect(),
    }
}

/// What can be seen of a record: without a judgement no blame, without a person's decision none of theirs.
fn open_to(raw: &Value) -> Vec<Code> {
    let mut open = vec![Code::StepFailed, Code::CallRefused];
    if !of_last_plan(raw).is_empty() {
        open.extend([Code::AcceptanceCheckFailed, Code::QualityBelowThreshold]);
    }
    if json::list(raw, "/gates")
        .iter()
        .any(|gate| by_human(gate) && is_about_result(gate))
    {
        open.extend([Code::ResultRevised, Code::ResultRejected]);
    }
    open
}

/// Sightings by kind: the last word of each counts.
#[derive(Default)]
struct Found(BTreeMap<Kind, Sighting>);

impl Found {
    fn add(&mut self, sighting: Sighting) {
        if sighting.kind.tool.is_empty() || sighting.kind.tool == NULL {
            return;
        }
        let times = self.0.get(&sighting.kind).map_or(0, |before| before.times);
        let sighting = Sighting {
            times: times.saturating_add(sighting.times),
            ..sighting
        };
        self.0.insert(sighting.kind.clone(), sighting);
    }
}

/// The steps as planned and as they went.
struct Steps<'r> {
    planned: BTreeMap<&'r str, &'r Value>,
    ran: Vec<&'r Value>,
}

impl<'r> Steps<'r> {
    fn of(raw: &'r Value) -> Self {
        let planned = json::list(raw, "/plan/steps").iter();
        Self {
            planned: planned
                .filter_map(|step| Some((step.get("key")?.as_str()?, step)))
                .collect(),
            ran: json::list(raw, "/task/plan/steps").iter().collect(),
        }
    }

    /// Empty: no such step, as after another plan was made.
    fn tool(&self, key: &str) -> String {
        let ran = self.ran.iter().copied().find(|step| member(step, "key") == key);
        let step = ran.or_else(|| self.planned.get(key).copied());
        step.map(|step| member(step, "tool_id").to_owned()).unwrap_or_default()
    }

    fn tools(&self, found: &Found) -> BTreeSet<String> {
        let did = |step: &&&Value| json::count(step, "/attempt") > 0 || is_over(step);
        let ran = self
            .ran
            .iter()
            .filter(did)
            .map(|step| member(step, "tool_id").to_owned());
        let seen = found.0.keys().map(|kind| kind.tool.clone());
        ran.chain(seen)
            .filter(|tool| !tool.is_empty() && tool != NULL)
            .collect()
    }

    /// The steps that made the result, each with its channel: else the last one.
    fn of_result(&self, raw: &Value) -> Vec<(String, String)> {
        let steps = json::list(raw, "/plan/steps").iter();
        let of_channel = |step: &Value| {
            let channel = member(step, "channel");
            (!channel.is_empty()).then(|| (member(step, "key").to_owned(), format!("channel {channel}")))
        };
        let found: Vec<_> = steps.clone().filter_map(of_channel).collect();
        if !found.is_empty() {
            return found;
        }
        let last = steps.last().map(|step| (member(step, "key").to_owned(), String::new()));
        last.into_iter().collect()
    }
}

/// Judgements of the plan that was in force at the end: keys of steps mean others in another plan.
fn of_last_plan(raw: &Value) -> Vec<&Value> {
    let last = raw.pointer("/task/plan/version").and_then(Value::as_u64);
    let is_of_last = |assessment: &&Value| {
        let of = assessment.get("plan_version").and_then(Value::as_u64);
        of.is_none() || of == last
    };
    json::list(raw, "/assessments").iter().filter(is_of_last).collect()
}

/// In which rounds steps made something, by key. Rounds go on where a plan follows another one.
struct Rounds<'r>(BTreeMap<&'r str, BTreeSet<u64>>);

impl<'r> Rounds<'r> {
    fn of(raw: &'r Value) -> Self {
        let mut rounds: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
        for step in json::list(raw, "/task/plan/steps").iter().filter(|step| is_over(step)) {
            rounds
                .entry(member(step, "key"))
                .or_default()
                .insert(json::count(step, "/round"));
        }
        for (key, others) in json::members(raw, "/other_outputs") {
            let made = others.as_array().map_or(&[][..], Vec::as_slice).iter();
            rounds
                .entry(key)
                .or_default()
                .extend(made.map(|made| json::count(made, "/round")));
        }
        Self(rounds)
    }

    /// The rounds of judgements of the plan; records from before these were told of count them.
    fn judged(&self, assessments: &[&Value]) -> Vec<u64> {
        let first = self.0.values().flatten().min().copied().unwrap_or_default();
        let told = |(nth, assessment): (u64, &&Value)| {
            let round = assessment.get("round").and_then(Value::as_u64);
            round.unwrap_or(first.saturating_add(nth))
        };
        (0..).zip(assessments).map(told).collect()
    }

    /// Whether a step ran in a round after one and up to another. Where a person had it run again in the same round, it was
    /// not told what was said.
    fn ran_between(&self, key: &str, after: u64, until: u64) -> bool {
        self.0
            .get(key)
            .is_some_and(|rounds| rounds.iter().any(|ran| *ran > after && *ran <= until))
    }
}

fn is_over(step: &Value) -> bool {
    matches!(member(step, "status"), "succeeded" | "failed")
}

/// Checks and the judge. An issue that a later judgement does not have any more was repaired by what was said last, where
/// the step ran again in between.
fn judged(raw: &Value, steps: &Steps<'_>, found: &mut Found) {
    let assessments = of_last_plan(raw);
    let rounds = Rounds::of(raw);
    let judged_in = rounds.judged(&assessments);
    let last = judged_in.last().copied().unwrap_or_default();
    let checked = |key: &str, pointer: &str| {
        let checks = steps
            .planned
            .get(key)
            .map_or(&[][..], |step| json::list(step, "/acceptance"));
        checks_at(checks, pointer)
    };
    for ((round, assessment), judged_in) in assessments.iter().enumerate().zip(judged_in) {
        for complaint in complaints(assessment, &checked) {
            let Complaint {
                step_key,
                code,
                condition,
                hint,
            } = complaint;
            let kind = Kind {
                code,
                tool: steps.tool(&step_key),
                condition,
            };
            found.add(Sighting {
                kind,
                repaired: rounds.ran_between(&step_key, judged_in, last),
                step_key,
                round,
                times: 1,
                hint,
                said_by: None,
                source: match code {
                    Code::AcceptanceCheckFailed => Source::Check,
                    _ => Source::Judge,
                },
            });
        }
    }
}

/// What a plan's checks at a place of an output demand: `/text min_length`.
fn checks_at(checks: &[Value], pointer: &str) -> String {
    let at = checks.iter().filter(|check| member(check, "pointer") == pointer);
    let members = at.filter_map(Value::as_object).flatten();
    let demands: BTreeSet<&str> = members
        .filter(|(name, value)| *name != "pointer" && !value.is_null())
        .map(|(name, _)| name.as_str())
        .collect();
    let place = if pointer.is_empty() { "the whole" } else { pointer };
    let demands: Vec<&str> = demands.into_iter().collect();
    format!("{place} {}", demands.join(", ")).trim_end().to_owned()
}

/// Errors of steps, those that another attempt got over included. That it did is no word of any hint's worth. What an
/// error says are a tool's words, and whoever serves the tool would speak to all plannings by them: of it nothing is kept,
/// and of its code only one that is ours.
fn failed(steps: &Steps<'_>, found: &mut Found) {
    for step in &steps.ran {
        let code = json::text_or_empty(step, "/error/code");
        if code.is_empty() || !is_over(step) {
            continue;
        }
        let (condition, hint) = advice(&code);
        found.add(Sighting {
            kind: Kind {
                code: Code::StepFailed,
                tool: member(step, "tool_id").to_owned(),
                condition: condition.to_owned(),
            },
            step_key: member(step, "key").to_owned(),
            round: usize::try_from(json::count(step, "/round")).unwrap_or_default(),
            times: 1,
            hint: hint.to_owned(),
            said_by: None,
            source: Source::Error,
            repaired: false,
        });
    }
}

/// What people decided. A revision was right when a person approved afterwards.
fn decided(raw: &Value, steps: &Steps<'_>, found: &mut Found) {
    let gates = json::list(raw, "/gates");
    for (round, gate) in gates.iter().enumerate().filter(|(_, gate)| by_human(gate)) {
        let action = member(gate, "action");
        if !matches!(action, "revise" | "reject") {
            continue;
        }
        let later = gates.get(round + 1..).unwrap_or_default();
        let (code, about) = if member(gate, "kind") == "step" {
            (
                Code::CallRefused,
                vec![(member(gate, "step_key").to_owned(), String::new())],
            )
        } else if is_about_result(gate) {
            let code = if action == "revise" {
                Code::ResultRevised
            } else {
                Code::ResultRejected
            };
            (code, steps.of_result(raw))
        } else {
            continue;
        };
        for (step_key, condition) in about {
            let kind = Kind {
                code,
                tool: steps.tool(&step_key),
                condition,
            };
            let approved = later.iter().any(|later| approves(later, gate));
            found.add(Sighting {
                kind,
                step_key,
                round,
                times: 1,
                hint: json::text_or_empty(gate, "/feedback"),
                said_by: json::text(gate, "/actor").map(|actor| actor.replace('\0', "")),
                source: Source::Human,
                repaired: action == "revise" && approved,
            });
        }
    }
}

/// Whether a person's later word approves of what another one wanted to be different.
fn approves(later: &Value, before: &Value) -> bool {
    let same = if member(before, "kind") == "step" {
        member(later, "kind") == "step" && member(later, "step_key") == member(before, "step_key")
    } else {
        is_about_result(later)
    };
    same && by_human(later) && matches!(member(later, "action"), "approve" | "edit")
}

fn is_about_result(gate: &Value) -> bool {
    matches!(member(gate, "kind"), "publication" | "attention")
        && matches!(member(gate, "action"), "approve" | "edit" | "revise" | "reject")
}

fn by_human(gate: &Value) -> bool {
    let actor = member(gate, "actor");
    !actor.is_empty() && actor != "expiry" && !is_policy(actor)
}

fn member<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
