//! The graph of steps: order, cycles, fan-out, depth.

use super::faults::Faults;
use super::limits::PlanLimits;
use super::references::Links;
use crate::plan::model::Plan;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

const MAX_NAMED_CYCLE: usize = 12;

/// Indices of the steps, dependencies first; among those that could come next, the first of the
/// document. Incomplete, with faults, when there is a cycle.
pub(super) fn order(plan: &Plan, links: &[Links], limits: &PlanLimits, faults: &mut Faults) -> Vec<u16> {
    let graph = Graph::of(links);
    for (index, dependents) in graph.dependents.iter().enumerate() {
        if dependents.len() > limits.max_fan_out {
            let detail = format!(
                "{} steps depend on it, at most {} may",
                dependents.len(),
                limits.max_fan_out
            );
            faults.push("plan_limits", format!("/steps/{index}"), detail);
        }
    }
    let sorted = graph.sort(plan);
    if sorted.order.len() < links.len() {
        name_cycles(plan, links, &sorted.waiting_for, faults);
    }
    let deepest = sorted
        .depth
        .iter()
        .enumerate()
        .max_by_key(|(index, depth)| (**depth, Reverse(*index)));
    if let Some((index, depth)) = deepest
        && *depth > limits.max_depth
    {
        let detail = format!(
            "it ends a chain of {depth} steps, at most {} may follow one another",
            limits.max_depth
        );
        faults.push("plan_limits", format!("/steps/{index}"), detail);
    }
    sorted.order
}

struct Graph<'l> {
    links: &'l [Links],
    dependents: Vec<Vec<u16>>,
}

struct Sorted {
    order: Vec<u16>,
    /// Steps in the longest chain that ends here.
    depth: Vec<usize>,
    /// Dependencies not in `order`; above zero only for steps on or behind a cycle.
    waiting_for: Vec<usize>,
}

impl<'l> Graph<'l> {
    fn of(links: &'l [Links]) -> Self {
        let mut dependents = vec![Vec::new(); links.len()];
        for (index, links) in (0_u16..).zip(links) {
            for dep in &links.deps {
                if let Some(list) = dependents.get_mut(usize::from(*dep)) {
                    list.push(index);
                }
            }
        }
        Self { links, dependents }
    }

    fn sort(&self, plan: &Plan) -> Sorted {
        // With its list and its items one behind the other.
        let length = |index: usize| match plan.steps.get(index).and_then(|step| step.for_each.as_ref()) {
            Some(_) => 3,
            None => 1,
        };
        let mut waiting_for: Vec<usize> = self.links.iter().map(|links| links.deps.len()).collect();
        let mut depth: Vec<usize> = (0..self.links.len()).map(length).collect();
        let mut order = Vec::with_capacity(self.links.len());
        let free = (0_u16..).zip(&waiting_for).filter(|(_, count)| **count == 0);
        let mut free: BinaryHeap<Reverse<u16>> = free.map(|(index, _)| Reverse(index)).collect();
        while let Some(Reverse(index)) = free.pop() {
            order.push(index);
            let above = depth.get(usize::from(index)).copied().unwrap_or(1);
            for dependent in self.dependents.get(usize::from(index)).into_iter().flatten() {
                let place = usize::from(*dependent);
                if let (Some(count), Some(depth)) = (waiting_for.get_mut(place), depth.get_mut(place)) {
                    *depth = (above + length(place)).max(*depth);
                    *count -= 1;
                    if *count == 0 {
                        free.push(Reverse(*dependent));
                    }
                }
            }
        }
        Sorted {
            order,
            depth,
            waiting_for,
        }
    }
}

/// Walks from each step that never got free to what it waits for, until a step comes again: every such
/// step waits for another one, so each walk ends on a cycle, or where an earlier walk has been.
fn name_cycles(plan: &Plan, links: &[Links], waiting_for: &[usize], faults: &mut Faults) {
    let stuck = |index: usize| waiting_for.get(index).is_some_and(|count| *count > 0);
    let mut walk_of = vec![0_usize; links.len()];
    for start in (0..links.len()).filter(|start| stuck(*start)) {
        let walk = start + 1;
        let mut path: Vec<usize> = Vec::new();
        let mut at = start;
        while walk_of.get(at) == Some(&0) {
            if let Some(seen) = walk_of.get_mut(at) {
                *seen = walk;
            }
            path.push(at);
            let deps = links.get(at).map_or(&[][..], |links| &links.deps);
            match deps.iter().map(|dep| usize::from(*dep)).find(|dep| stuck(*dep)) {
                Some(next) => at = next,
                None => break,
            }
        }
        let closes_here = walk_of.get(at) == Some(&walk);
        if let (true, Some(from)) = (closes_here, path.iter().position(|index| *index == at)) {
            let cycle = path.get(from..).unwrap_or_default();
            faults.push("plan_cycle", format!("/steps/{at}"), describe(plan, cycle));
        }
    }
}

fn describe(plan: &Plan, cycle: &[usize]) -> String {
    let key = |index: &usize| plan.steps.get(*index).map_or("", |step| step.key.as_str());
    let mut names: Vec<&str> = cycle.iter().take(MAX_NAMED_CYCLE).map(key).collect();
    if cycle.len() > MAX_NAMED_CYCLE {
        names.push("…");
    }
    names.extend(cycle.first().map(key));
    format!("steps wait for each other: {}", names.join(" → "))
}
