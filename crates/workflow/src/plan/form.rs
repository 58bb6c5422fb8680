//! The form of a plan: what is left of it when steps are renamed, reordered and given other values.

use super::{Plan, PlanStep, Slots};
use crate::hash::Fingerprint;
use serde_json::Value;
use std::collections::BTreeMap;

/// Identifies the form: tools, shapes of arguments, what flows where. Plans of one form differ only in step keys,
/// order, texts and literal values.
///
/// Weisfeiler-Lehman colours of the labelled graph, refined once a step.
pub fn signature(plan: &Plan) -> Fingerprint {
    signature_of(plan.steps.iter().map(label).collect(), &edges(plan))
}

/// Of steps by their labels, and the links between their places.
pub(super) fn signature_of(mut colours: Vec<Fingerprint>, edges: &[Edge]) -> Fingerprint {
    for _ in 0..colours.len() {
        colours = refined(&colours, edges);
    }
    colours.sort_by_key(|colour| colour.to_bytes());
    let parts: Vec<[u8; 16]> = colours.into_iter().map(Fingerprint::to_bytes).collect();
    Fingerprint::of(parts.iter().map(<[u8; 16]>::as_slice))
}

/// How much two plans have in common, 0-1: the share (Dice) of steps with the same tool and of links between the
/// same tools. 1 minus it bounds the edit distance, relative to the plans' size, from below.
pub fn similarity(one: &Plan, other: &Plan) -> f64 {
    let (one, other) = (parts(one), parts(other));
    match size(&one) + size(&other) {
        0 => 0.0,
        both => 2.0 * common(&one, &other) as f64 / both as f64,
    }
}

/// How much of a part is in a plan, 0-1: the share of its steps and links that the plan has, told by tools. What else the
/// plan has does not count.
pub fn containment(part: &Plan, plan: &Plan) -> f64 {
    let (part, plan) = (parts(part), parts(plan));
    match size(&part) {
        0 => 0.0,
        own => common(&part, &plan) as f64 / own as f64,
    }
}

/// Steps and links by the tools they are of, each with its number.
type Parts<'p> = BTreeMap<(&'p str, &'p str), usize>;

fn size(parts: &Parts<'_>) -> usize {
    parts.values().sum()
}

fn common(one: &Parts<'_>, other: &Parts<'_>) -> usize {
    let both = one.iter().filter_map(|(part, n)| Some((*n).min(*other.get(part)?)));
    both.sum()
}

/// From one step to another, and how.
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) to: usize,
    label: String,
}

impl Edge {
    /// Whether the step runs by what the other came to.
    pub(super) fn is_condition(&self) -> bool {
        self.label.starts_with("when ")
    }

    /// Between steps that are elsewhere; none where one of them is not there.
    pub(super) fn within(&self, places: &BTreeMap<usize, usize>) -> Option<Self> {
        Some(Self {
            from: *places.get(&self.from)?,
            to: *places.get(&self.to)?,
            label: self.label.clone(),
        })
    }
}

pub(super) fn edges(plan: &Plan) -> Vec<Edge> {
    let places: BTreeMap<&str, usize> = (0..)
        .zip(&plan.steps)
        .map(|(at, step)| (step.key.as_str(), at))
        .collect();
    let mut edges = Vec::new();
    for (to, step) in plan.steps.iter().enumerate() {
        let mut link = |key: &str, label: String| {
            if let Some(from) = places.get(key) {
                edges.push(Edge { from: *from, to, label });
            }
        };
        for (place, reference) in Slots::of(&step.arguments).references {
            if let Ok(reference) = reference {
                link(reference.step, format!("data {place} {}", reference.pointer));
            }
        }
        let list = step.for_each.as_ref().map(|each| Slots::of_value(&each.items));
        for (_, reference) in list.into_iter().flat_map(|slots| slots.references) {
            if let Ok(reference) = reference {
                link(reference.step, format!("each {}", reference.pointer));
            }
        }
        if let Some(when) = &step.when {
            when.step
                .iter()
                .for_each(|key| link(key, format!("when {}", when.pointer)));
        }
        step.depends_on.iter().for_each(|key| link(key, "after".to_owned()));
    }
    without_implied(edges)
}

/// `depends_on` beside a reference to the same step says nothing new.
fn without_implied(edges: Vec<Edge>) -> Vec<Edge> {
    let flows: std::collections::BTreeSet<(usize, usize)> = edges
        .iter()
        .filter(|edge| edge.label != "after")
        .map(|edge| (edge.from, edge.to))
        .collect();
    let says = |edge: &Edge| edge.label != "after" || !flows.contains(&(edge.from, edge.to));
    edges.into_iter().filter(says).collect()
}

pub(super) fn label(step: &PlanStep) -> Fingerprint {
    let mut arguments = String::new();
    let members = step.arguments.iter().map(|(name, value)| (name.as_str(), value));
    shape_of_members(members, &mut arguments);
    let mut marks = vec![u8::from(step.channel.is_some()), u8::from(step.when.is_some())];
    marks.extend(step.for_each.as_ref().map(|_| 1));
    Fingerprint::of([step.tool_id.as_bytes(), arguments.as_bytes(), &marks])
}

fn refined(colours: &[Fingerprint], edges: &[Edge]) -> Vec<Fingerprint> {
    let mut near: Vec<Vec<[u8; 16]>> = vec![Vec::new(); colours.len()];
    let mut add = |at: usize, way: &[u8], edge: &Edge, neighbour: usize| {
        if let (Some(near), Some(colour)) = (near.get_mut(at), colours.get(neighbour)) {
            near.push(Fingerprint::of([way, edge.label.as_bytes(), &colour.to_bytes()]).to_bytes());
        }
    };
    for edge in edges {
        add(edge.to, b"in", edge, edge.from);
        add(edge.from, b"out", edge, edge.to);
    }
    let refine = |(own, mut near): (&Fingerprint, Vec<[u8; 16]>)| {
        near.sort_unstable();
        let own = own.to_bytes();
        let parts = std::iter::once(own.as_slice()).chain(near.iter().map(<[u8; 16]>::as_slice));
        Fingerprint::of(parts)
    };
    colours.iter().zip(near).map(refine).collect()
}

/// A value without its values: types, names of members, places of references.
fn shape(value: &Value, text: &mut String) {
    match value {
        Value::Null => text.push('0'),
        Value::Bool(_) => text.push('b'),
        Value::Number(_) => text.push('n'),
        // A template is filled with a text, too.
        Value::String(_) => text.push('s'),
        Value::Array(items) => {
            let mut shapes: Vec<String> = items.iter().map(shape_text).collect();
            shapes.sort_unstable();
            shapes.dedup();
            text.push('[');
            text.push_str(&shapes.join(","));
            text.push(']');
        }
        Value::Object(members) if members.contains_key("$step") => text.push('@'),
        Value::Object(members) if members.contains_key("$item") => text.push('%'),
        Value::Object(members) => shape_of_members(members.iter().map(|(name, value)| (name.as_str(), value)), text),
    }
}

fn shape_of_members<'v>(members: impl Iterator<Item = (&'v str, &'v Value)>, text: &mut String) {
    let mut shapes: Vec<String> = members
        .map(|(name, value)| format!("{name:?}:{}", shape_text(value)))
        .collect();
    shapes.sort_unstable();
    text.push('{');
    text.push_str(&shapes.join(","));
    text.push('}');
}

fn shape_text(value: &Value) -> String {
    let mut text = String::new();
    shape(value, &mut text);
    text
}

fn parts(plan: &Plan) -> Parts<'_> {
    let mut parts = BTreeMap::new();
    for step in &plan.steps {
        *parts.entry((step.tool_id.as_str(), "")).or_default() += 1;
    }
    let mut links: Vec<(usize, usize)> = edges(plan).iter().map(|edge| (edge.from, edge.to)).collect();
    links.sort_unstable();
    links.dedup();
    for (from, to) in links {
        if let (Some(from), Some(to)) = (plan.steps.get(from), plan.steps.get(to)) {
            *parts.entry((from.tool_id.as_str(), to.tool_id.as_str())).or_default() += 1;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const TOOLS: [&str; 4] = ["research", "write", "edit", "post"];

    /// Steps with a tool and the earlier steps each takes from.
    fn steps() -> impl Strategy<Value = Vec<(usize, Vec<usize>)>> {
        let step = (0..TOOLS.len(), prop::collection::vec(0_usize..8, 0..3));
        prop::collection::vec(step, 1..8)
    }

    fn plan(steps: &[(usize, Vec<usize>)], name: impl Fn(usize) -> String, value: &str) -> Plan {
        let step = |(at, (tool, from)): (usize, &(usize, Vec<usize>))| {
            let mut arguments = json!({"topic": value});
            for from in from.iter().filter(|from| **from < at) {
                arguments[format!("from_{}", TOOLS[steps[*from].0])] =
                    json!({"$step": name(*from), "pointer": "/text"});
            }
            json!({"key": name(at), "tool_id": TOOLS[*tool], "arguments": arguments})
        };
        let steps: Vec<Value> = steps.iter().enumerate().map(step).collect();
        serde_json::from_value(json!({"steps": steps})).unwrap()
    }

    proptest! {
        #[test]
        fn names_order_and_values_are_no_part_of_the_form(steps in steps(), turn in 0_usize..8) {
            let one = plan(&steps, |at| format!("a{at}"), "tea");
            let mut other = plan(&steps, |at| format!("step_{}", 99 - at), "coffee");
            let turn = turn % other.steps.len();
            other.steps.rotate_left(turn);
            for step in &mut other.steps {
                step.title = Some("Another".to_owned());
            }
            prop_assert_eq!(signature(&one), signature(&other));
            prop_assert!((similarity(&one, &other) - 1.0).abs() < 1e-9);
        }

        #[test]
        fn another_tool_argument_or_link_is_another_form(steps in steps(), at in 0_usize..8) {
            let one = plan(&steps, |at| format!("a{at}"), "tea");
            let at = at % one.steps.len();
            let mut tool = one.clone();
            tool.steps[at].tool_id = "another".to_owned();
            prop_assert_ne!(signature(&one), signature(&tool));
            prop_assert!(similarity(&one, &tool) < 1.0);
            let mut argument = one.clone();
            argument.steps[at].arguments.insert("more".to_owned(), json!(1));
            prop_assert_ne!(signature(&one), signature(&argument));
            let mut link = one.clone();
            let taken: Vec<String> = link.steps[at].arguments.iter().filter(|(_, v)| v.is_object()).map(|(n, _)| n.clone()).collect();
            if let Some(name) = taken.first() {
                link.steps[at].arguments.insert(name.clone(), json!("a text"));
                prop_assert_ne!(signature(&one), signature(&link));
            }
        }
    }

    #[test]
    fn the_way_of_a_link_and_what_is_taken_are_parts_of_the_form() {
        let chain = |pointer: &str, reversed: bool| -> Plan {
            let (first, second) = if reversed { ("b", "a") } else { ("a", "b") };
            let taking =
                json!({"key": second, "tool_id": "t", "arguments": {"x": {"$step": first, "pointer": pointer}}});
            let given = json!({"key": first, "tool_id": "t", "arguments": {"x": "y"}});
            serde_json::from_value(json!({"steps": [given, taking]})).unwrap()
        };
        assert_eq!(signature(&chain("/text", false)), signature(&chain("/text", true)));
        assert_ne!(signature(&chain("/text", false)), signature(&chain("/title", false)));
        // A dependency that the reference implies anyway.
        let mut stated = chain("/text", false);
        stated.steps[1].depends_on.push("a".to_owned());
        assert_eq!(signature(&chain("/text", false)), signature(&stated));
    }

    #[test]
    fn similarity_is_the_common_share_of_steps_and_links() {
        let chain = |tools: &[&str]| -> Plan {
            let step = |(at, tool): (usize, &&str)| {
                let after: Vec<String> = at.checked_sub(1).map(|at| format!("s{at}")).into_iter().collect();
                json!({"key": format!("s{at}"), "tool_id": tool, "depends_on": after})
            };
            serde_json::from_value(json!({"steps": tools.iter().enumerate().map(step).collect::<Vec<_>>()})).unwrap()
        };
        // 3 steps and 2 links against 4 and 3, of which 3 and 1 are common.
        let found = similarity(&chain(&["r", "w", "e"]), &chain(&["r", "s", "w", "e"]));
        assert!((found - 8.0 / 12.0).abs() < 1e-9, "{found}");
        assert!(similarity(&chain(&["r"]), &chain(&["w"])) < 1e-9);
    }
}
