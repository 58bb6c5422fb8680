//! Which definitions of tools are in force in the catalog: those that were trusted at first or approved since.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};
use workflow::hash::Fingerprint;

/// What the catalog said last. Cheap to clone; clones see the same.
#[derive(Clone, Default)]
pub struct InForce(Arc<RwLock<BTreeMap<String, Fingerprint>>>);

impl InForce {
    /// The catalog says this: hashes by tool id.
    pub fn set(&self, hashes: HashMap<String, String>) {
        let read = |(tool_id, hash): (String, String)| Some((tool_id, serde_json::from_value(hash.into()).ok()?));
        let hashes = hashes.into_iter().filter_map(read).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = hashes;
    }

    /// The definition of this tool; none where the catalog does not know the tool, or has not been asked.
    pub fn of(&self, tool_id: &str) -> Option<Fingerprint> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(tool_id).copied()
    }
}
