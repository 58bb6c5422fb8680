//! Whether the process can do its work now, by named checks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Named checks, shared. Ready once at least one is set and all hold.
#[derive(Clone, Debug, Default)]
pub struct ReadyFlag(Arc<Mutex<BTreeMap<&'static str, Result<(), String>>>>);

impl ReadyFlag {
    /// Sets check `name`: it holds, or it does not for `reason`.
    pub fn set(&self, name: &'static str, ok: bool, reason: &str) {
        let outcome = if ok { Ok(()) } else { Err(reason.to_owned()) };
        let mut checks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = checks.insert(name, outcome.clone());
        let changed = before.as_ref() != Some(&outcome);
        drop(checks);
        if changed {
            match outcome {
                Ok(()) => tracing::debug!(check = name, "ready"),
                Err(reason) => tracing::warn!(check = name, reason, "not ready"),
            }
        }
    }

    /// What keeps the process from being ready, by check; empty: it is.
    pub fn reasons(&self) -> BTreeMap<&'static str, String> {
        let checks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if checks.is_empty() {
            return BTreeMap::from([("startup", "starting".to_owned())]);
        }
        let failing = checks
            .iter()
            .filter_map(|(name, outcome)| Some((*name, outcome.as_ref().err()?.clone())));
        failing.collect()
    }

    /// Nothing keeps it.
    pub fn is_ready(&self) -> bool {
        self.reasons().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_needs_a_check_and_every_check() {
        let ready = ReadyFlag::default();
        assert!(!ready.is_ready());
        ready.set("nats", true, "");
        assert!(ready.is_ready());
        ready.set("database", false, "connection refused");
        assert_eq!(
            ready.reasons(),
            BTreeMap::from([("database", "connection refused".to_owned())])
        );
        ready.set("database", true, "");
        assert!(ready.is_ready());
    }
}
