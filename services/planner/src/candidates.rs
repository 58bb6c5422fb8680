//! The plans a planning chooses from: one that follows a pattern, and one from scratch.
//!
//! Where planning is free, all are made and compared. Asking a model again costs about what it may save, so one plan is
//! made of it: before, it is known which quality a plan from scratch can count on, and patterns that are clearly worse
//! are not shown to the model. Drawing lots over what the model is shown would have its place in [`offered`].

use crate::choice::{Choice, Rated, choose};
use crate::forecast::{Outlook, outlook};
use crate::memory::{Recalled, followed};
use crate::planning::{Asking, Unplanned, reasons};
use crate::quality::{self, Quality};
use crate::trim::Dropped;
use llm::{Answer, Call, CallKind, KnownPattern, Memory, PlanDraft, Usage};
use std::borrow::Cow;
use workflow::plan::Plan;

/// Most candidates that are told of.
const MOST: usize = 3;

/// A plan, what is expected of it and what it was chosen from.
#[derive(Clone, Debug)]
pub struct Deliberated {
    pub answer: Answer<PlanDraft>,
    /// None of a plan that would be refused.
    pub forecast: Option<Forecast>,
    /// Empty where there was no choice.
    pub candidates: Vec<Candidate>,
    pub dropped: Vec<Dropped>,
}

impl Deliberated {
    /// A plan that would be refused, and the only one there is.
    pub fn only(answer: Answer<PlanDraft>) -> Self {
        Self {
            answer,
            forecast: None,
            candidates: Vec::new(),
            dropped: Vec::new(),
        }
    }
}

/// What is expected of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Forecast {
    pub quality: Option<Quality>,
    pub outlook: Outlook,
}

/// One of the plans that were thought of.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// None: from scratch.
    pub pattern_id: Option<String>,
    pub forecast: Forecast,
    pub chosen: bool,
    pub reason: String,
}

/// Plans, and chooses where there is a choice.
///
/// # Errors
/// Why there is no plan.
pub async fn deliberate(asking: &Asking<'_>, recalled: &Recalled) -> Result<Deliberated, Unplanned> {
    let memory = recalled.memory();
    let known = Known::of(recalled);
    let first = asking.attempt(&offered(asking, memory, &known)).await?;
    let mut made = vec![Made::of(first, asking, memory, &known)];
    if asking.engine.is_free() {
        make_others(asking, memory, &known, &mut made).await;
    }
    let others = not_made(asking, memory, &known, &made);
    let choice = choose(&made.iter().map(|made| made.rated.clone()).collect::<Vec<_>>());
    Ok(decided(made, &choice, others))
}

/// What is forecast of the quality of plans.
struct Known {
    /// In the order of memory's patterns.
    patterns: Vec<Option<Quality>>,
    scratch: Option<Quality>,
}

impl Known {
    fn of(recalled: &Recalled) -> Self {
        let (patterns, scratch) = quality::forecast(recalled.scores(), recalled.withheld());
        Self { patterns, scratch }
    }

    fn of_pattern(&self, memory: &Memory, id: &str) -> Option<Quality> {
        let mut all = memory.patterns.iter().zip(&self.patterns);
        *all.find(|(pattern, _)| pattern.pattern_id == id)?.1
    }

    /// Why a pattern is not worth following.
    fn against(&self, memory: &Memory, id: &str) -> Option<String> {
        let (own, scratch) = self.of_pattern(memory, id).zip(self.scratch)?;
        scratch.is_clearly_above(&own).then(|| {
            format!(
                "not shown to the model: quality {:.2} is forecast (of {}), and {:.2} from scratch (of {})",
                own.value, own.n, scratch.value, scratch.n
            )
        })
    }
}

/// What the engine is shown of memory.
fn offered<'m>(asking: &Asking<'_>, memory: &'m Memory, known: &Known) -> Cow<'m, Memory> {
    let is_worse = |pattern: &KnownPattern| known.against(memory, &pattern.pattern_id).is_some();
    if asking.engine.is_free() || !memory.patterns.iter().any(is_worse) {
        return Cow::Borrowed(memory);
    }
    Cow::Owned(with(memory, |pattern| !is_worse(pattern)))
}

/// The same memory with these of its patterns.
fn with(memory: &Memory, keep: impl Fn(&KnownPattern) -> bool) -> Memory {
    Memory {
        patterns: memory
            .patterns
            .iter()
            .filter(|pattern| keep(pattern))
            .cloned()
            .collect(),
        preferences: memory.preferences.clone(),
        associations: memory.associations.clone(),
        issues: memory.issues.clone(),
    }
}

/// A plan that was made.
struct Made {
    /// None: from scratch.
    pattern_id: Option<String>,
    /// Patterns it follows beside that one.
    beside: Vec<String>,
    answer: Answer<PlanDraft>,
    rated: Rated,
    dropped: Vec<Dropped>,
}

impl Made {
    fn of(mut answer: Answer<PlanDraft>, asking: &Asking<'_>, memory: &Memory, known: &Known) -> Self {
        let mut followed = followed(&answer.value.plan_json, memory, &answer.value.patterns).into_iter();
        let (pattern_id, beside) = (followed.next(), followed.collect());
        let quality = match &pattern_id {
            Some(id) => known.of_pattern(memory, id),
            None => known.scratch,
        };
        let (mut rated, mut dropped) = (
            Rated {
                quality,
                ..Rated::default()
            },
            Vec::new(),
        );
        match asking.check(&answer.value.plan_json) {
            Ok(checked) => {
                rated.outlook = checked.outlook;
                if let Some(trimmed) = &checked.trimmed {
                    dropped.clone_from(&trimmed.dropped);
                    answer.value.plan_json = trimmed.plan_json.clone().into();
                }
            }
            Err(faults) => rated.out = Some(reasons(&faults)),
        }
        Self {
            pattern_id,
            beside,
            answer,
            rated,
            dropped,
        }
    }

    fn forecast(&self) -> Forecast {
        Forecast {
            quality: self.rated.quality,
            outlook: self.rated.outlook,
        }
    }
}

/// Beside a plan that follows a pattern: one that follows another, where there is one, and one from scratch.
async fn make_others(asking: &Asking<'_>, memory: &Memory, known: &Known, made: &mut Vec<Made>) {
    let Some(first) = made.first().and_then(|first| first.pattern_id.clone()) else {
        return;
    };
    let mut others = vec![with(memory, |pattern| pattern.pattern_id != first)];
    if others.iter().any(|other| !other.patterns.is_empty()) {
        others.push(with(memory, |_| false));
    }
    for other in &others {
        let Ok(answer) = asking.attempt(other).await else {
            continue;
        };
        let mut next = Made::of(answer, asking, memory, known);
        if made.iter().any(|made| made.pattern_id == next.pattern_id) {
            continue;
        }
        let twin = |made: &Made| made.answer.value.plan_json == next.answer.value.plan_json;
        if made.iter().any(twin) {
            next.rated.out = Some("the same plan again".to_owned());
        }
        made.push(next);
    }
}

/// Plans that were thought of and not made, with why.
fn not_made(asking: &Asking<'_>, memory: &Memory, known: &Known, made: &[Made]) -> Vec<Candidate> {
    let first = made.first();
    let uses = first.map_or(&[][..], |first| &first.answer.value.patterns);
    let beside = first.map_or(&[][..], |first| &first.beside);
    let is_made = |id: Option<&str>| made.iter().any(|made| made.pattern_id.as_deref() == id);
    let mut others = Vec::new();
    if !is_made(None) {
        others.push(Candidate {
            pattern_id: None,
            forecast: Forecast {
                quality: known.scratch,
                ..Forecast::default()
            },
            chosen: false,
            reason: why_not_from_scratch(asking, known).to_owned(),
        });
    }
    for pattern in memory
        .patterns
        .iter()
        .filter(|pattern| !is_made(Some(&pattern.pattern_id)))
    {
        let told = uses.iter().find(|used| used.pattern_id == pattern.pattern_id);
        let reason = known.against(memory, &pattern.pattern_id).filter(|_| told.is_none());
        let verdict = match beside.contains(&pattern.pattern_id) {
            true => "followed beside the first",
            false => "not followed",
        };
        let reason = reason.or_else(|| told.map(|told| format!("{verdict}: {}", told.reason)));
        others.push(Candidate {
            forecast: Forecast {
                quality: known.of_pattern(memory, &pattern.pattern_id),
                outlook: serde_json::from_value::<Plan>(pattern.plan.clone())
                    .map(|template| outlook(&template, asking.tools))
                    .unwrap_or_default(),
            },
            pattern_id: Some(pattern.pattern_id.clone()),
            chosen: false,
            reason: reason.unwrap_or_else(|| "not followed".to_owned()),
        });
    }
    others
}

fn why_not_from_scratch(asking: &Asking<'_>, known: &Known) -> &'static str {
    match known.scratch {
        _ if asking.engine.is_free() => "not made: without a pattern no plan came of it",
        Some(_) => "not made: it would not be clearly better, and asking a model again costs",
        None => "not made: nobody knows how good it would be, and asking a model again costs",
    }
}

/// The chosen one, which pays for all. Where all would be refused, the first: the coordinator says why where people
/// see it.
fn decided(mut made: Vec<Made>, choice: &Choice, others: Vec<Candidate>) -> Deliberated {
    let is_choice = made.len() + others.len() > 1;
    let candidate = |(place, (made, reason)): (usize, (&Made, &String))| Candidate {
        pattern_id: made.pattern_id.clone(),
        forecast: made.forecast(),
        chosen: choice.chosen == Some(place),
        reason: reason.clone(),
    };
    let all = made
        .iter()
        .zip(&choice.reasons)
        .enumerate()
        .map(candidate)
        .chain(others);
    let candidates: Vec<Candidate> = all.take(if is_choice { MOST } else { 0 }).collect();
    let usage = made
        .iter()
        .fold(Usage::default(), |sum, made| sum.plus(&made.answer.usage));
    let mut calls: Vec<Call> = made
        .iter_mut()
        .flat_map(|made| std::mem::take(&mut made.answer.calls))
        .collect();
    if is_choice {
        calls.push(told(&candidates));
    }
    let taken = made.swap_remove(choice.chosen.unwrap_or(0));
    Deliberated {
        forecast: choice.chosen.map(|_| taken.forecast()),
        answer: Answer {
            value: taken.answer.value,
            usage,
            calls,
        },
        candidates,
        dropped: taken.dropped,
    }
}

/// For the trace.
fn told(candidates: &[Candidate]) -> Call {
    let line = |candidate: &Candidate| {
        let name = candidate
            .pattern_id
            .as_ref()
            .map_or_else(|| "from scratch".to_owned(), |id| format!("pattern {id}"));
        let verdict = if candidate.chosen { "chosen" } else { "not chosen" };
        format!("{name}: {verdict}, {}", candidate.reason)
    };
    Call {
        kind: CallKind::Decision,
        name: "plan_choice".to_owned(),
        detail: candidates.iter().map(line).collect::<Vec<_>>().join("; "),
        ..Call::default()
    }
}
