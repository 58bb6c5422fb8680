//! Which steps of a plan may run side by side.

use crate::text::{field, items, shown};
use serde_json::Value;
use std::collections::HashMap;

/// The steps by topological layer: each after everything it depends on, and no later than that needs.
/// Steps in a cycle, which no valid plan has, come last, so that none is lost.
pub fn layers(steps: &[Value]) -> Vec<Vec<&Value>> {
    let mut depth: HashMap<String, usize> = HashMap::new();
    let mut rest: Vec<&Value> = steps.iter().collect();
    let mut layers: Vec<Vec<&Value>> = Vec::new();
    while !rest.is_empty() {
        let (ready, waiting): (Vec<_>, Vec<_>) = rest.into_iter().partition(|step| {
            items(step, "depends_on")
                .iter()
                .all(|key| depth.contains_key(&shown(key)))
        });
        if ready.is_empty() {
            layers.push(waiting);
            break;
        }
        for step in &ready {
            depth.insert(field(step, "key"), layers.len());
        }
        layers.push(ready);
        rest = waiting;
    }
    layers
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn keys(steps: &[Value]) -> Vec<Vec<String>> {
        let names = |layer: Vec<&Value>| layer.into_iter().map(|step| field(step, "key")).collect();
        layers(steps).into_iter().map(names).collect()
    }

    #[test]
    fn a_step_stands_right_behind_the_last_one_it_waits_for() {
        let step = |key: &str, deps: &[&str]| json!({ "key": key, "depends_on": deps });
        let plan = [
            step("publish", &["b", "draft"]),
            step("a", &[]),
            step("draft", &["a"]),
            step("b", &[]),
        ];
        assert_eq!(keys(&plan), [vec!["a", "b"], vec!["draft"], vec!["publish"]]);
    }

    #[test]
    fn steps_that_wait_for_each_other_or_for_nothing_known_are_not_lost() {
        let plan = [
            json!({ "key": "a" }),
            json!({ "key": "b", "depends_on": ["c"] }),
            json!({ "key": "c", "depends_on": ["b", "gone"] }),
        ];
        assert_eq!(keys(&plan), [vec!["a"], vec!["b", "c"]]);
    }
}
