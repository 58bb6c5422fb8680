//! Issues as documents.

use super::standing::{REMEMBERED, stopped};
use crate::figure::{Figure, Window};
use crate::interval::share;
use crate::store::{KnownIssue, Store, StoreError};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// Most that are told of at once.
const MOST: i64 = 100;

/// A tenant's issues: those that planners are told first, then by the share of tasks they are in.
///
/// # Errors
/// When the database does not answer.
pub async fn documents(store: &Store, tenant: &str) -> Result<Value, StoreError> {
    let known = store.issues(tenant, MOST).await?;
    let documents = known.iter().map(|(issue, settled_at)| document(issue, *settled_at));
    Ok(documents.collect())
}

/// As figures were made of the tasks that ended in the time before `settled_at` that is remembered.
fn document(issue: &KnownIssue, settled_at: Option<DateTime<Utc>>) -> Value {
    let window = settled_at.map(|until| Window::new(until - REMEMBERED, until));
    let offers = issue.offers;
    json!({
        "issue_id": issue.id,
        "code": issue.code,
        "tool": issue.tool,
        "condition": issue.condition,
        "state": issue.state,
        "hint": issue.hint,
        "hint_source": issue.source,
        "repaired": issue.repaired,
        "seen": issue.seen,
        "tasks": issue.tasks,
        "first_seen": service::clock::rfc3339(issue.first_seen.timestamp_millis()),
        "last_seen": service::clock::rfc3339(issue.last_seen.timestamp_millis()),
        "rate": Figure::new(share(issue.rate.hits, issue.rate.n), window),
        "told": offers.told,
        "withheld": offers.withheld,
        "recurred_told": offers.recurred_told,
        "recurred_withheld": offers.recurred_withheld,
        "stopped": stopped_or_null(issue),
    })
}

/// Of all that were told or not, whenever; null while nothing can be compared.
fn stopped_or_null(issue: &KnownIssue) -> Option<Figure> {
    let found = stopped(issue.offers);
    found.value.is_some().then(|| Figure::new(found, None))
}
