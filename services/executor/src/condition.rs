//! Conditions of the configuration on what a server answered.

use crate::when::same;
use serde_json::Value;
use service::config::ConditionConfig;

/// Whether it holds. Without `equals` and `exists` it asks for presence.
pub fn holds(condition: &ConditionConfig, document: &Value) -> bool {
    let found = document.pointer(&condition.pointer);
    match (&condition.equals, condition.exists) {
        (None, exists) => found.is_some() == exists.unwrap_or(true),
        (Some(wanted), exists) => {
            exists.is_none_or(|wanted| wanted == found.is_some()) && found.is_some_and(|found| same(wanted, found))
        }
    }
}
