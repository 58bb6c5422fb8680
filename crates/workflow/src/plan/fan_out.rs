//! Fan-out: how a step that runs once an item becomes ordinary steps.
//!
//! Of a step `posts` with `for_each` two steps are made when the plan is frozen: `posts/list`, whose output is the list,
//! and `posts` itself, which gathers what became of its items. How many items there are is known once the list has been
//! made: then `posts/0`, `posts/1` … join the plan. Everything else sees steps like any other.

use super::frozen::{FrozenPlan, FrozenStep};
use super::model::{ForEach, Plan, PlanStep};
use super::slots::{Reference, Slots};
use super::validate::{Links, freeze_step};
use crate::hash::Fingerprint;
use crate::tool::CatalogTool;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The built-in tool that returns its arguments: it makes lists and gathers.
pub const GATHERER: &str = "null";
/// Member of a list's and of a gathered output that holds the items.
pub const ITEMS: &str = "items";

/// A step of the document that runs once an item.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct FanOut {
    /// Index of the step that makes the list.
    pub list: u16,
    /// Index of the step that gathers: that of the document's step.
    pub gather: u16,
    /// Longest list.
    pub max_items: u16,
    /// Indices of the steps of the items so far, in the order of the list. They never become fewer; those beyond the list
    /// as it is now are skipped.
    pub items: Vec<u16>,
    /// What an item's step is made of, its key apart.
    pub step: PlanStep,
    /// The same of its frozen part, its hash apart.
    pub frozen: FrozenStep,
}

/// Edges of a step whose every reference is known to lead somewhere.
fn links(step: &PlanStep, index_of: impl Fn(&str) -> Option<u16>) -> Links {
    let slots = Slots::of(&step.arguments);
    let references = slots.references.iter().filter_map(|(_, found)| found.ok());
    let when = step.when.as_ref().and_then(|when| when.step.as_deref());
    let taken = references.map(|reference| reference.step).chain(when);
    let inputs: Vec<u16> = taken.filter_map(&index_of).collect();
    let mut links = Links {
        deps: step.depends_on.iter().filter_map(|key| index_of(key)).collect(),
        inputs,
    };
    links.close();
    links
}

impl FrozenPlan {
    /// The document as it was written.
    pub fn document(&self) -> &Plan {
        self.authored.as_deref().unwrap_or(&self.plan)
    }

    /// Indices of the steps as people read them: in the order of the document, before what is gathered its list and items.
    pub fn reading_order(&self) -> Vec<usize> {
        let with_items = |index: usize| {
            let fan = u16::try_from(index).ok().and_then(|index| self.gathered_by(index));
            let parts = fan
                .into_iter()
                .flat_map(|fan| std::iter::once(&fan.list).chain(&fan.items));
            parts.map(|part| usize::from(*part)).chain([index]).collect::<Vec<_>>()
        };
        (0..self.document().steps.len()).flat_map(with_items).collect()
    }

    /// A step for people: where it gathers, the one that was written.
    pub fn as_written(&self, index: usize) -> Option<&PlanStep> {
        let gathers = |index: u16| self.gathered_by(index).is_some();
        match u16::try_from(index).is_ok_and(gathers) {
            true => self.document().steps.get(index),
            false => self.plan.steps.get(index),
        }
    }

    /// The fan-out whose list this step makes.
    pub fn listed_by(&self, index: u16) -> Option<&FanOut> {
        self.fan_outs.iter().find(|fan| fan.list == index)
    }

    /// The fan-out that this step gathers.
    pub fn gathered_by(&self, index: u16) -> Option<&FanOut> {
        self.fan_outs.iter().find(|fan| fan.gather == index)
    }

    /// The fan-out this step is an item of, and the item's place in the list, from 0.
    pub fn item_at(&self, index: u16) -> Option<(&FanOut, usize)> {
        let place = |fan: &'_ FanOut| fan.items.iter().position(|item| *item == index);
        self.fan_outs.iter().find_map(|fan| Some((fan, place(fan)?)))
    }

    /// The steps that run again where this step's output should be another: of what is gathered its items, of a list what
    /// it is taken from, or where it is written out its items. Else the step itself.
    pub fn makers(&self, index: u16) -> Vec<u16> {
        let made = match (self.gathered_by(index), self.listed_by(index)) {
            (Some(fan), _) => fan.items.clone(),
            (None, Some(fan)) => {
                // Sources stand before their lists: this comes to an end.
                let sources = self.taken_by(fan.list).into_iter().filter(|source| *source != index);
                let makers: Vec<u16> = sources.flat_map(|source| self.makers(source)).collect();
                if makers.is_empty() { fan.items.clone() } else { makers }
            }
            (None, None) => Vec::new(),
        };
        if made.is_empty() { vec![index] } else { made }
    }

    /// Indices of the steps whose outputs a step's arguments take.
    fn taken_by(&self, index: u16) -> Vec<u16> {
        let Some(step) = self.plan.steps.get(usize::from(index)) else {
            return Vec::new();
        };
        let slots = Slots::of(&step.arguments);
        let keys = slots.references.iter().filter_map(|(_, found)| Some(found.ok()?.step));
        let place = |key: &str| self.plan.steps.iter().position(|step| step.key == key);
        keys.filter_map(|key| u16::try_from(place(key)?).ok()).collect()
    }

    /// The plan with steps for at least `count` items; none where it has them.
    pub fn with_items(&self, list: u16, count: u16) -> Option<Self> {
        let fan = self.listed_by(list)?;
        let (known, wanted) = (fan.items.len(), usize::from(count.min(fan.max_items)));
        let missing = wanted.checked_sub(known).filter(|missing| *missing > 0)?;
        let mut plan = self.clone();
        for place in known..known + missing {
            plan.add_item(list, place);
        }
        Some(plan)
    }

    fn add_item(&mut self, list: u16, place: usize) {
        let Some(fan) = self.fan_outs.iter_mut().find(|fan| fan.list == list) else {
            return;
        };
        let Ok(index) = u16::try_from(self.steps.len()) else {
            return;
        };
        let step = item_step(&fan.step, place);
        let text = serde_json::to_vec(&step).unwrap_or_default();
        let frozen = FrozenStep {
            hash: Fingerprint::of([text.as_slice(), &fan.frozen.tool_version_hash.to_bytes()]),
            ..fan.frozen.clone()
        };
        fan.items.push(index);
        let gather = fan.gather;
        let output = json!({ "$step": step.key, "pointer": "" });
        self.plan.steps.push(step);
        self.steps.push(frozen);
        self.put_before(gather, index);
        if let Some(frozen) = self.steps.get_mut(usize::from(gather)) {
            frozen.deps.push(index);
            frozen.inputs.push(index);
        }
        let gather = self.plan.steps.get_mut(usize::from(gather));
        if let Some(Value::Array(items)) = gather.and_then(|step| step.arguments.get_mut(ITEMS)) {
            items.push(output);
        }
    }

    /// Puts list and gathering in the place of each step that runs once an item.
    pub(super) fn unfold(&mut self, gatherer: &CatalogTool) {
        let written = self.plan.clone();
        for (index, step) in (0_u16..).zip(&written.steps) {
            if let Some(for_each) = &step.for_each {
                self.unfold_one(index, step, for_each, gatherer);
            }
        }
        if !self.fan_outs.is_empty() {
            self.authored = Some(Box::new(written));
        }
    }

    fn unfold_one(&mut self, gather: u16, written: &PlanStep, for_each: &ForEach, gatherer: &CatalogTool) {
        let Ok(list) = u16::try_from(self.steps.len()) else {
            return;
        };
        let Some(known) = self.steps.get(usize::from(gather)).cloned() else {
            return;
        };
        let (making, gathering, each) = parts(written, for_each);
        let keys = self.plan.steps.iter().map(|step| step.key.clone());
        let places: BTreeMap<String, u16> = keys.chain([making.key.clone()]).zip(0_u16..).collect();
        let index_of = |key: &str| places.get(key).copied();
        let mut item = links(&item_step(&each, 0), index_of);
        // Templates find the item there.
        item.inputs.push(list);
        item.close();
        let whole = Links {
            // Where there is no item, too, it waits for what decides whether it is skipped.
            deps: item.deps.clone(),
            // Another list is gathered anew, with as many items as before.
            inputs: vec![list],
        };
        let mut made = freeze_step(&making, links(&making, index_of), gatherer);
        // A list that may be longer is another one.
        made.hash = Fingerprint::of([made.hash.to_bytes().as_slice(), &for_each.max_items.to_be_bytes()]);
        let gathered = freeze_step(&gathering, whole, gatherer);
        self.fan_outs.push(FanOut {
            list,
            gather,
            max_items: for_each.max_items,
            items: Vec::new(),
            step: each,
            frozen: FrozenStep {
                deps: item.deps,
                inputs: item.inputs,
                ..known
            },
        });
        self.plan.steps.push(making);
        self.steps.push(made);
        let place = usize::from(gather);
        if let (Some(step), Some(frozen)) = (self.plan.steps.get_mut(place), self.steps.get_mut(place)) {
            (*step, *frozen) = (gathering, gathered);
        }
        self.put_before(gather, list);
    }

    /// In the order of steps.
    fn put_before(&mut self, known: u16, new: u16) {
        let at = self.order.iter().position(|index| *index == known);
        self.order.insert(at.unwrap_or(self.order.len()), new);
    }
}

/// The step that makes the list, the one that gathers, and what an item's step is made of.
fn parts(written: &PlanStep, for_each: &ForEach) -> (PlanStep, PlanStep, PlanStep) {
    let returning = |key: String, items: Value, depends_on: Vec<String>| PlanStep {
        key,
        tool_id: GATHERER.to_owned(),
        arguments: Map::from_iter([(ITEMS.to_owned(), items)]),
        depends_on,
        ..PlanStep::default()
    };
    let list = list_key(&written.key);
    let making = PlanStep {
        when: written.when.clone(),
        ..returning(list.clone(), for_each.items.clone(), written.depends_on.clone())
    };
    let gathering = PlanStep {
        title: written.title.clone(),
        reason: written.reason.clone(),
        channel: written.channel.clone(),
        ..returning(written.key.clone(), json!([]), vec![list.clone()])
    };
    let each = PlanStep {
        for_each: None,
        when: None,
        channel: None,
        depends_on: vec![list],
        ..written.clone()
    };
    (making, gathering, each)
}

/// Key of the step that makes the list. No author's key has a slash in it.
fn list_key(key: &str) -> String {
    format!("{key}/list")
}

/// The step of the item at `place`.
fn item_step(each: &PlanStep, place: usize) -> PlanStep {
    let list = list_key(&each.key);
    let item = |pointer: &str| json!({ "$step": list, "pointer": format!("/{ITEMS}/{place}{pointer}") });
    let arguments = each.arguments.iter();
    PlanStep {
        key: format!("{}/{place}", each.key),
        arguments: arguments
            .map(|(name, value)| (name.clone(), filled(value, &item)))
            .collect(),
        ..each.clone()
    }
}

/// The value with references to the item in the place of `$item`.
fn filled(value: &Value, item: &impl Fn(&str) -> Value) -> Value {
    if let Some(pointer) = Reference::item(value) {
        return pointer.map_or_else(|_| value.clone(), item);
    }
    match value {
        Value::Array(items) => items.iter().map(|value| filled(value, item)).collect(),
        Value::Object(members) if !members.contains_key("$step") => {
            let filled = members.iter().map(|(name, value)| (name.clone(), filled(value, item)));
            Value::Object(filled.collect())
        }
        other => other.clone(),
    }
}
