//! What may be said of each task's metrics, settled once, for training data: as the analysis of that task and metric
//! answers some days after the days after are over.

use super::analysis::{AnalysisError, Entry, of_one};
use super::level::Level;
use super::query::{Asked, Query, USUAL_DAYS};
use super::window::Windows;
use crate::store::{Beginning, DueLevel, SettledLevel, Store, StoreError};
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Pause between two looks at whether something is due.
const EVERY: Duration = Duration::from_secs(600);
/// Read at a time.
const PAGE: i64 = 256;
/// Of one look; what is left waits for the next.
const MOST_PAGES: usize = 10_000;
/// Figures of the last days come late.
const LATE: TimeDelta = TimeDelta::days(2);
/// Tasks that have not ended are looked at so often, and so long.
const AGAIN: TimeDelta = TimeDelta::days(1);
const FORGOTTEN: TimeDelta = TimeDelta::days(90);

/// Settles levels in the background. Takes turns with those who report and ask.
pub struct Settling {
    /// Where metrics and levels are kept.
    pub store: Store,
    /// Turns of those about business metrics.
    pub turns: Arc<Semaphore>,
}

/// What becomes of a level that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Nothing will ever be said of it.
    Forget,
    Later(DateTime<Utc>),
    Settle(Windows),
}

fn next(due: &DueLevel, now: DateTime<Utc>) -> Next {
    let Some((status, ended)) = &due.ended else {
        let waited = now - due.noted_at;
        return if waited > FORGOTTEN {
            Next::Forget
        } else {
            Next::Later(now + AGAIN)
        };
    };
    if status != "completed" {
        return Next::Forget;
    }
    let windows = Windows::around(*ended, USUAL_DAYS as usize, now);
    let at = windows.end().and_time(NaiveTime::MIN).and_utc() + LATE;
    if at > now {
        Next::Later(at)
    } else {
        Next::Settle(windows)
    }
}

/// Tenant, name, segment, and the days: what is told of all tasks of one group is the same, but for whose effect it is,
/// and that nobody can tell where there is more than one.
type Group = (String, String, String, [NaiveDate; 2]);

impl Settling {
    /// Until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        loop {
            let now = DateTime::from_timestamp_millis(service::clock::now_ms()).unwrap_or_default();
            if let Err(error) = self.settle(now, &shutdown).await {
                tracing::warn!(error = crate::chain(&error), "levels of business metrics wait");
            }
            if !crate::slept(EVERY, &shutdown).await {
                return;
            }
        }
    }

    /// Whatever is due by `now`.
    ///
    /// # Errors
    /// When the database does not answer; what was settled so far stays so.
    pub async fn settle(&self, now: DateTime<Utc>, shutdown: &CancellationToken) -> Result<(), StoreError> {
        for _ in 0..MOST_PAGES {
            let due = self.store.due_levels(now, PAGE).await?;
            if due.is_empty() || shutdown.is_cancelled() {
                break;
            }
            self.settle_page(due, now).await?;
        }
        Ok(())
    }

    async fn settle_page(&self, page: Vec<DueLevel>, now: DateTime<Utc>) -> Result<(), StoreError> {
        let mut groups: BTreeMap<Group, Vec<DueLevel>> = BTreeMap::new();
        let (mut later, mut never) = (Vec::new(), Vec::new());
        for due in page {
            match next(&due, now) {
                Next::Forget => never.push(due),
                Next::Later(at) => later.push((due, at)),
                Next::Settle(windows) => {
                    let (tenant, name, segment) = (due.tenant.clone(), due.name.clone(), due.segment.clone());
                    let days = [windows.began.date_naive(), windows.end()];
                    groups.entry((tenant, name, segment, days)).or_default().push(due);
                }
            }
        }
        self.store.forget_levels(&never).await?;
        for group in groups.into_values() {
            later.extend(self.settle_or_put_off(group, now).await?);
        }
        self.store.look_later(&later).await
    }

    /// What fails for a reason of its own holds up no other: those that are due longest come first each time.
    async fn settle_or_put_off(
        &self,
        group: Vec<DueLevel>,
        now: DateTime<Utc>,
    ) -> Result<Vec<(DueLevel, DateTime<Utc>)>, StoreError> {
        match self.settle_group(&group, now).await {
            Err(error) if error.is_retryable() => Err(error),
            Err(error) => {
                let first = group.first();
                let (tenant, name) = first.map(|due| (&due.tenant, &due.name)).unzip();
                tracing::warn!(
                    ?tenant,
                    ?name,
                    error = crate::chain(&error),
                    "levels of a metric wait for a day"
                );
                Ok(again(group, now))
            }
            Ok(Outcome::Settled) => Ok(Vec::new()),
            Ok(Outcome::Again) => Ok(again(group, now)),
        }
    }

    async fn settle_group(&self, group: &[DueLevel], now: DateTime<Utc>) -> Result<Outcome, StoreError> {
        let Some(first) = group.first() else {
            return Ok(Outcome::Settled);
        };
        // Closed never: then nobody waits for a turn either.
        let _turn = self.turns.acquire().await.ok();
        let found = match of_one(&self.store, &question(first, now)).await {
            Ok(Some(found)) => found,
            // Erased meanwhile.
            Ok(None) | Err(AnalysisError::NoTask) => return Ok(Outcome::Again),
            Err(AnalysisError::Store(error)) => return Err(error),
        };
        // From there on it names its task; the others are due still, and have answers of their own with the next page.
        let names_its_task = found.level.is_some_and(|level| level >= Level::Controlled);
        let of = if names_its_task {
            std::slice::from_ref(first)
        } else {
            group
        };
        self.store.settle_levels(of, &settled(found)).await?;
        Ok(Outcome::Settled)
    }
}

/// What came of a group.
enum Outcome {
    /// As far as it is one answer.
    Settled,
    /// It has to be looked at again.
    Again,
}

fn again(group: Vec<DueLevel>, now: DateTime<Utc>) -> Vec<(DueLevel, DateTime<Utc>)> {
    group.into_iter().map(|due| (due, now + AGAIN)).collect()
}

fn question(due: &DueLevel, now: DateTime<Utc>) -> Query {
    Query {
        tenant: due.tenant.clone(),
        name: Some(due.name.clone()),
        segment: Some(due.segment.clone()),
        controls: Vec::new(),
        asked: Asked::Of(Beginning::Task(due.task)),
        days: USUAL_DAYS as usize,
        now,
    }
}

fn settled(found: Entry) -> SettledLevel {
    let finite = |figure: Option<f64>| figure.filter(|figure| figure.is_finite());
    SettledLevel {
        level: found.level.map(|level| level as u8),
        before: finite(found.before),
        after: finite(found.after),
        effect: finite(found.effect),
        interval: found.interval.filter(|ends| ends.iter().all(|end| end.is_finite())),
        statement: found.statement,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_level_is_settled_two_days_after_the_days_after_and_of_what_completed_alone() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let due = |ended: Option<(&str, &str)>| DueLevel {
            tenant: "t".to_owned(),
            task: Uuid::nil(),
            name: "sales".to_owned(),
            segment: String::new(),
            noted_at: at("2030-03-01T00:00:00Z"),
            ended: ended.map(|(status, time)| (status.to_owned(), at(time))),
        };
        let noon = due(Some(("completed", "2030-03-06T12:00:00Z")));
        // The day itself belongs to neither side: the 7th to the 20th are after.
        let settled = at("2030-03-23T00:00:00Z");
        assert_eq!(next(&noon, settled - TimeDelta::seconds(1)), Next::Later(settled));
        assert!(matches!(next(&noon, settled), Next::Settle(_)));
        let failed = due(Some(("failed", "2030-03-06T12:00:00Z")));
        assert_eq!(next(&failed, settled), Next::Forget);
        assert_eq!(next(&due(None), settled), Next::Later(settled + AGAIN));
        assert_eq!(next(&due(None), at("2030-06-01T00:00:00Z")), Next::Forget);
    }
}
