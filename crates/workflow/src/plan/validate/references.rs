//! What a step refers to: `depends_on`, `$step` arguments and `when`.

use super::faults::Faults;
use super::keys::Keys;
use crate::plan::model::PlanStep;
use crate::plan::pointer::is_pointer;
use crate::plan::slots::Slots;

/// A step's edges, as indices in ascending order.
#[derive(Default)]
pub(in crate::plan) struct Links {
    pub(in crate::plan) deps: Vec<u16>,
    pub(in crate::plan) inputs: Vec<u16>,
}

impl Links {
    /// What is taken is depended on; both in order, each once.
    pub(in crate::plan) fn close(&mut self) {
        self.deps.extend_from_slice(&self.inputs);
        for list in [&mut self.deps, &mut self.inputs] {
            list.sort_unstable();
            list.dedup();
        }
    }
}

pub(super) fn resolve(index: usize, step: &PlanStep, slots: &Slots<'_>, keys: &Keys<'_>, faults: &mut Faults) -> Links {
    let mut links = Links::default();
    let find = |key: &str, at: &dyn Fn() -> String, faults: &mut Faults| match keys.get(key) {
        Some(target) if usize::from(target) == index => {
            faults.push("plan_ref", at(), "a step cannot depend on itself");
            None
        }
        Some(target) => Some(target),
        None => {
            faults.push("plan_ref", at(), format!("there is no step `{key}`"));
            None
        }
    };

    for (position, key) in step.depends_on.iter().enumerate() {
        let at = || format!("/steps/{index}/depends_on/{position}");
        links.deps.extend(find(key, &at, faults));
    }
    let list = step.for_each.as_ref().map(|each| Slots::of_value(&each.items));
    let listed = list.iter().flat_map(|slots| &slots.references);
    let listed = listed.map(|found| ("for_each/items", found));
    let taken = slots.references.iter().map(|found| ("arguments", found));
    for (member, (place, reference)) in taken.chain(listed) {
        let at = || format!("/steps/{index}/{member}{place}");
        match reference {
            Err(malformed) => faults.push("plan_ref", at(), malformed.to_string()),
            Ok(reference) => {
                if !is_pointer(reference.pointer) {
                    let detail =
                        "not a JSON pointer (RFC 6901): empty, or `/` and names with ~0 for `~` and ~1 for `/`";
                    faults.push("plan_ref", format!("{}/pointer", at()), detail);
                }
                let target = find(reference.step, &|| format!("{}/$step", at()), faults);
                links.inputs.extend(target);
            }
        }
    }
    if let Some(key) = step.when.as_ref().and_then(|when| when.step.as_deref()) {
        let at = || format!("/steps/{index}/when/$step");
        links.inputs.extend(find(key, &at, faults));
    }

    links.close();
    links
}
