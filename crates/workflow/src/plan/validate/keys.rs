//! Step keys: well formed, each once, and their index.

use super::faults::Faults;
use crate::plan::model::Plan;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

const MAX_KEY_CHARS: usize = 64;

/// Index of each step by its key; of two with the same key, the first.
pub(super) struct Keys<'a>(BTreeMap<&'a str, u16>);

impl<'a> Keys<'a> {
    pub(super) fn index(plan: &'a Plan, faults: &mut Faults) -> Self {
        let mut keys = BTreeMap::new();
        for (index, step) in (0_u16..).zip(&plan.steps) {
            let at = || format!("/steps/{index}/key");
            if !is_key(&step.key) {
                let rule = "a key is a letter, then letters, digits, `_` or `-`, at most 64 characters";
                faults.push("plan_key", at(), rule);
            }
            match keys.entry(step.key.as_str()) {
                Entry::Vacant(free) => {
                    free.insert(index);
                }
                Entry::Occupied(first) => {
                    let detail = format!("the key is taken by /steps/{}", first.get());
                    faults.push("plan_duplicate_key", at(), detail);
                }
            }
        }
        Self(keys)
    }

    pub(super) fn get(&self, key: &str) -> Option<u16> {
        self.0.get(key).copied()
    }
}

fn is_key(text: &str) -> bool {
    text.len() <= MAX_KEY_CHARS
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}
