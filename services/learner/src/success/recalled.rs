//! What a planning is told of what goes with success.

use crate::store::{Store, StoreError};
use contracts::learner::Association;

/// Most that one planning is told.
const MOST: usize = 10;
/// Read, before what is about other tools is left out.
const MOST_READ: i64 = 200;

/// What is significant and about tools that a plan may use, the clearest first.
///
/// # Errors
/// When the database does not answer.
pub async fn known(store: &Store, tenant: &str, tools: &[String]) -> Result<Vec<Association>, StoreError> {
    let known = store.significant(tenant, MOST_READ).await?;
    let usable = known
        .into_iter()
        .filter(|known| is_about(&known.feature, tools))
        .take(MOST);
    let told = usable.map(|known| Association {
        feature: known.feature,
        outcome: known.outcome,
        effect: known.effect,
        q: known.q,
        n: known.n.unsigned_abs(),
        statement: known.statement,
    });
    Ok(told.collect())
}

fn is_about(feature: &str, tools: &[String]) -> bool {
    let is_usable = |tool: &str| tools.iter().any(|known| known == tool);
    match feature.split_once(':') {
        Some(("order", order)) => order.split(" > ").all(is_usable),
        Some(("tool" | "retry", tool)) => is_usable(tool),
        _ => true,
    }
}
