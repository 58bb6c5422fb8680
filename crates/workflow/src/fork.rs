//! A fork: a new task on the plan of another one, which takes over what is the same.

use crate::hash::Fingerprint;
use crate::input::Body;
use crate::plan::{FrozenPlan, PlanStep, Slots};
use crate::state::{Output, Step, Task, Unit};
use crate::submission::Submission;
use crate::tool::{TenantCatalog, ToolSource};
use crate::vocabulary::{EffectClass, PlanOrigin, StepStatus};
use std::collections::{BTreeMap, BTreeSet};

/// What a new task may take over. A step takes its output only where its definition, its tool and all of its inputs
/// hash to the same as there.
#[derive(Clone, Debug, PartialEq)]
pub struct Reuse {
    /// Who made the plan.
    pub origin: PlanOrigin,
    /// The planner's document.
    pub intent: Option<Body>,
    /// Outputs, by step key.
    pub steps: BTreeMap<String, Reusable>,
    /// Steps that had, or may have had, an outside effect there: to run one again is a human's decision.
    pub effects: BTreeSet<String>,
}

/// An output and what it follows from.
#[derive(Clone, Debug, PartialEq)]
pub struct Reusable {
    /// Hash of definition and inputs.
    pub input: Fingerprint,
    /// The output.
    pub output: Body,
    /// Hashes of its items, where it is a list.
    pub items: Option<Vec<Fingerprint>>,
}

/// A step of the other task whose output may be taken over.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// Its key.
    pub key: String,
    /// Hash of definition and inputs.
    pub input: Fingerprint,
    /// Where its output lies there.
    pub output: Output,
    /// Hashes of its items, where it is a list.
    pub items: Option<Vec<Fingerprint>>,
}

/// The task that is forked.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Its state.
    pub task: &'a Task,
    /// Its plan in force.
    pub plan: &'a FrozenPlan,
    /// What was asked.
    pub submission: &'a Submission,
}

/// Steps that are done, are neither `from` nor behind it, and have read nothing that is asked differently now.
pub fn offers(source: Source<'_>, from: Option<u16>, asked: &Submission, catalog: TenantCatalog<'_>) -> Vec<Offer> {
    let Source { task, plan, submission } = source;
    let again: BTreeSet<u16> = from.into_iter().flat_map(|index| plan.with_dependents(index)).collect();
    let same = (
        &submission.request,
        &submission.preferences,
        &submission.business_metrics,
    ) == (&asked.request, &asked.preferences, &asked.business_metrics);
    let indices = (0u16..).zip(plan.plan.steps.iter().zip(&task.steps));
    let offer = |(index, (definition, step)): (u16, (&PlanStep, &Step))| {
        let stands = step.status == StepStatus::Succeeded && !again.contains(&index);
        let offered = stands && (same || !reads_submission(definition, catalog));
        Some(Offer {
            key: offered.then(|| definition.key.clone())?,
            input: step.input_hash?,
            output: step.output?,
            items: step.items.clone(),
        })
    };
    indices.filter_map(offer).collect()
}

/// Steps that had, or may have had, an outside effect: in the task, or in one it was forked from.
pub fn with_effects(source: Source<'_>) -> BTreeSet<String> {
    let Source { task, plan, .. } = source;
    let acted = |index: u16| task.effects.iter().any(|effect| effect.unit == Unit::Step(index));
    let parts = (0_u16..).zip(&plan.plan.steps).zip(plan.steps.iter().zip(&task.steps));
    let with_effects = parts.filter(|((index, _), (frozen, step))| {
        acted(*index) || (step.reused && frozen.effects != EffectClass::ReadOnly)
    });
    with_effects
        .map(|((_, definition), _)| definition.key.clone())
        .collect()
}

/// Built-in tools see the request; others see what templates and conditions take from it.
fn reads_submission(step: &PlanStep, catalog: TenantCatalog<'_>) -> bool {
    let tool = catalog.get(&step.tool_id);
    let foreign = tool.is_some_and(|tool| tool.spec.source != ToolSource::Builtin);
    let on_request = step.when.as_ref().is_some_and(|when| when.step.is_none());
    !foreign || on_request || !Slots::of(&step.arguments).templates.is_empty()
}
