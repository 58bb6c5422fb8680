//! `orchestrator watch`.

use super::Caller;
use crate::failure::NotCompleted;
use crate::progress::Follower;
use crate::text::field;
use anyhow::Result;

/// Shows a task until its end.
///
/// # Errors
/// When the task ends in another way than completed.
pub async fn run(caller: &Caller, task_id: &str, after: u64) -> Result<()> {
    let mut follower = Follower::new(&caller.client, task_id, after, caller.json);
    while follower.next().await?.is_some() {}
    // Its last event may have been before the watch began.
    let status = field(&caller.client.status(task_id).await?, "status");
    if status == "completed" {
        Ok(())
    } else {
        Err(NotCompleted { status }.into())
    }
}
