//! What waits for what in a plan that may not be valid: a pattern's has slots where values go.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use workflow::plan::{Plan, PlanStep, Slots};

/// The steps each step waits for, by index.
pub struct Flow {
    /// By reference or condition: something of the other step is taken.
    pub data: Vec<BTreeSet<usize>>,
    /// By `depends_on` alone.
    pub order: Vec<BTreeSet<usize>>,
}

impl Flow {
    /// Of the plan; what names no step is left out.
    pub fn of(plan: &Plan) -> Self {
        let places: BTreeMap<&str, usize> = (0..)
            .zip(&plan.steps)
            .map(|(at, step)| (step.key.as_str(), at))
            .collect();
        let place = |key: &String| places.get(key.as_str()).copied();
        let data = plan
            .steps
            .iter()
            .map(|step| taken_from(step).iter().filter_map(place).collect());
        let data: Vec<BTreeSet<usize>> = data.collect();
        let stated = plan
            .steps
            .iter()
            .map(|step| step.depends_on.iter().filter_map(place).collect());
        let stated: Vec<BTreeSet<usize>> = stated.collect();
        let order = stated.iter().zip(&data).map(|(stated, data)| stated - data).collect();
        Self { data, order }
    }

    /// All the steps that one waits for directly.
    pub fn before(&self, step: usize) -> impl Iterator<Item = usize> + '_ {
        [&self.data, &self.order]
            .into_iter()
            .filter_map(move |sides| sides.get(step))
            .flatten()
            .copied()
    }

    /// Steps in an order in which each comes after those it waits for; none where some wait for each other.
    pub fn sorted(&self) -> Option<Vec<usize>> {
        let mut sorted = Vec::with_capacity(self.data.len());
        let mut done = vec![false; self.data.len()];
        while sorted.len() < self.data.len() {
            let so_far = sorted.len();
            for step in 0..self.data.len() {
                let ready =
                    done.get(step) == Some(&false) && self.before(step).all(|before| done.get(before) == Some(&true));
                if let (true, Some(done)) = (ready, done.get_mut(step)) {
                    *done = true;
                    sorted.push(step);
                }
            }
            if sorted.len() == so_far {
                return None;
            }
        }
        Some(sorted)
    }
}

/// Keys of the steps something of which is taken, in whatever member: all are looked into but what is checked afterwards.
fn taken_from(step: &PlanStep) -> BTreeSet<String> {
    let Ok(Value::Object(mut members)) = serde_json::to_value(step) else {
        return BTreeSet::new();
    };
    members.remove("acceptance");
    let references = Slots::of(&members).references.into_iter();
    let referred = references.filter_map(|(_, reference)| reference.ok());
    let condition = step.when.as_ref().and_then(|when| when.step.clone());
    referred
        .map(|reference| reference.step.to_owned())
        .chain(condition)
        .collect()
}
