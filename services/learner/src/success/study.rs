//! Reading what tasks did and what went wrong in them, comparing it, and keeping what is significant.

use super::association;
use super::effects::{Task, effects};
use super::intents::kinds;
use crate::business::Association;
use crate::scrub::Scrubber;
use crate::store::{Store, StoreError, StudiedTask, Uncompared};
use chrono::DateTime;
use service::metrics::Counter;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Tasks of a tenant that are compared, the latest.
const MOST_TASKS: i64 = 4_000;
/// Pause between two looks at whether there is something new.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Feedback changes what was learned, although no new task came.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_secs(600);
/// Comparing may take this part of the time, however much there is to compare.
const SHARE_OF_TIME: u32 = 50;
/// Tenants compared in one pass: the more there are, the later each comes, and what went wrong waits for none of them.
const MOST_AT_ONCE: i64 = 8;

/// All associations of a tenant's latest tasks, the clearest first.
///
/// # Errors
/// When the database does not answer.
pub async fn associations(store: &Store, tenant: &str) -> Result<Vec<Association>, StoreError> {
    let tasks = store.studied_tasks(tenant, MOST_TASKS).await?;
    // It is arithmetic over some thousand tasks: not beside requests.
    let compared = tokio::task::spawn_blocking(move || effects(&tasks_of(&tasks)).iter().map(association).collect());
    Ok(compared.await.unwrap_or_else(|error| {
        tracing::warn!(%error, "what goes with success was not compared");
        Vec::new()
    }))
}

fn tasks_of(studied: &[StudiedTask]) -> Vec<Task> {
    let words: Vec<BTreeSet<String>> = studied
        .iter()
        .map(|task| task.words.iter().cloned().collect())
        .collect();
    let tasks = studied.iter().zip(kinds(&words)).filter_map(|(task, kind)| {
        let share = |holds: bool| f64::from(u8::from(holds));
        let mut outcomes = BTreeMap::from([("success", share(task.succeeded)), ("first_try", share(task.first_try))]);
        outcomes.extend(task.quality.map(|quality| ("quality", quality)));
        Some(Task {
            kind: kind?,
            features: task.features.iter().cloned().collect(),
            outcomes,
        })
    });
    tasks.collect()
}

/// Keeps what is significant up to date while records come in.
pub struct Study {
    /// Where records are, and associations go.
    pub store: Store,
    /// For what is kept of hints.
    pub scrubber: Scrubber,
}

impl Study {
    /// Until `shutdown`. Little is read while nothing happens, for which `kept` stands.
    pub async fn run(self, kept: Counter, shutdown: CancellationToken) {
        let mut seen: Option<(u64, Instant)> = None;
        let mut pause = Duration::ZERO;
        while crate::slept(pause, &shutdown).await {
            pause = LOOK_EVERY;
            let (now, begun) = (kept.get(), Instant::now());
            if seen.is_some_and(|(then, at)| then == now && begun - at < LOOK_AT_LEAST_EVERY) {
                continue;
            }
            match self.once().await {
                // What is left is next.
                Ok(more) => seen = (!more).then_some((now, begun)),
                Err(error) => tracing::warn!(error = crate::chain(&error), "what goes with success was not compared"),
            }
            pause = pause.max(begun.elapsed() * SHARE_OF_TIME);
        }
    }

    /// Reads what is new, settles issues, and compares some tenants that have something new. True: there are more.
    ///
    /// # Errors
    /// When the database does not answer, or something of one tenant cannot be kept, for which the others do not wait; what was
    /// read so far stays.
    pub async fn once(&self) -> Result<bool, StoreError> {
        while self.store.read_features().await? {}
        while self.store.read_issues(&self.scrubber).await? {}
        let now = DateTime::from_timestamp_millis(service::clock::now_ms()).unwrap_or_default();
        let mut failed = Ok(());
        for tenant in self.store.unsettled_tenants(now).await? {
            go_on(&mut failed, self.store.settle_issues(&tenant, now).await)?;
        }
        let tenants = self.store.uncompared(MOST_AT_ONCE).await?;
        for tenant in &tenants {
            go_on(&mut failed, self.compare(tenant).await)?;
        }
        failed.map(|()| tenants.len() as i64 == MOST_AT_ONCE)
    }

    async fn compare(&self, of: &Uncompared) -> Result<(), StoreError> {
        let all = associations(&self.store, &of.tenant).await?;
        let significant: Vec<&Association> = all.iter().filter(|one| one.significant).collect();
        self.store.keep_associations(of, &significant).await
    }
}

/// Remembers the first failure; only where the database is away the others would fail, too.
fn go_on(failed: &mut Result<(), StoreError>, came: Result<(), StoreError>) -> Result<(), StoreError> {
    match came {
        Err(error) if error.is_retryable() => return Err(error),
        Err(error) if failed.is_ok() => *failed = Err(error),
        _ => {}
    }
    Ok(())
}
