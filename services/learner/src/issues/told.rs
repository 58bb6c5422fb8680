//! What a planning is told of issues.

use crate::store::{KnownIssue, Store, StoreError, TellableIssue};
use contracts::learner::Issue;
use uuid::Uuid;
use workflow::hash::Fingerprint;

/// Most that one planning is told, or not by lot.
pub const MOST_TOLD: i64 = 8;
/// Of tasks that would be told of an issue, one in so many is not.
const ONE_IN: u64 = 10;

/// Whether an issue is withheld from a task: for ever the same answer, by a lot of its own for each issue.
pub fn withheld(task: Uuid, issue: Uuid) -> bool {
    let hash = Fingerprint::of([b"issue withheld".as_slice(), task.as_bytes(), issue.as_bytes()]).to_bytes();
    let head = hash
        .iter()
        .take(6)
        .fold(0_u64, |head, byte| head << 8 | u64::from(*byte));
    head.is_multiple_of(ONE_IN)
}

/// What is significant about tools that a plan may use, what is in most tasks first; notes what is told and what is
/// withheld. A task that is planned again is told what it was told before, as far as that is still worth telling: what it
/// was not told then may have happened in it since.
///
/// # Errors
/// When the database does not answer.
pub async fn known(store: &Store, task: Uuid, tenant: &str, tools: &[String]) -> Result<Vec<Issue>, StoreError> {
    let before = store.were_issues_given(task).await?;
    let mut tellable = store
        .tellable_issues(tenant, tools, MOST_TOLD, before.then_some(task))
        .await?;
    if !before {
        // Ranked before the lots are drawn: nobody moves up for one that is withheld.
        let given = |issue: &TellableIssue| (issue.known.id, issue.hint_key, withheld(task, issue.known.id));
        store
            .note_issues(task, &tellable.iter().map(given).collect::<Vec<_>>())
            .await?;
    }
    tellable.retain(|issue| !withheld(task, issue.known.id));
    Ok(tellable.into_iter().map(|issue| told(issue.known)).collect())
}

fn told(known: KnownIssue) -> Issue {
    Issue {
        issue_id: known.id.to_string(),
        code: known.code,
        tool_id: known.tool,
        condition: known.condition,
        hint: known.hint.unwrap_or_default(),
        repaired: known.repaired,
        tasks: known.rate.hits,
        of: known.rate.n,
    }
}
