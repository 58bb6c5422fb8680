//! How much can go wrong outside when a gate is let through.

use crate::plan::{FrozenPlan, FrozenStep};
use crate::state::{EffectState, Gate, Task};
use crate::vocabulary::{AttentionReason, EffectClass, GateKind};
use serde::{Deserialize, Serialize};

/// For sorting an inbox by eye, and for rules of automatic approval.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Nothing goes out.
    Low,
    /// Something goes out that can be repeated safely.
    Medium,
    /// What goes out cannot be repeated safely, or nobody knows what went out.
    High,
}

/// What is known of the places where effects would happen.
#[derive(Clone, Copy)]
pub struct Outside<'a> {
    /// The plan in force; only plan and step gates need it.
    pub plan: Option<&'a FrozenPlan>,
    /// What repeating a publication to a channel does; none: nobody knows.
    pub channel: &'a dyn Fn(&str) -> Option<EffectClass>,
}

/// The risk of letting a gate through.
pub fn risk(task: &Task, gate: &Gate, outside: Outside<'_>) -> Risk {
    of(task, gate.kind, gate.step, outside)
}

/// The same of a gate of this kind, about this step, that may not be open.
pub fn of(task: &Task, kind: GateKind, about: Option<u16>, outside: Outside<'_>) -> Risk {
    let unknown = task
        .effects
        .iter()
        .any(|e| e.state == EffectState::Unknown && !e.decided);
    if unknown {
        return Risk::High;
    }
    match kind {
        GateKind::Step => step(outside.plan, about).map_or(Risk::High, |s| of_class(s.effects)),
        GateKind::Plan => {
            let steps = outside.plan.iter().flat_map(|p| &p.steps);
            let items = outside.plan.iter().flat_map(|p| &p.fan_outs).map(|fan| &fan.frozen);
            steps
                .chain(items)
                .map(|s| of_class(s.effects))
                .max()
                .unwrap_or(Risk::Low)
        }
        GateKind::Publication => publication(task, outside),
        GateKind::Attention => match task.attention.as_ref().map(|a| a.reason) {
            Some(AttentionReason::EffectUnknown) => Risk::High,
            Some(AttentionReason::Publication) => publication(task, outside),
            _ => Risk::Low,
        },
    }
}

fn step(plan: Option<&FrozenPlan>, about: Option<u16>) -> Option<&FrozenStep> {
    plan?.steps.get(usize::from(about?))
}

fn publication(task: &Task, outside: Outside<'_>) -> Risk {
    let one = |channel: &str| match (outside.channel)(channel) {
        Some(class) => of_class(class).max(Risk::Medium),
        None if channel == crate::decide::RESULT => Risk::Low,
        None => Risk::High,
    };
    task.deliveries
        .iter()
        .map(|d| one(&d.channel))
        .max()
        .unwrap_or(Risk::Low)
}

fn of_class(class: EffectClass) -> Risk {
    match class {
        EffectClass::ReadOnly => Risk::Low,
        EffectClass::Keyed | EffectClass::Queryable => Risk::Medium,
        EffectClass::Once => Risk::High,
    }
}
