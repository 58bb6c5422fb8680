//! Parts of plans beside whole plans. Pure.

use crate::store::Fitting;
use serde_json::Value;
use uuid::Uuid;
use workflow::plan::{Plan, containment};

/// The first of each kind, in order.
pub fn most(fitting: Vec<Fitting>, plans: usize, fragments: usize) -> Vec<Fitting> {
    let mut left = [plans, fragments];
    let mut take = |pattern: &Fitting| {
        let [plans, fragments] = &mut left;
        let left = if pattern.fragment { fragments } else { plans };
        let is_left = *left > 0;
        *left = left.saturating_sub(1);
        is_left
    };
    fitting.into_iter().filter(|pattern| take(pattern)).collect()
}

/// Of what was drawn, whole plans first, and then those parts that are in none of them, nor in a part before, or pinned.
pub fn beside_plans(drawn: Vec<Uuid>, fitting: &[Fitting]) -> Vec<Uuid> {
    let found = |id: &Uuid| fitting.iter().find(|pattern| pattern.pattern == *id);
    let (fragments, plans): (Vec<&Fitting>, Vec<&Fitting>) =
        drawn.iter().filter_map(found).partition(|pattern| pattern.fragment);
    let mut offered: Vec<(Uuid, Option<Plan>)> = plans.into_iter().map(read).collect();
    for fragment in fragments {
        let (id, part) = read(fragment);
        let is_within = |plan: &Plan| part.as_ref().is_some_and(|part| containment(part, plan) >= 1.0);
        if fragment.pinned || !offered.iter().filter_map(|(_, plan)| plan.as_ref()).any(is_within) {
            offered.push((id, part));
        }
    }
    offered.into_iter().map(|(id, _)| id).collect()
}

fn read(pattern: &Fitting) -> (Uuid, Option<Plan>) {
    let template = serde_json::from_str::<Value>(&pattern.template).unwrap_or_default();
    (pattern.pattern, serde_json::from_value(template).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interval::{Sample, Shares};
    use crate::patterns::standing::{State, Tally};
    use serde_json::json;

    fn pattern(id: u128, fragment: bool, tools: &[&str]) -> Fitting {
        let step = |(at, tool): (usize, &&str)| {
            let after: Vec<String> = at.checked_sub(1).map(|at| format!("s{at}")).into_iter().collect();
            json!({"key": format!("s{at}"), "tool_id": tool, "depends_on": after})
        };
        let steps: Vec<Value> = tools.iter().enumerate().map(step).collect();
        Fitting {
            pattern: Uuid::from_u128(id),
            fragment,
            subject: String::new(),
            intent: String::new(),
            template: json!({"steps": steps}).to_string(),
            slots: "[]".to_owned(),
            evidence: 3,
            tasks: 3,
            quality: Sample::default(),
            tally: Tally::default(),
            state: State::Trial,
            pinned: false,
            note: None,
            went_well: Shares::default(),
        }
    }

    #[test]
    fn parts_come_after_whole_plans_and_what_a_plan_has_already_is_not_told_twice() {
        let fitting = [
            pattern(1, true, &["find", "write"]),
            pattern(2, false, &["find", "write", "edit"]),
            pattern(3, true, &["shop", "post"]),
            pattern(4, true, &["find", "shop", "post"]),
            // The same steps, and nothing flows from one to the other in the plan.
            pattern(5, true, &["find", "edit"]),
        ];
        let ids = |ids: &[u128]| ids.iter().copied().map(Uuid::from_u128).collect::<Vec<_>>();
        assert_eq!(beside_plans(ids(&[1, 4, 3, 5, 2]), &fitting), ids(&[2, 4, 5]));
        assert_eq!(beside_plans(ids(&[1, 3]), &fitting), ids(&[1, 3]), "no plan was drawn");
        let mut pinned = fitting.clone();
        pinned[0].pinned = true;
        assert_eq!(beside_plans(ids(&[1, 4, 3, 5, 2]), &pinned), ids(&[2, 1, 4, 5]));
        let left = most(fitting.to_vec(), 1, 2);
        assert_eq!(
            left.iter().map(|pattern| pattern.pattern).collect::<Vec<_>>(),
            ids(&[1, 2, 3])
        );
    }
}
