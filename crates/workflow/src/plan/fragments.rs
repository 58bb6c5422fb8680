//! The parts of a plan: few of its steps that hang together, told by their form like whole plans.

use super::Plan;
use super::form::{Edge, edges, label, signature_of};
use crate::hash::Fingerprint;
use std::collections::{BTreeMap, BTreeSet};

/// Steps of a part, at most and at least.
pub const FRAGMENT_STEPS: std::ops::RangeInclusive<usize> = 2..=4;
/// Plans with more steps have no parts worth looking at.
const MOST_STEPS: usize = 32;
/// Parts of one plan that are looked at, the small ones first.
const MOST_PARTS: usize = 64;

/// The form of some steps of a plan that hang together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// As [`super::signature`] tells it of the part alone.
    pub form: Fingerprint,
    /// Places of its steps in the plan, in order. Where the form is there twice, of the first.
    pub steps: Vec<usize>,
    /// Forms of parts of the plan that have one step more and this one within.
    pub larger: BTreeSet<Fingerprint>,
    /// All steps of the plan.
    pub is_whole: bool,
}

/// The parts of a plan, each form once: at most 64 connected sets of two to four steps, the small ones first and of these the
/// ones whose steps come first, of plans of up to 32 steps. A step with a condition is in no part without the step the
/// condition looks at.
pub fn fragments(plan: &Plan) -> Vec<Fragment> {
    if plan.steps.len() > MOST_STEPS {
        return Vec::new();
    }
    let edges = edges(plan);
    let labels: Vec<Fingerprint> = plan.steps.iter().map(label).collect();
    let form = |part: &BTreeSet<usize>| {
        let places: BTreeMap<usize, usize> = part.iter().copied().zip(0..).collect();
        let labels = part.iter().filter_map(|at| labels.get(*at).copied()).collect();
        let within = edges.iter().filter_map(|edge| edge.within(&places));
        signature_of(labels, &within.collect::<Vec<_>>())
    };
    let parts = connected(plan.steps.len(), &edges);
    let forms: BTreeMap<&BTreeSet<usize>, Fingerprint> = parts
        .iter()
        .filter(|part| !cuts_a_condition(part, &edges))
        .map(|part| (part, form(part)))
        .collect();
    let mut found: BTreeMap<Fingerprint, Fragment> = BTreeMap::new();
    for part in &parts {
        let Some(form) = forms.get(part) else { continue };
        let fragment = found.entry(*form).or_insert_with(|| Fragment {
            form: *form,
            steps: part.iter().copied().collect(),
            larger: BTreeSet::new(),
            is_whole: part.len() == plan.steps.len(),
        });
        let larger = forms
            .iter()
            .filter(|(other, _)| other.len() == part.len() + 1 && part.is_subset(other));
        fragment.larger.extend(larger.map(|(_, form)| *form));
    }
    found.into_values().collect()
}

/// The plan of these steps alone. What they take from others still names those.
pub fn part(plan: &Plan, steps: &[usize]) -> Plan {
    let mut steps: Vec<_> = steps.iter().filter_map(|at| plan.steps.get(*at)).cloned().collect();
    let keys: BTreeSet<String> = steps.iter().map(|step| step.key.clone()).collect();
    for step in &mut steps {
        step.depends_on.retain(|key| keys.contains(key));
    }
    Plan { summary: None, steps }
}

/// Sets of steps that hang together, the small ones first.
fn connected(steps: usize, edges: &[Edge]) -> Vec<BTreeSet<usize>> {
    let mut near: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for edge in edges.iter().filter(|edge| edge.from != edge.to) {
        near.entry(edge.from).or_default().insert(edge.to);
        near.entry(edge.to).or_default().insert(edge.from);
    }
    let mut grown: BTreeSet<BTreeSet<usize>> = (0..steps).map(|at| BTreeSet::from([at])).collect();
    let mut parts = Vec::new();
    for _ in FRAGMENT_STEPS {
        let mut next = BTreeSet::new();
        for part in &grown {
            let beside = part.iter().filter_map(|at| near.get(at)).flatten();
            for step in beside.filter(|step| !part.contains(step)) {
                let mut larger = part.clone();
                larger.insert(*step);
                next.insert(larger);
            }
        }
        grown = next.into_iter().take(MOST_PARTS - parts.len()).collect();
        parts.extend(grown.iter().cloned());
    }
    parts
}

fn cuts_a_condition(part: &BTreeSet<usize>, edges: &[Edge]) -> bool {
    let looks_out = |edge: &Edge| edge.is_condition() && part.contains(&edge.to) && !part.contains(&edge.from);
    edges.iter().any(looks_out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{containment, signature};
    use serde_json::{Value, json};

    /// `tool` or `tool<from`, `tool<from+from`; keys are letters from `a` on.
    fn plan(steps: &[&str]) -> Plan {
        let step = |(at, step): (usize, &&str)| {
            let (tool, from) = step.split_once('<').unwrap_or((step, ""));
            let key = char::from(b'a' + u8::try_from(at).unwrap());
            let mut arguments = json!({"topic": "tea"});
            for (n, from) in from.split('+').filter(|from| !from.is_empty()).enumerate() {
                arguments[format!("from_{n}")] = json!({"$step": from, "pointer": "/text"});
            }
            json!({"key": key.to_string(), "tool_id": tool, "arguments": arguments})
        };
        let steps: Vec<Value> = steps.iter().enumerate().map(step).collect();
        serde_json::from_value(json!({"steps": steps})).unwrap()
    }

    fn sizes(plan: &Plan) -> Vec<usize> {
        let mut sizes: Vec<usize> = fragments(plan).iter().map(|part| part.steps.len()).collect();
        sizes.sort_unstable();
        sizes
    }

    #[test]
    fn parts_hang_together_and_have_the_form_of_the_part_alone() {
        let chain = plan(&["find", "write<a", "edit<b", "check<c", "post<d"]);
        assert_eq!(sizes(&chain), [2, 2, 2, 2, 3, 3, 3, 4, 4]);
        for fragment in fragments(&chain) {
            let part = part(&chain, &fragment.steps);
            assert_eq!(signature(&part), fragment.form, "{:?}", fragment.steps);
            assert!((containment(&part, &chain) - 1.0).abs() < 1e-9);
            assert!(!fragment.is_whole);
        }
        let three = plan(&["find", "write<a", "edit<b"]);
        let whole: Vec<_> = fragments(&three).into_iter().filter(|part| part.is_whole).collect();
        assert_eq!((whole.len(), whole[0].form), (1, signature(&three)));
        assert!(
            fragments(&three)
                .iter()
                .filter(|part| part.steps.len() == 2)
                .all(|part| part.larger == [whole[0].form].into())
        );
        assert_eq!(sizes(&plan(&["find", "write"])), [0; 0], "nothing flows");
    }

    #[test]
    fn a_part_is_the_same_in_another_plan_whatever_else_is_there() {
        let forms = |plan: &Plan| {
            fragments(plan)
                .into_iter()
                .map(|part| part.form)
                .collect::<BTreeSet<_>>()
        };
        let one = forms(&plan(&["find", "write<a", "post<b"]));
        let other = forms(&plan(&["shop", "find", "write<b", "edit<c"]));
        let common: Vec<_> = one.intersection(&other).collect();
        assert_eq!(common, [&signature(&plan(&["find", "write<a"]))]);
    }

    #[test]
    fn a_step_is_not_cut_off_from_what_its_condition_looks_at() {
        let mut plan = plan(&["find", "write<a", "edit<b"]);
        plan.steps[2].when =
            serde_json::from_value(json!({"$step": "a", "pointer": "/found", "equals": true})).unwrap();
        let parts: Vec<Vec<usize>> = fragments(&plan).into_iter().map(|part| part.steps).collect();
        assert!(!parts.contains(&vec![1, 2]), "{parts:?}");
        assert!(parts.contains(&vec![0, 2]) && parts.contains(&vec![0, 1]), "{parts:?}");
    }

    #[test]
    fn plans_made_to_have_endless_parts_are_cut_short() {
        let started = std::time::Instant::now();
        // Everything takes from everything before it: millions of connected sets.
        let keys = |n: u8| (0..n).map(|at| char::from(b'a' + at).to_string()).collect::<Vec<_>>();
        let dense: Vec<String> = (0..26).map(|n| format!("tool{n}<{}", keys(n).join("+"))).collect();
        let dense = plan(&dense.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(fragments(&dense).len(), MOST_PARTS);
        let mut long = plan(&["tool"]);
        for n in 1..200 {
            let mut step = long.steps[0].clone();
            step.key = format!("s{n}");
            step.depends_on = long.steps.iter().map(|step| step.key.clone()).collect();
            long.steps.push(step);
        }
        assert!(fragments(&long).is_empty());
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    }
}
