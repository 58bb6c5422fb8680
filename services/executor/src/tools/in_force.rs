//! Which definitions of tools are in force in the catalog: those that were trusted at first or approved since.

use super::served::Served;
use contracts::coordinator::ListDefinitionsResponse;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};
use workflow::hash::Fingerprint;

/// What the catalog said last. Cheap to clone; clones see the same.
#[derive(Clone, Default)]
pub struct InForce(Arc<RwLock<Option<BTreeMap<String, Standing>>>>);

/// What the catalog has of a tool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// The definition in force; none where somebody took the tool out of use.
    pub definition: Option<Fingerprint>,
    /// Plans and agents may call it. One that changed has a definition in force and waits for approval all the same.
    pub active: bool,
}

impl InForce {
    /// The catalog says this, of all the tools it was asked for.
    pub fn set(&self, said: &ListDefinitionsResponse) {
        let active: HashSet<&String> = said.active.iter().collect();
        let standing = |(tool_id, hash): (&String, &String)| {
            let standing = Standing {
                // A state stands in its place.
                definition: serde_json::from_value(hash.as_str().into()).ok(),
                active: active.contains(tool_id),
            };
            (tool_id.clone(), standing)
        };
        let known = said.in_force.iter().map(standing).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(known);
    }

    /// The catalog was asked, and has answered.
    pub fn is_known(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// What the catalog has of this tool; none where it does not know the tool, or has not been asked.
    pub fn of(&self, tool_id: &str) -> Option<Standing> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.as_ref()?.get(tool_id).copied()
    }

    /// Agents may call it: the catalog has it in use, and as it is served here.
    pub fn lets_agents_call(&self, served: &Served) -> bool {
        let standing = self.of(&served.spec().tool_id).filter(|standing| standing.active);
        let definition = standing.and_then(|standing| standing.definition);
        definition.is_some_and(|definition| served.is(&definition.to_string()))
    }
}
