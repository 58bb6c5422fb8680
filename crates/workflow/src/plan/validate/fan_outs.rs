//! `for_each`: a list that can be one, with a bound that the limits allow.

use super::faults::Faults;
use super::limits::PlanLimits;
use crate::plan::fan_out::GATHERER;
use crate::plan::model::{Plan, PlanStep};
use crate::plan::pointer::is_pointer;
use crate::plan::slots::{Reference, Slots};
use crate::tool::{CatalogTool, TenantCatalog};
use crate::vocabulary::ToolState;
use serde_json::Value;

/// Longest list any installation allows.
const MAX_ITEMS: usize = 64;

pub(super) fn check(index: usize, step: &PlanStep, slots: &Slots<'_>, limits: &PlanLimits, faults: &mut Faults) {
    let at = |member: &str| format!("/steps/{index}/{member}");
    for (place, item) in &slots.items {
        let place = format!("{}{place}", at("arguments"));
        match item {
            _ if step.for_each.is_none() => {
                let detail = "there is no item: only a step with for_each runs once an item";
                faults.push("plan_ref", place, detail);
            }
            Err(malformed) => faults.push("plan_ref", place, malformed.to_string()),
            Ok(pointer) if !is_pointer(pointer) => {
                faults.push("plan_ref", place, "not a JSON pointer (RFC 6901)");
            }
            Ok(_) => {}
        }
    }
    let Some(for_each) = &step.for_each else { return };
    let most = limits.max_fan_out.min(MAX_ITEMS);
    if for_each.max_items == 0 || usize::from(for_each.max_items) > most {
        faults.push("plan_limits", at("for_each/max_items"), format!("1 to {most} items"));
    }
    match &for_each.items {
        Value::Array(items) if items.len() > usize::from(for_each.max_items) => {
            let detail = format!("{} items, max_items is {}", items.len(), for_each.max_items);
            faults.push("plan_limits", at("for_each/items"), detail);
        }
        Value::Array(_) => {}
        value if Reference::parse(value).is_some() => {}
        _ => faults.push(
            "plan_for_each",
            at("for_each/items"),
            "a reference {\"$step\", \"pointer\"} to an array, or an array",
        ),
    }
    for (place, _) in Slots::of_value(&for_each.items).items {
        let place = format!("{}{place}", at("for_each/items"));
        faults.push("plan_ref", place, "there is no item where the list is made");
    }
}

/// What makes the lists and gathers, where a step runs once an item. All items count as steps.
pub(super) fn gatherer<'c>(
    plan: &Plan,
    catalog: TenantCatalog<'c>,
    limits: &PlanLimits,
    faults: &mut Faults,
) -> Option<&'c CatalogTool> {
    let lists = plan.steps.iter().filter_map(|step| step.for_each.as_ref());
    let added: Vec<usize> = lists.map(|each| usize::from(each.max_items) + 1).collect();
    if added.is_empty() {
        return None;
    }
    let steps = plan.steps.len() + added.iter().sum::<usize>();
    if steps > limits.max_steps {
        let detail = format!(
            "with all items {steps} steps, at most {} are allowed: lower max_items",
            limits.max_steps
        );
        faults.push("plan_limits", "/steps".to_owned(), detail);
    }
    let known = catalog.get(GATHERER).filter(|tool| tool.state == ToolState::Active);
    if known.is_none() {
        let detail = format!("for_each needs the built-in tool `{GATHERER}`, which is not there");
        faults.push("plan_tool", "/steps".to_owned(), detail);
    }
    known
}
